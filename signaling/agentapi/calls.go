package agentapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

// speaks says whether an agent is in a call now, took says whether the agent ever was.
func speaks(c wire.Call, agent string) bool {
	return agent != "" && slices.ContainsFunc(c.Legs, func(l wire.Leg) bool { return l.Agent == agent && l.State != wire.LegEnded })
}

func took(c wire.Call, agent string) bool {
	return agent != "" && slices.ContainsFunc(c.Legs, func(l wire.Leg) bool { return l.Agent == agent })
}

// mayRead checks that a call is the token's business to see.
func (q *request) mayRead(c wire.Call) error {
	if q.all() || took(c, q.claims.Agent) || q.serves(c.ID) {
		return nil
	}
	return q.notOwn("call", c.ID)
}

// maySteer checks that a call is the token's business to change: the agent is in it now, or is on the way.
func (q *request) maySteer(c wire.Call) error {
	if q.all() || speaks(c, q.claims.Agent) || q.serves(c.ID) {
		return nil
	}
	return q.notOwn("call", c.ID)
}

// serves says whether the desk has given the call to the token's agent.
func (q *request) serves(callID string) bool {
	if q.s.deps.Desk == nil || q.claims.Agent == "" {
		return false
	}
	a, err := q.s.deps.Desk.Agent(q.claims.Agent)
	return err == nil && a.CallID == callID
}

// callFor finds the path's call and checks it.
func (q *request) callFor(may func(wire.Call) error) (wire.Call, error) {
	c, err := q.s.deps.Calls.Call(q.path("call"))
	if err != nil {
		return c, err
	}
	return c, may(c)
}

// cause checks the reason of a hang-up: one of the codes clients may give.
func cause(pointer, code, otherwise string, allowed ...string) (string, error) {
	if code == "" {
		return otherwise, nil
	}
	if !slices.Contains(allowed, code) {
		return "", invalid(pointer, "unknown_value", "a reason here is one of %q", allowed)
	}
	return code, nil
}

// hangupCauses are the reasons a client may end a leg or a call for.
var hangupCauses = []string{call.CauseHangup, call.CauseReload, call.CauseSessionLost, call.CauseCancelled, call.CauseMediaLost, call.CauseReplaced}

func postCall(q *request) error {
	var in wire.CallRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.To == "" {
		return invalid("/to", "required", "say whom to call")
	}
	if q.claims.Agent != "" {
		if in.Agent != "" && in.Agent != q.claims.Agent && !q.claims.Allows("agent:control") {
			return forbidden("agent:control", "you can dial for yourself only")
		}
		if in.Agent == "" {
			in.Agent = q.claims.Agent
		}
	}
	c, err := q.s.deps.Calls.Create(q.ctx(), call.NewCall{
		To: in.To, From: in.From, FromName: in.FromName, Trunk: in.Trunk,
		ClientRef: in.ClientRef, Agent: in.Agent, Actor: q.actor(), Variables: in.Variables,
		Tones: in.Tones, DTMFRelay: in.DTMFRelay,
	})
	if err != nil {
		return err
	}
	q.header("Location", "/v1/calls/"+c.ID)
	return q.reply(http.StatusCreated, c)
}

func getCalls(q *request) error {
	n, err := q.limit()
	if err != nil {
		return err
	}
	v := q.r.URL.Query()
	f := call.Filter{State: wire.CallState(v.Get("state")), Agent: v.Get("agent")}
	if f.State != "" && !slices.Contains(wire.Enums["CallState"], string(f.State)) {
		return invalidQuery("state", "state is one of new, ringing, connected, ended")
	}
	if !q.all() {
		if f.Agent != "" && f.Agent != q.claims.Agent {
			return q.notOwn("agent", f.Agent)
		}
		f.Agent = q.claims.Agent
	}
	cursor := v.Get("cursor")
	if cursor != "" && !id.Valid(id.Call, cursor) {
		return invalidQuery("cursor", "the cursor is not one this server gave")
	}
	out := wire.CallList{Items: list(q.s.deps.Calls.Calls(f))}
	if cursor != "" {
		out.Items = slices.DeleteFunc(out.Items, func(c wire.Call) bool { return c.ID >= cursor })
	}
	if len(out.Items) > n {
		out.Items = out.Items[:n]
		out.Next = out.Items[n-1].ID
	}
	return q.reply(http.StatusOK, out)
}

func getCall(q *request) error {
	c, err := q.callFor(q.mayRead)
	if err != nil {
		return err
	}
	q.header("ETag", tagOf(c.Variables))
	return q.reply(http.StatusOK, c)
}

func patchCall(q *request) error {
	var in wire.CallPatch
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Tones != nil && *in.Tones == "" || in.DTMFRelay != nil && *in.DTMFRelay == "" {
		return invalid("", "unknown_value", "a setting must not be empty")
	}
	c, err := q.callFor(q.maySteer)
	if err != nil {
		return err
	}
	if c, err = q.s.deps.Calls.PatchCall(q.ctx(), c.ID, in, q.actor()); err != nil {
		return err
	}
	return q.reply(http.StatusOK, c)
}

