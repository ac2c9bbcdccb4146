package recorder

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Filter selects recordings. Empty fields select all.
type Filter struct {
	Agent, CallID, Queue string
	// Number is a whole number, of the caller or the called; NumberEnd its last digits. What people write
	// between digits does not count.
	Number, NumberEnd string
	Variables         map[string]string // each has this value
	State             wire.RecordingState
	Held              *bool
	Since, Until      time.Time // of the start; Until is not included
	// Own and Queues bound what may be seen: recordings of the agent, or of one of the queues. Both empty:
	// everything.
	Own    string
	Queues []string
	Cursor string // as List returned it
	Limit  int    // 1 to 200; 0: 50
}

// facts is what filters read of a recording.
type facts struct {
	id, call, agent, queue, state, from, to string
	agents                                  []string // where there are several
	variables                               []string // "name=value"
	started, keep                           int64    // Unix time in milliseconds, keep 0 for ever
}

// brief is what of a recording's line facts are made of; reading no more makes reading quicker.
type brief struct {
	ID        string              `json:"id"`
	CallID    string              `json:"call_id"`
	State     wire.RecordingState `json:"state"`
	Agent     string              `json:"agent"`
	Agents    []string            `json:"agents"`
	From      string              `json:"from"`
	To        string              `json:"to"`
	Queue     string              `json:"queue"`
	Started   time.Time           `json:"started"`
	Variables map[string]string   `json:"variables"`
	KeepUntil *time.Time          `json:"keep_until"`
}

func (b brief) recording() wire.Recording {
	return wire.Recording{
		ID: b.ID, CallID: b.CallID, State: b.State, Agent: b.Agent, Agents: b.Agents, From: b.From, To: b.To, Queue: b.Queue,
		Started: b.Started, Variables: b.Variables, KeepUntil: b.KeepUntil,
	}
}

func factsOf(w wire.Recording) facts {
	f := facts{id: w.ID, call: w.CallID, agent: w.Agent, queue: w.Queue, state: string(w.State), from: w.From, to: w.To, started: w.Started.UnixMilli()}
	if len(w.Agents) > 1 {
		f.agents = w.Agents
	}
	for name, value := range w.Variables {
		f.variables = append(f.variables, name+"="+value)
	}
	if w.KeepUntil != nil {
		f.keep = w.KeepUntil.UnixMilli()
	}
	return f
}

// pass makes the filter's test. marks tells what is known of a recording beside its row.
func (f Filter) pass(marks func(recID string) (held, deleting bool)) func(*facts) bool {
	var variables []string
	for name, value := range f.Variables {
		variables = append(variables, name+"="+value)
	}
	number, end := digitsOf(f.Number), digitsOf(f.NumberEnd)
	var since, until int64
	if !f.Since.IsZero() {
		since = f.Since.UnixMilli()
	}
	if !f.Until.IsZero() {
		until = f.Until.UnixMilli()
	}
	return func(x *facts) bool {
		took := func(agent string) bool { return x.agent == agent || slices.Contains(x.agents, agent) }
		switch {
		case f.CallID != "" && x.call != f.CallID, f.Queue != "" && x.queue != f.Queue, f.Agent != "" && !took(f.Agent),
			since != 0 && x.started < since, until != 0 && x.started >= until,
			f.Number != "" && !(isNumber(x.from, f.Number, number) || isNumber(x.to, f.Number, number)),
			f.NumberEnd != "" && !(endsIn(x.from, end) || endsIn(x.to, end)):
			return false
		case (f.Own != "" || len(f.Queues) > 0) && !(f.Own != "" && took(f.Own)) && !(x.queue != "" && slices.Contains(f.Queues, x.queue)):
			return false
		}
		for _, v := range variables {
			if !slices.Contains(x.variables, v) {
				return false
			}
		}
		if f.State == "" && f.Held == nil {
			return true
		}
		held, deleting := marks(x.id)
		state := x.state
		if deleting {
			state = string(wire.RecordingDeleting)
		}
		return (f.State == "" || state == string(f.State)) && (f.Held == nil || held == *f.Held)
	}
}

// user is the part of a SIP address that is a number or a name; of anything else it is all.
func user(s string) string {
	if _, rest, ok := strings.Cut(s, ":"); ok {
		s = rest
	}
	s, _, _ = strings.Cut(s, "@")
	return s
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, user(s))
}

// endsIn reports whether the digits of s end with these; no digits are the end of nothing.
func endsIn(s, digits string) bool {
	s = user(s)
	at := len(digits)
	for i := len(s) - 1; i >= 0 && at > 0; i-- {
		if s[i] < '0' || s[i] > '9' {
			continue
		}
		if at--; s[i] != digits[at] {
			return false
		}
	}
	return at == 0 && digits != ""
}

// isNumber reports whether s is what is looked for, as text or by its digits.
func isNumber(s, text, digits string) bool {
	return s == text || digits != "" && endsIn(s, digits) && len(digitsOf(s)) == len(digits)
}

// List returns recordings, the newest first, and the cursor of the next page, empty on the last.
func (r *Recorder) List(f Filter) ([]wire.Recording, string, error) {
	if f.Cursor != "" && !id.Valid(id.Recording, f.Cursor) {
		return nil, "", problem.New(http.StatusUnprocessableEntity, "invalid_cursor", "the cursor is not one this server gave")
	}
	if f.Limit == 0 {
		f.Limit = 50
	}
	f.Limit = min(max(f.Limit, 1), 200)
	pass := f.pass(r.custody.marks)
	r.mu.Lock()
	recs := slices.Collect(maps.Values(r.live))
	list := []wire.Recording{}
	seen := make(map[string]bool)
	for _, w := range r.waiting {
		list, seen[w.manifest.Recording.ID] = append(list, w.manifest.Recording), true
	}
	r.mu.Unlock()
	for _, rec := range recs {
		if w := rec.Snapshot(); !seen[w.ID] {
			list, seen[w.ID] = append(list, w), true
		}
	}
	list = slices.DeleteFunc(list, func(w wire.Recording) bool {
		x := factsOf(w)
		return f.Cursor != "" && w.ID >= f.Cursor || !pass(&x)
	})
	stored, err := r.index.list(f.Cursor, pass, f.Limit+1)
	if err != nil {
		return nil, "", err
	}
	for _, w := range stored {
		if !seen[w.ID] {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b wire.Recording) int { return cmp.Compare(b.ID, a.ID) })
	next := ""
	if len(list) > f.Limit {
		list, next = list[:f.Limit], list[f.Limit-1].ID
	}
	for i := range list {
		list[i] = r.custody.dress(list[i])
	}
	return list, next, nil
}
