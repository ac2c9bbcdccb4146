package agentapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

// recordings is the recorder, or 503 when this server records nothing.
func (q *request) recordings() (Recordings, error) {
	if q.s.deps.Recordings == nil {
		return nil, problem.New(http.StatusServiceUnavailable, "recorder_off", "recording is switched off in the configuration")
	}
	return q.s.deps.Recordings, nil
}

// recordingFor finds the path's recording and checks that it is the token's business.
func (q *request) recordingFor() (Recordings, wire.Recording, error) {
	r, err := q.recordings()
	if err != nil {
		return nil, wire.Recording{}, err
	}
	w, err := r.Get(q.path("recording"))
	if err == nil && !q.all() && !q.ownAllows(w) && !q.queueAllows(w.Queue) {
		err = q.notOwn("recording", w.ID)
	}
	return r, w, err
}

// ownAllows reports whether the token may do this to the agent's own recordings, and the recording is one.
func (q *request) ownAllows(w wire.Recording) bool {
	return q.claims.Allows(q.route.Own) && (ownRecording(w, q.claims.Agent) || q.holds(w.CallID))
}

// queues are the queues whose recordings the token may do this to, by grants like recording:listen:queue:sales.
func (q *request) queues() []string { return q.claims.Below(q.route.Grant + ":queue:") }

func (q *request) queueAllows(queue string) bool {
	return queue != "" && slices.Contains(q.queues(), queue)
}

func ownRecording(w wire.Recording, agent string) bool {
	return agent != "" && (w.Agent == agent || slices.Contains(w.Agents, agent))
}

func getRecordings(q *request) error {
	r, err := q.recordings()
	if err != nil {
		return err
	}
	v := q.r.URL.Query()
	f := recorder.Filter{
		Agent: v.Get("agent"), CallID: v.Get("call_id"), Queue: v.Get("queue"), Number: v.Get("number"), NumberEnd: v.Get("number_end"),
		State: wire.RecordingState(v.Get("state")), Cursor: v.Get("cursor"),
	}
	if f.State != "" && !slices.Contains(wire.Enums["RecordingState"], string(f.State)) {
		return invalidQuery("state", "state is one of "+strings.Join(wire.Enums["RecordingState"], ", "))
	}
	if q.masked() && len(f.NumberEnd) > hiddenEnd {
		return forbidden(q.route.Grant, "numbers are masked: ask by number_end with at most four characters, or by the whole number")
	}
	for _, word := range v["variable"] {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return invalidQuery("variable", "variable must be name=value; it may be given several times")
		}
		if f.Variables == nil {
			f.Variables = make(map[string]string)
		}
		f.Variables[name] = value
	}
	if s := v.Get("held"); s != "" {
		held, err := strconv.ParseBool(s)
		if err != nil {
			return invalidQuery("held", "held is true or false")
		}
		f.Held = &held
	}
	if c := q.path("call"); c != "" {
		f.CallID = c
	}
	if f.Limit, err = q.limit(); err != nil {
		return err
	}
	if f.Since, err = q.when("since"); err != nil {
		return err
	}
	if f.Until, err = q.when("until"); err != nil {
		return err
	}
	if !q.all() {
		f.Own, f.Queues = q.claims.Agent, q.queues()
		if len(f.Queues) == 0 && f.Agent != "" && f.Agent != q.claims.Agent {
			return q.notOwn("agent", f.Agent)
		}
		if len(f.Queues) == 0 && f.Own == "" {
			return problem.New(http.StatusNotFound, "no_agent", "the token is no agent's")
		}
		if !q.claims.Allows(q.route.Own) {
			f.Own = ""
		}
	}
	items, next, err := r.List(f)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.RecordingList{Items: list(items), Next: next})
}

// maySetPolicy refuses a call's own recording policy to tokens that may not start and stop recordings.
func (q *request) maySetPolicy(p *wire.RecordingPolicy) error {
	const grant = "recording:control"
	if p == nil || q.claims.Allows(grant) {
		return nil
	}
	return forbidden(grant, "the token lacks the grant "+grant+" to say how a call is recorded")
}

func postRecording(q *request) error {
	if _, err := q.recordings(); err != nil {
		return err
	}
	var in wire.RecordingRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	c, err := q.callFor(func(wire.Call) error { return nil })
	if err != nil {
		return err
	}
	policy := wire.RecordingPolicy{Parties: in.Parties, Voice: in.Voice, Copy: in.Copy, CopyFormat: in.CopyFormat, G711: in.G711, Rules: in.Rules}
	if !policy.Valid() {
		return invalid("/rules", "out_of_range", "a value is none there is, or out of range")
	}
	w, err := q.s.deps.Calls.Record(q.ctx(), c.ID, &policy, q.actor())
	if err != nil {
		return err
	}
	q.header("Location", "/v1/recordings/"+w.ID)
	return q.reply(http.StatusCreated, w)
}

func getRecording(q *request) error {
	_, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func (q *request) replyRecording(w wire.Recording, err error) error {
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func postPause(q *request) error {
	var in wire.PauseRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.MaxSeconds < 0 || in.MaxSeconds > 24*3600 {
		return invalid("/max_seconds", "out_of_range", "max_seconds must lie between 1 and 86400")
	}
	_, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	if err := q.mayUse(w.CallID, "recording"); err != nil {
		return err
	}
	return q.replyRecording(q.s.deps.Calls.PauseRecording(q.ctx(), w.ID, time.Duration(in.MaxSeconds)*time.Second, in.Reason, q.actor()))
}

func postResumeRecording(q *request) error {
	_, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	if err := q.mayUse(w.CallID, "recording"); err != nil {
		return err
	}
	return q.replyRecording(q.s.deps.Calls.ResumeRecording(q.ctx(), w.ID, q.actor()))
}

func postStop(q *request) error {
	var in wire.StopRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	_, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	return q.replyRecording(q.s.deps.Calls.StopRecording(q.ctx(), w.ID, q.actor()))
}

// getTrack streams a track. Nobody may keep it: it can be erased here, and must not live on in a browser.
func getTrack(q *request) error {
	r, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	track, _, contentType, err := r.OpenTrack(q.ctx(), w.ID, q.path("track"))
	if err != nil {
		return err
	}
	defer track.Close()
	asked := q.r.URL.Query().Get("download")
	download := asked != "" && asked != "false"
	if err := q.auditPlay(w, q.path("track"), download); err != nil {
		return err
	}
	how := "inline"
	if download {
		how = "attachment"
	}
	q.header("Content-Type", contentType)
	q.header("Content-Disposition", how+`; filename="`+fileName(w.ID, q.path("track"), contentType)+`"`)
	if w.Ended != nil {
		for _, t := range w.Tracks {
			if t.ID == q.path("track") && t.SHA256 != "" {
				q.header("ETag", strconv.Quote(t.SHA256)) // of its parts; no-store stays, for it may be erased
			}
		}
	}
	q.status = http.StatusOK
	http.ServeContent(q.w, q.r, "", time.Time{}, track)
	return nil
}

// safeName keeps the letters, digits, dots and dashes of a name.
func safeName(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		if c == '-' || c == '_' || c == '.' || ('0' <= c && c <= '9') || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') {
			out = append(out, c)
		}
	}
	return string(out)
}

func getPeaks(q *request) error {
	r, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	p, err := r.Peaks(q.ctx(), w.ID)
	if err != nil {
		return err
	}
	p.Tracks = list(p.Tracks)
	return q.reply(http.StatusOK, p)
}
