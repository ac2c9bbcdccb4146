package floor

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// maxTarget bounds the name of a target in characters (W37).
const maxTarget = 36

// target is somebody to ask, add or transfer to, found in the configuration and free now.
type target struct {
	kind   wire.TargetKind
	name   string
	agent  agent.Agent // TargetAgent
	line   *line       // TargetQueue, TargetEntryPoint
	number Number      // TargetEntryPoint
}

func badTarget(pointer, code, detail string) error {
	return &problem.Error{
		Status: http.StatusUnprocessableEntity, Code: "invalid_target", Detail: detail,
		Fields: []problem.Field{{Pointer: pointer, Code: code, Detail: detail}},
	}
}

// resolve finds a target. A number that is one of our own entry points is one, and not dialled (W42).
func (f *Floor) resolve(c contact.Contact, kind wire.TargetKind, name string) (target, error) {
	name = strings.TrimSpace(name)
	t := target{kind: kind, name: name}
	switch {
	case name == "":
		return t, badTarget("/target", "required", "say whom")
	case utf8.RuneCountInString(name) > maxTarget:
		return t, badTarget("/target", "too_long", "a target has at most 36 characters")
	}
	switch kind {
	case wire.TargetAgent:
		a, err := f.agent(name)
		if err != nil {
			return t, err
		}
		if a.Call == c.ID {
			return t, badTarget("/target", "on_the_call", "this agent is on the call already")
		}
		if !a.Free() {
			return t, problem.Conflict("target_not_available", string(a.Visible()), a.Allowed(), "agent %s is %s", name, a.Visible())
		}
		t.agent = a
	case wire.TargetQueue:
		if t.line = f.queues[name]; t.line == nil {
			return t, problem.NotFound("queue", name)
		}
	case wire.TargetNumber, wire.TargetEntryPoint:
		n, ok := f.numbers[Normalize(name)]
		if ok && n.Number != Any {
			t.kind, t.number, t.line = wire.TargetEntryPoint, n, f.queues[n.Queue]
			break
		}
		if kind == wire.TargetEntryPoint {
			return t, problem.NotFound("entry_point", name)
		}
		if !dialable(name) {
			return t, badTarget("/target", "invalid", "this is no number and no SIP address")
		}
	default:
		return t, badTarget("/kind", "unknown_value", "a target is an agent, a queue, a number or an entry_point")
	}
	return t, nil
}

// dialable reports whether a text is a telephone number as people write it, or a SIP address.
func dialable(s string) bool {
	if user, ok := strings.CutPrefix(s, "sip:"); ok {
		return user != "" && !strings.ContainsAny(user, " \t\r\n<>\"")
	}
	digits := strings.TrimPrefix(Normalize(s), "+")
	return digits != "" && strings.Trim(digits, "0123456789*#") == ""
}

// place is where a call transferred to the target stands in its queue: with the rank of the entry point
// where there is one, and always as long as it has waited already.
func (t target) place(p queue.Place) queue.Place {
	p.Front = false
	if t.kind == wire.TargetEntryPoint {
		p.Class, p.Priority = t.number.Class, t.number.Priority
	}
	return p
}

// fallback is the queue in which a transferred call waits when who should have taken it does not: its own,
// the configured one, or the first the agent serves.
func (f *Floor) fallback(c contact.Contact, agentID string) (string, error) {
	for _, q := range []string{c.Queue, f.cfg.Handling.FallbackQueue} {
		if f.queues[q] != nil {
			return q, nil
		}
	}
	if s := f.agents[agentID]; s != nil && len(s.lines) > 0 {
		return s.lines[0].ID, nil
	}
	return "", problem.New(http.StatusConflict, "no_fallback_queue", "there is no queue the call could wait in if the transfer fails")
}

// Targets are the agents, queues and entry points whose name or id contains the text, those who are free
// first, at most limit.
func (f *Floor) Targets(text string, limit int) []wire.Target {
	text = strings.ToLower(strings.TrimSpace(text))
	out := []wire.Target{}
	add := func(t wire.Target) {
		if strings.Contains(strings.ToLower(t.Label), text) || strings.Contains(strings.ToLower(t.ID), text) {
			out = append(out, t)
		}
	}
	for _, a := range f.cfg.Agents {
		s, _ := f.agent(a.ID) // is configured
		label := a.Name
		if label == "" {
			label = a.ID
		}
		add(wire.Target{Kind: wire.TargetAgent, ID: a.ID, Label: label, State: s.Visible(), Free: s.Free()})
	}
	for _, l := range f.order {
		add(wire.Target{Kind: wire.TargetQueue, ID: l.ID, Label: l.Name, Free: len(l.Idle()) > 0})
	}
	for _, n := range f.cfg.Numbers {
		if l := f.queues[n.Queue]; n.Number != Any && l != nil {
			add(wire.Target{Kind: wire.TargetEntryPoint, ID: n.Number, Label: n.Number + " (" + l.Name + ")", Free: len(l.Idle()) > 0})
		}
	}
	slices.SortStableFunc(out, func(a, b wire.Target) int {
		if a.Free == b.Free {
			return 0
		}
		if a.Free {
			return -1
		}
		return 1
	})
	return out[:min(len(out), limit)]
}