func getCallLegs(q *request) error {
	c, err := q.callFor(q.mayRead)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.LegList{Items: list(c.Legs)})
}

func getTimeline(q *request) error {
	c, err := q.callFor(q.mayRead)
	if err != nil {
		return err
	}
	t, err := q.s.deps.Calls.Timeline(c.ID)
	if err != nil {
		return err
	}
	t.Items = list(t.Items)
	return q.reply(http.StatusOK, t)
}

func postEnd(q *request) error {
	var in wire.HangupRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	code, err := cause("/reason", in.Reason, call.CauseHangup, hangupCauses...)
	if err != nil {
		return err
	}
	c, err := q.callFor(q.maySteer)
	if err != nil {
		return err
	}
	if err := q.s.deps.Calls.EndCall(q.ctx(), c.ID, code, q.actor()); err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

// The limits of a call's variables.
const (
	maxVariables = 64
	maxName      = 64
)

func patchVariables(q *request) error {
	var in wire.VariablesPatch
	if err := q.decode(&in); err != nil {
		return err
	}
	c, err := q.callFor(q.maySteer)
	if err != nil {
		return err
	}
	if err := q.match(tagOf(c.Variables)); err != nil {
		return err
	}
	vars, n := make(map[string]string, len(in)), len(c.Variables)
	for name, v := range in {
		if name == "" || len(name) > maxName {
			return invalid("/"+escape(name), "invalid_name", "a variable's name has 1 to %d bytes", maxName)
		}
		if _, there := c.Variables[name]; !there && v != nil {
			n++
		}
		vars[name] = ""
		if v != nil {
			vars[name] = *v
		}
	}
	if n > maxVariables {
		return invalid("", "too_many", "a call has at most %d variables", maxVariables)
	}
	c, err = q.s.deps.Calls.SetVariables(q.ctx(), c.ID, vars, q.actor())
	if err != nil {
		return err
	}
	q.header("ETag", tagOf(c.Variables))
	return q.reply(http.StatusOK, c)
}

// tagOf is an entity tag made of the content, for what has no version of its own.
func tagOf(v any) string {
	b, err := json.Marshal(v) // map keys come out sorted
	if err != nil {
		panic("agentapi: entity tag: " + err.Error()) // plain data only
	}
	sum := sha256.Sum256(b)
	return strconv.Quote(base64.RawURLEncoding.EncodeToString(sum[:9]))
}

func postRoom(q *request) error {
	var in wire.RoomRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	c, err := q.s.deps.Calls.Create(q.ctx(), call.NewCall{
		ClientRef: in.ClientRef, Variables: in.Variables, Actor: q.actor(), Tones: in.Tones, DTMFRelay: in.DTMFRelay,
	})
	if err != nil {
		return err
	}
	room, err := q.s.deps.Calls.Room(q.ctx(), c.Room)
	if err != nil {
		return err
	}
	q.header("Location", "/v1/rooms/"+room.ID)
	return q.reply(http.StatusCreated, whole(room))
}

// whole makes the lists of a room lists even when they are empty.
func whole(r wire.Room) wire.Room {
	r.Members, r.Matrix = list(r.Members), list(r.Matrix)
	return r
}

// roomFor finds the path's room; its call must be the token's business to see.
func (q *request) roomFor() (wire.Room, error) {
	room, err := q.s.deps.Calls.Room(q.ctx(), q.path("room"))
	if err != nil || q.all() {
		return whole(room), err
	}
	c, err := q.s.deps.Calls.Call(room.CallID)
	if err != nil {
		return room, err
	}
	return whole(room), q.mayRead(c)
}

func getRoom(q *request) error {
	room, err := q.roomFor()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, room)
}

func getMatrix(q *request) error {
	room, err := q.roomFor()
	if err != nil {
		return err
	}
	q.header("ETag", tagOf(room.Matrix))
	return q.reply(http.StatusOK, wire.Matrix{Cells: room.Matrix})
}

func patchMatrix(q *request) error {
	var in wire.Matrix
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Cells == nil {
		return invalid("/cells", "required", "say who hears whom; an empty list is silence for all")
	}
	room, err := q.roomFor()
	if err != nil {
		return err
	}
	if err := q.match(tagOf(room.Matrix)); err != nil {
		return err
	}
	room, err = q.s.deps.Calls.SetMatrix(q.ctx(), room.ID, in.Cells, q.actor())
	if err != nil {
		return err
	}
	room = whole(room)
	q.header("ETag", tagOf(room.Matrix))
	return q.reply(http.StatusOK, wire.Matrix{Cells: room.Matrix})
}

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

func postRecording(q *request) error {
	if _, err := q.recordings(); err != nil {
		return err
	}
	c, err := q.callFor(func(wire.Call) error { return nil })
	if err != nil {
		return err
	}
	w, err := q.s.deps.Calls.StartRecording(q.ctx(), c.ID, q.actor())
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
