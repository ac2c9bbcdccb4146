package agentapi

import (
	"net/http"
	"slices"
	"strconv"
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
	if err == nil && !q.all() && !ownRecording(w, q.claims.Agent) && !q.serves(w.CallID) {
		err = q.notOwn("recording", w.ID)
	}
	return r, w, err
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
	f := recorder.Filter{Agent: v.Get("agent"), CallID: v.Get("call_id"), Queue: v.Get("queue"), Cursor: v.Get("cursor")}
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
		if f.Agent != "" && f.Agent != q.claims.Agent {
			return q.notOwn("agent", f.Agent)
		}
		if f.Agent = q.claims.Agent; f.Agent == "" {
			return problem.New(http.StatusNotFound, "no_agent", "the token is no agent's")
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
	policy := wire.RecordingPolicy{Parties: in.Parties, Voice: in.Voice, Copy: in.Copy}
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
	return q.replyRecording(q.s.deps.Calls.PauseRecording(q.ctx(), w.ID, time.Duration(in.MaxSeconds)*time.Second, in.Reason, q.actor()))
}

func postResumeRecording(q *request) error {
	_, w, err := q.recordingFor()
	if err != nil {
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

// getTrack streams a track. A finished one never changes, so it may be kept by the client.
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
	q.header("Content-Type", contentType)
	q.header("Content-Disposition", `inline; filename="`+w.ID+"-"+safeName(q.path("track"))+`.ogg"`)
	if w.Ended != nil {
		for _, t := range w.Tracks {
			if t.ID == q.path("track") && t.SHA256 != "" {
				q.header("ETag", strconv.Quote(t.SHA256))
				q.header("Cache-Control", "private, max-age=3600")
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
