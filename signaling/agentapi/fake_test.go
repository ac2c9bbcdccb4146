package agentapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The real ones satisfy what the API asks for.
var (
	_ Calls      = (*call.Board)(nil)
	_ Desk       = (*desk.Desk)(nil)
	_ Recordings = (*recorder.Recorder)(nil)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// What some may not see: the customer's number and the value of a secure variable.
const (
	theNumber = "+38641987654"
	theSecret = "4711-secret"
)

// The cast: alice is in a call with a customer, bob is not.
var (
	callID   = id.New(id.Call)
	roomID   = id.New(id.Room)
	customer = id.New(id.Leg)
	aliceLeg = id.New(id.Leg)
	recID    = id.New(id.Recording)
	offerID  = id.New(id.Offer)
	wrapupID = id.New(id.Wrapup)
)

// fakeCalls is a board with one call. did lists the commands.
type fakeCalls struct {
	mu       sync.Mutex
	call     wire.Call
	matrix   []wire.MatrixCell
	did      []string
	attached []call.Attach
	err      error         // of the next commands
	block    chan struct{} // commands wait for it when it is there
}

func newFakeCalls() *fakeCalls {
	at := epoch
	return &fakeCalls{
		call: wire.Call{
			ID: callID, State: wire.CallConnected, Direction: wire.Inbound, From: theNumber, To: "100", Room: roomID,
			Recording: recID, Tones: wire.TonesOff, DTMFRelay: wire.RelayNone, Created: at, Answered: &at, Variables: map[string]string{"order": "17"}, Legs: []wire.Leg{
				{ID: customer, CallID: callID, Address: theNumber, Kind: wire.LegSIP, State: wire.LegConnected, Direction: wire.Inbound, Role: wire.RoleCustomer, Created: at},
				{ID: aliceLeg, CallID: callID, Kind: wire.LegWebRTC, State: wire.LegConnected, Direction: wire.Inbound, Role: wire.RoleAgent, Agent: "alice", Created: at, Answered: &at},
			},
		},
		matrix: []wire.MatrixCell{{Listener: customer, Source: aliceLeg}, {Listener: aliceLeg, Source: customer}},
	}
}

func (f *fakeCalls) do(ctx context.Context, what ...string) error {
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, strings.Join(what, " "))
	return f.err
}

func (f *fakeCalls) done() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.did)
}

func (f *fakeCalls) Create(ctx context.Context, n call.NewCall) (wire.Call, error) {
	c := wire.Call{ID: cmp.Or(n.ID, id.New(id.Call)), State: wire.CallNew, Direction: wire.Outbound, To: n.To, Room: roomID, Legs: []wire.Leg{}, Created: epoch, Variables: n.Variables}
	return c, f.do(ctx, "create", n.To, n.Agent, n.Actor)
}

func (f *fakeCalls) DialLeg(ctx context.Context, callID string, req call.DialRequest, role wire.Role, actor string) (wire.Leg, error) {
	return wire.Leg{ID: id.New(id.Leg), CallID: callID, Kind: wire.LegSIP, State: wire.LegTrying, Direction: wire.Outbound, Role: role, Address: req.To, Created: epoch},
		f.do(ctx, "dial", req.To, req.Trunk, actor)
}

func (f *fakeCalls) Attach(ctx context.Context, callID string, at call.Attach) (call.Progress, wire.Leg, error) {
	if err := f.do(ctx, "attach", string(at.Kind), at.Agent, at.Replaces); err != nil {
		return nil, wire.Leg{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attached = append(f.attached, at)
	l := wire.Leg{ID: id.New(id.Leg), CallID: callID, Kind: at.Kind, State: wire.LegConnected, Direction: wire.Inbound, Role: at.Role, Agent: at.Agent, Created: epoch}
	f.call.Legs = append(slices.Clone(f.call.Legs), l)
	return nil, l, nil
}

func (f *fakeCalls) Answer(ctx context.Context, l, actor string) error {
	return f.do(ctx, "answer", l, actor)
}

func (f *fakeCalls) Hold(ctx context.Context, l, actor string) error {
	return f.do(ctx, "hold", l, actor)
}

func (f *fakeCalls) Resume(ctx context.Context, l, actor string) error {
	return f.do(ctx, "resume", l, actor)
}

func (f *fakeCalls) Arrange(ctx context.Context, cid string, seats []wire.Seat, actor string) (wire.Call, error) {
	c, _ := f.Call(cid)
	args := []string{cid}
	for _, s := range seats {
		args = append(args, s.LegID)
	}
	return c, f.do(ctx, append(append([]string{"arrange"}, args...), actor)...)
}

func (f *fakeCalls) PatchLeg(ctx context.Context, lid string, p call.LegPatch, actor string) (wire.Leg, error) {
	l, _ := f.Leg(lid)
	if p.Muted != nil {
		l.Muted = *p.Muted
	}
	return l, f.do(ctx, "patch", lid, actor)
}

func (f *fakeCalls) Receive(ctx context.Context, lid string, how wire.Receive, actor string) (wire.Leg, error) {
	l, _ := f.Leg(lid)
	l.Receive = how
	return l, f.do(ctx, "receive", lid, string(how), actor)
}

func (f *fakeCalls) Digits(ctx context.Context, l, digits string, tone time.Duration) error {
	return f.do(ctx, "digits", l, digits, tone.String())
}

func (f *fakeCalls) Play(ctx context.Context, l string, src media.Source, what wire.PlaySource, _ bool, _ string) (wire.Playback, error) {
	if src == nil {
		return wire.Playback{}, errors.New("no source")
	}
	return wire.Playback{ID: id.New(id.Playback), LegID: l, Source: what}, f.do(ctx, "play", l, string(what))
}

func (f *fakeCalls) StopPlay(ctx context.Context, l, p, _ string) error {
	return f.do(ctx, "stop_play", l, p)
}

func (f *fakeCalls) PlayRoom(ctx context.Context, r string, src media.Source, what wire.PlaySource, to []string, _ bool, _ string) (wire.Playback, error) {
	if src == nil {
		return wire.Playback{}, errors.New("nothing to play")
	}
	return wire.Playback{ID: "play_1", RoomID: r, To: to, Source: what}, f.do(ctx, "play", string(what), r, strings.Join(to, ","))
}

func (f *fakeCalls) StopPlayRoom(ctx context.Context, r, p, _ string) error {
	return f.do(ctx, "stop", p, r)
}

func (f *fakeCalls) PatchCall(ctx context.Context, _ string, p wire.CallPatch, _ string) (wire.Call, error) {
	if err := f.do(ctx, "patch call"); err != nil {
		return wire.Call{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Tones != nil {
		f.call.Tones = *p.Tones
	}
	if p.DTMFRelay != nil {
		f.call.DTMFRelay = *p.DTMFRelay
	}
	return f.call, nil
}

func (f *fakeCalls) HangupLeg(ctx context.Context, l, code, actor string) error {
	return f.do(ctx, "hangup", l, code, actor)
}

func (f *fakeCalls) EndCall(ctx context.Context, c, code, actor string) error {
	return f.do(ctx, "end", c, code, actor)
}

func (f *fakeCalls) SetVariables(ctx context.Context, _ string, vars map[string]string, _ string) (wire.Call, error) {
	if err := f.do(ctx, "variables"); err != nil {
		return wire.Call{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, v := range vars {
		if v == "" {
			delete(f.call.Variables, k)
		} else {
			f.call.Variables[k] = v
		}
	}
	return f.call, nil
}

func (f *fakeCalls) Call(cid string) (wire.Call, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cid != f.call.ID {
		return wire.Call{}, problem.NotFound("call", cid)
	}
	return f.call, nil
}

func (f *fakeCalls) Calls(filter call.Filter) []wire.Call {
	c, _ := f.Call(callID)
	if filter.State != "" && c.State != filter.State || filter.Agent != "" && !took(c, filter.Agent) {
		return nil
	}
	return []wire.Call{c}
}

func (f *fakeCalls) Leg(lid string) (wire.Leg, error) {
	c, _ := f.Call(callID)
	for _, l := range c.Legs {
		if l.ID == lid {
			return l, nil
		}
	}
	return wire.Leg{}, problem.NotFound("leg", lid)
}

func (f *fakeCalls) LegStats(lid string) (wire.LegStats, error) {
	return wire.LegStats{LegID: lid, MOS: 4.3}, nil
}

func (f *fakeCalls) LegQuality(lid string) (wire.LegQuality, error) {
	return wire.LegQuality{LegID: lid, Summary: wire.QualitySummary{Seconds: 1, MOSMin: 4.2, MOSAvg: 4.2}, Items: []wire.Quality{{Time: epoch, MOSIn: 4.2}}}, nil
}

func (f *fakeCalls) Timeline(cid string) (wire.Timeline, error) {
	return wire.Timeline{CallID: cid, Items: []wire.TimelineMark{{Time: epoch, Type: "call.created"}}}, nil
}

func (f *fakeCalls) Room(_ context.Context, rid string) (wire.Room, error) {
	if rid != roomID {
		return wire.Room{}, problem.NotFound("room", rid)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return wire.Room{ID: roomID, CallID: callID, RateHz: 16000, Matrix: f.matrix, Members: []wire.Member{{LegID: customer}, {LegID: aliceLeg}}}, nil
}

func (f *fakeCalls) SetMatrix(ctx context.Context, rid string, cells []wire.MatrixCell, _ string) (wire.Room, error) {
	if err := f.do(ctx, "matrix"); err != nil {
		return wire.Room{}, err
	}
	f.mu.Lock()
	f.matrix = cells
	f.mu.Unlock()
	return f.Room(ctx, rid)
}

func theRecording(s wire.RecordingState) wire.Recording {
	return wire.Recording{
		ID: recID, CallID: callID, State: s, Agent: "alice", Agents: []string{"alice"}, Started: epoch,
		From: theNumber, To: "100", Variables: map[string]string{"order": "17", "pin": theSecret},
		Tracks: []wire.Track{{ID: "customer-1", LegID: customer, Role: wire.RoleCustomer, Codec: "opus", Object: "customer-1.ogg"}}, Gaps: []wire.Gap{},
	}
}

func (f *fakeCalls) Record(ctx context.Context, _ string, _ *wire.RecordingPolicy, _ string) (wire.Recording, error) {
	return theRecording(wire.RecordingActive), f.do(ctx, "record")
}

func theCapture(id, callID string) wire.Capture {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return wire.Capture{
		ID: id, CallID: callID, LegID: customer, State: wire.CaptureOpen, Voice: wire.CaptureMute, By: "alice",
		Started: at, Deadline: at.Add(time.Minute),
	}
}

func (f *fakeCalls) StartCapture(_ context.Context, callID string, _ wire.CaptureRequest, _, _ string) (wire.Capture, error) {
	return theCapture("cap_1", callID), nil
}

func (f *fakeCalls) Capture(_ context.Context, id string) (wire.Capture, error) {
	if id != "cap_1" {
		return wire.Capture{}, problem.NotFound("capture", id)
	}
	return theCapture(id, f.call.ID), nil
}

func (f *fakeCalls) CancelCapture(_ context.Context, id, _ string) (wire.Capture, error) {
	c := theCapture(id, f.call.ID)
	c.State, c.Ended = wire.CaptureCancelled, &c.Deadline
	return c, nil
}

func (f *fakeCalls) TakeCapture(_ context.Context, _, _ string, dst []byte) ([]byte, error) {
	return append(dst, "4111"...), nil
}

func (f *fakeCalls) PauseRecording(ctx context.Context, _ string, limit time.Duration, reason, actor string) (wire.Recording, error) {
	return theRecording(wire.RecordingPaused), f.do(ctx, "pause", limit.String(), reason, actor)
}

func (f *fakeCalls) ResumeRecording(ctx context.Context, _, actor string) (wire.Recording, error) {
	return theRecording(wire.RecordingActive), f.do(ctx, "resume_recording", actor)
}

func (f *fakeCalls) StopRecording(ctx context.Context, _, actor string) (wire.Recording, error) {
	return theRecording(wire.RecordingStopped), f.do(ctx, "stop", actor)
}

// fakeDesk has alice (busy with the call) and bob (ready, with an offer and a wrap-up).
type fakeDesk struct {
	outbound
	pastFake
	refuse string // a control
	veil   *veil.Policy

	forced   []string // what supervisors did
	mu       sync.Mutex
	sessions map[string]wire.Session
	profile  string // of the last sign-in
	denied   string // the action nobody is permitted
	full     bool
	busy     bool        // nobody may place a call
	placed   []wire.Call // calls that were planned
	undone   []string    // and those that were not placed after all
	lost     []string
	up       []string
	states   []string
}

func newFakeDesk() *fakeDesk { return &fakeDesk{sessions: make(map[string]wire.Session)} }

func (d *fakeDesk) Agents() []wire.Agent {
	return []wire.Agent{
		{ID: "alice", Name: "Alice", State: wire.AgentBusy, Since: epoch, Queues: []string{"support"}, CallID: callID, Version: 7},
		{ID: "bob", Name: "Bob", State: wire.AgentReserved, Since: epoch, Queues: []string{"sales"}, OfferID: offerID, WrapupID: wrapupID, Version: 3},
	}
}

func (d *fakeDesk) Agent(aid string) (wire.Agent, error) {
	for _, a := range d.Agents() {
		if a.ID == aid {
			return a, nil
		}
	}
	return wire.Agent{}, problem.NotFound("agent", aid)
}

func (d *fakeDesk) SetState(_ context.Context, aid string, s wire.AgentState, reason, actor string) (wire.Agent, error) {
	d.mu.Lock()
	d.states = append(d.states, aid+" "+string(s)+" "+reason+" "+actor)
	d.mu.Unlock()
	a, err := d.Agent(aid)
	a.State, a.Version = s, a.Version+1
	return a, err
}

func (d *fakeDesk) SignInAs(ctx context.Context, aid, profile string) (wire.Session, error) {
	d.mu.Lock()
	d.profile = profile
	d.mu.Unlock()
	return d.SignIn(ctx, aid)
}

func (d *fakeDesk) SignIn(_ context.Context, aid string) (wire.Session, error) {
	if _, err := d.Agent(aid); err != nil {
		return wire.Session{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := wire.Session{ID: id.New(id.Session), Agent: aid, Created: epoch, Expires: epoch.Add(24 * time.Hour)}
	d.sessions[s.ID] = s
	return s, nil
}

func (d *fakeDesk) SignOut(_ context.Context, aid, _ string) (wire.Agent, error) {
	d.mu.Lock()
	for sid, s := range d.sessions {
		if s.Agent == aid {
			delete(d.sessions, sid)
		}
	}
	d.mu.Unlock()
	a, err := d.Agent(aid)
	a.State = wire.AgentOffline
	return a, err
}

func (d *fakeDesk) Session(sid string) (wire.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.sessions[sid]
	if !ok {
		return s, problem.NotFound("session", sid)
	}
	return s, nil
}

func (d *fakeDesk) SessionUp(_ context.Context, sid string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.up = append(d.up, sid)
	return nil
}

func (d *fakeDesk) SessionLost(sid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost = append(d.lost, sid)
}

func (d *fakeDesk) gone() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lost)
}

func bobsOffer(s wire.OfferState) wire.Offer {
	return wire.Offer{ID: offerID, CallID: callID, Agent: "bob", Queue: "sales", State: s, From: theNumber, To: "2", Queued: epoch, Created: epoch, Deadline: epoch, Attempt: 1}
}

func (d *fakeDesk) Offers(aid string) []wire.Offer {
	if aid == "bob" {
		return []wire.Offer{bobsOffer(wire.OfferOpen)}
	}
	return nil
}

func (d *fakeDesk) Offer(oid string) (wire.Offer, error) {
	if oid != offerID {
		return wire.Offer{}, problem.NotFound("offer", oid)
	}
	return bobsOffer(wire.OfferOpen), nil
}

func (d *fakeDesk) Accept(context.Context, string, string) (wire.Offer, error) {
	return bobsOffer(wire.OfferAccepted), nil
}

func (d *fakeDesk) Decline(context.Context, string, string) (wire.Offer, error) {
	return bobsOffer(wire.OfferDeclined), nil
}

func (d *fakeDesk) Queues() []wire.Queue {
	return []wire.Queue{{ID: "support", Name: "Support", Waiting: 1, Ready: 1}}
}

func (d *fakeDesk) Wrapup(wid string) (wire.Wrapup, error) {
	if wid != wrapupID {
		return wire.Wrapup{}, problem.NotFound("wrapup", wid)
	}
	return wire.Wrapup{ID: wrapupID, CallID: callID, Agent: "bob", Started: epoch, Deadline: epoch}, nil
}

func (d *fakeDesk) SubmitWrapup(_ context.Context, wid, _, _ string) (wire.Wrapup, error) {
	return d.Wrapup(wid)
}

func (d *fakeDesk) ExtendWrapup(_ context.Context, wid, _ string) (wire.Wrapup, error) {
	return d.Wrapup(wid)
}

func (d *fakeDesk) Allowed(_, action string) error {
	if action == d.denied {
		return problem.New(403, "not_permitted", "the profile does not permit %s", action)
	}
	return nil
}

func (d *fakeDesk) Room() error {
	if d.full {
		e := problem.New(429, "call_limit", "there are 3 calls, and 3 are the most")
		e.Limit, e.Use, e.RetryAfter = 3, 3, 7
		return e
	}
	return nil
}

func (d *fakeDesk) PlaceCall(_ context.Context, agentID string, c wire.Call, _ string) error {
	if d.busy {
		return problem.Conflict("agent_wrong_state", "wrapup", []string{"ready", "not_ready", "sign_out"}, "agent %s is wrapup: cannot take a call", agentID)
	}
	d.placed = append(d.placed, c)
	return nil
}

func (d *fakeDesk) NotPlaced(callID string) { d.undone = append(d.undone, callID) }

func (d *fakeDesk) Preflight(_ context.Context, id string, checks map[string]string, _ string) (wire.Agent, error) {
	a, err := d.Agent(id)
	a.Checks = checks
	return a, err
}

func (d *fakeDesk) SetStation(_ context.Context, id, station string, _ bool, _ string) (wire.Agent, error) {
	a, err := d.Agent(id)
	a.Station = station
	return a, err
}

func (d *fakeDesk) Prefer(context.Context, string, string) error { return nil }

func (d *fakeDesk) ConfigVersion() int { return 2 }

func (d *fakeDesk) SavedConfig(v int) (wire.DeskConfig, error) {
	if v > 2 {
		return wire.DeskConfig{}, problem.NotFound("config_version", strconv.Itoa(v))
	}
	return wire.DeskConfig{Version: v, Config: json.RawMessage(`{"queues":[]}`)}, nil
}

func (d *fakeDesk) ConfigVersions() []wire.DeskConfig { return []wire.DeskConfig{{Version: 2}, {}} }

func (d *fakeDesk) CheckConfig(desk.Config) (wire.DeskConfigAnswer, error) {
	return wire.DeskConfigAnswer{Saved: wire.DeskConfig{Version: 3}, Changes: []wire.ConfigChange{}}, nil
}

func (d *fakeDesk) SaveConfig(_ context.Context, c desk.Config, base int, note, actor string) (wire.DeskConfigAnswer, error) {
	if base != 2 {
		return wire.DeskConfigAnswer{}, problem.Conflict("config_version", "2", nil, "version 2 is in force, not %d", base)
	}
	return wire.DeskConfigAnswer{Saved: wire.DeskConfig{Version: 3, Note: note, Actor: actor}, Changes: []wire.ConfigChange{}}, nil
}

func (d *fakeDesk) RollBackConfig(ctx context.Context, version, base int, actor string) (wire.DeskConfigAnswer, error) {
	return d.SaveConfig(ctx, desk.Config{}, base, "roll back", actor)
}

func (d *fakeDesk) ConfigDiff(from, to int) (wire.ConfigDiff, error) {
	return wire.ConfigDiff{From: from, To: to, Changes: []wire.ConfigChange{}}, nil
}

func (d *fakeDesk) WouldGet(_ *desk.Config, q wire.DryRunRequest) (wire.DryRun, error) {
	return wire.DryRun{Number: q.To, Queue: "service", Agents: []wire.DryRunAgent{}}, nil
}

func (d *fakeDesk) MayJoin(aid, cid string) error {
	if aid != "alice" {
		return problem.Conflict("call_not_yours", "talking", nil, "call %s is not agent %s's to join", cid, aid)
	}
	return nil
}

// fakeRecordings has one recording with one track of 1,000 bytes.
type fakeRecordings struct{}

func (fakeRecordings) Get(rid string) (wire.Recording, error) {
	if rid != recID {
		return wire.Recording{}, problem.NotFound("recording", rid)
	}
	return theRecording(wire.RecordingStored), nil
}

func (fakeRecordings) List(f recorder.Filter) ([]wire.Recording, string, error) {
	if f.Agent != "" && f.Agent != "alice" || f.Own != "" && f.Own != "alice" {
		return nil, "", nil
	}
	return []wire.Recording{theRecording(wire.RecordingStored)}, "", nil
}

type sections struct{ *bytes.Reader }

func (sections) Close() error { return nil }

var trackBytes = bytes.Repeat([]byte("OggS123456"), 100)

func (fakeRecordings) OpenTrack(_ context.Context, _, tid string) (io.ReadSeekCloser, int64, string, error) {
	if tid != "customer-1" {
		return nil, 0, "", problem.NotFound("track", tid)
	}
	return sections{bytes.NewReader(trackBytes)}, int64(len(trackBytes)), "audio/ogg; codecs=opus", nil
}

func (fakeRecordings) Markers(_ context.Context, recID string) (wire.MarkerList, error) {
	return wire.MarkerList{RecordingID: recID}, nil
}

func (fakeRecordings) Peaks(context.Context, string) (wire.Peaks, error) {
	return wire.Peaks{RecordingID: recID, StepMS: 100, Tracks: []wire.TrackPeaks{{ID: "customer-1", Role: wire.RoleCustomer, Peaks: []int{1, 2}}}}, nil
}

func (fakeRecordings) Presign(context.Context, string, string, string) (string, time.Time, bool, error) {
	return "", time.Time{}, false, nil
}

func (fakeRecordings) Hold(_ context.Context, _ string, on bool, by, reason string) (wire.Recording, error) {
	w := theRecording(wire.RecordingStored)
	if on {
		w.Hold = &wire.LegalHold{By: by, Reason: reason}
	}
	return w, nil
}

func (fakeRecordings) Delete(_ context.Context, _, _, reason string) (bool, error) {
	if reason == "held" {
		return false, problem.Conflict("recording_held", "stored", []string{"release"}, "the recording is under legal hold")
	}
	return reason != "later", nil
}

func (fakeRecordings) EraseKey(_ context.Context, _, _, reason string) (wire.Recording, bool, error) {
	return theRecording(wire.RecordingStored), reason != "later", nil
}

// fakeLeg is a leg with nothing behind it.
type fakeLeg struct {
	done     chan struct{}
	once     sync.Once
	mu       sync.Mutex
	trickled []string
	restarts []string
	streams  bool
	events   chan media.Event // nil: none come
}

func newFakeLeg() *fakeLeg                                { return &fakeLeg{done: make(chan struct{})} }
func (l *fakeLeg) Rate() pcm.Rate                         { return pcm.Rate48k }
func (l *fakeLeg) ReadFrame(*pcm.Frame) media.Kind        { return media.Silence }
func (l *fakeLeg) Format() media.Format                   { return media.Format{Codec: media.Opus} }
func (l *fakeLeg) WriteFrame(media.OutFrame)              {}
func (l *fakeLeg) SendDigits(string, time.Duration) error { return nil }
func (l *fakeLeg) Stats() media.Stats                     { return media.Stats{} }
func (l *fakeLeg) Events() <-chan media.Event             { return l.events }
func (l *fakeLeg) Done() <-chan struct{}                  { return l.done }
func (l *fakeLeg) Err() error                             { return nil }
func (l *fakeLeg) Close() error                           { l.once.Do(func() { close(l.done) }); return nil }
func (l *fakeLeg) String() string                         { return "fake" }

func (l *fakeLeg) AddCandidate(f string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trickled = append(l.trickled, f)
	return nil
}

func (l *fakeLeg) Restart(_ context.Context, offer string) (string, error) {
	if !strings.HasPrefix(offer, "v=0") {
		return "", errors.New("no SDP")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.restarts = append(l.restarts, offer)
	return answerSDP, nil
}

func (l *fakeLeg) Renegotiate(ctx context.Context, offer string, streams bool) (string, error) {
	l.mu.Lock()
	l.streams = streams
	l.mu.Unlock()
	return l.Restart(ctx, offer)
}

func (l *fakeLeg) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

const (
	offerSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
		"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"
	answerSDP = "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
		"a=ice-ufrag:serv\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=candidate:2 1 udp 2130706431 192.0.2.9 7882 typ host\r\na=end-of-candidates\r\n"
)

// fixture is a server on fakes.
type fixture struct {
	t     testing.TB
	s     *Server
	calls *fakeCalls
	desk  *fakeDesk
	bus   *event.Bus
	keys  *auth.Keys
	legs  []*fakeLeg // built browser and RTP legs
}

func newFixture(t testing.TB, change ...func(*Config, *Deps)) *fixture {
	t.Helper()
	f := &fixture{t: t, calls: newFakeCalls(), desk: newFakeDesk()}
	f.bus = event.New(256, 1, time.Now)
	var err error
	if f.keys, err = auth.Open(t.TempDir(), 24*time.Hour, nil); err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	deps := Deps{
		Audit: log, Webhooks: fakeWebhooks{}, Revocations: newRevocations(t), SignIn: &fakeSignIn{who: whoIsAlice()},
		Keys: f.keys, Calls: f.calls, Desk: f.desk, Recordings: fakeRecordings{}, Bus: f.bus, Log: slog.New(slog.DiscardHandler),
		WebRTC: WebRTCFunc(func(_ context.Context, offer string, streams bool) (WebRTCLeg, string, error) {
			if !strings.HasPrefix(offer, "v=0") {
				return nil, "", errors.New("no SDP")
			}
			l := newFakeLeg()
			l.streams = streams
			f.legs = append(f.legs, l)
			return l, answerSDP, nil
		}),
		RTP: RTPFunc(func(context.Context, RTPRequest) (media.Leg, netip.AddrPort, error) {
			l := newFakeLeg()
			f.legs = append(f.legs, l)
			return l, netip.MustParseAddrPort("127.0.0.1:10000"), nil
		}),
		Rules: wire.DesktopConfig{PauseMaxSeconds: 600, PauseSeconds: 60},
	}
	for _, c := range change {
		c(&cfg, &deps)
	}
	if f.s, err = New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	return f
}

// token mints a token: for an agent with an agent's grants, or with the grants given.
func (f *fixture) token(agent string, grants ...string) string {
	f.t.Helper()
	c := auth.Claims{Agent: agent, Grants: grants}
	if grants == nil {
		c.Grants = auth.AgentGrants()
	}
	if agent == "" {
		c.Subject = "test"
	}
	tok, _, err := f.keys.Mint(c)
	if err != nil {
		f.t.Fatal(err)
	}
	return tok
}

// session signs an agent in and returns the bound token.
func (f *fixture) session(agent string) (token, session string) {
	f.t.Helper()
	ses, err := f.desk.SignIn(f.t.Context(), agent)
	if err != nil {
		f.t.Fatal(err)
	}
	tok, _, err := f.keys.Mint(auth.Claims{Agent: agent, Session: ses.ID, Grants: auth.AgentGrants()})
	if err != nil {
		f.t.Fatal(err)
	}
	return tok, ses.ID
}

func callCause() call.Cause { return call.Cause{Code: call.CauseHangup} }

// What follows is the desk's handling of calls, as far as the API needs to see it called.

func (d *fakeDesk) handled(callID string) (wire.Handling, error) {
	return wire.Handling{
		CallID: callID, State: "connected", Controls: map[string]wire.Controls{},
		Participants: []wire.Participant{{Role: wire.PartyCustomer, LegID: customer, Number: theNumber, Side: wire.MainSide}},
	}, nil
}

func (d *fakeDesk) Handling(callID string) (wire.Handling, error) { return d.handled(callID) }

// MayControl refuses the control the test names.
func (d *fakeDesk) MayControl(_, _, control string) error {
	if control == d.refuse {
		return problem.Conflict("call_wrong_state", "consulting", []string{"mute"}, "not now")
	}
	return nil
}
func (d *fakeDesk) SideOf(string, string) string { return "" }
func (d *fakeDesk) HoldCall(_ context.Context, c, _ string, _ bool, _ string) (wire.Handling, error) {
	return d.handled(c)
}

func (d *fakeDesk) EndCall(_ context.Context, c, _, _ string) (wire.Handling, error) {
	return d.handled(c)
}

func (d *fakeDesk) StartConsult(_ context.Context, c, _ string, r wire.ConsultRequest, _ string) (wire.Handling, error) {
	h, err := d.handled(c)
	if r.Target == "full" {
		return h, problem.Conflict("conference_full", "full", nil, "full")
	}
	return h, err
}

func (d *fakeDesk) EndConsult(_ context.Context, c, _, _ string) (wire.Handling, error) {
	return d.handled(c)
}

func (d *fakeDesk) SwapConsult(_ context.Context, c, _, _ string) (wire.Handling, error) {
	return d.handled(c)
}

func (d *fakeDesk) Confer(_ context.Context, c, _ string, _ wire.TargetRequest, _ string) (wire.Handling, error) {
	return d.handled(c)
}

func (d *fakeDesk) ExitConference(_ context.Context, c, _, _ string) (wire.Handling, error) {
	return d.handled(c)
}

func (d *fakeDesk) DropParty(_ context.Context, c, _, _, _ string) (wire.Handling, error) {
	return d.handled(c)
}

func (d *fakeDesk) TransferCall(_ context.Context, c, _ string, _ wire.TargetRequest, _ string) (wire.Handling, error) {
	return d.handled(c)
}

func (d *fakeDesk) Targets(string, int) []wire.Target {
	return []wire.Target{{Kind: wire.TargetQueue, ID: "main", Label: "Main"}}
}

func (d *fakeDesk) Variables(c string) (wire.VariableList, error) {
	return wire.VariableList{CallID: c, Items: []wire.Variable{{Name: "pin", Label: "PIN", Type: wire.VariableText, Secure: true, Masked: true}}}, nil
}

func (d *fakeDesk) Variable(_, name string) (wire.Variable, error) {
	return wire.Variable{Name: name, Label: name, Type: wire.VariableText, Value: "1234", Version: 1}, nil
}

func (d *fakeDesk) SetVariable(_ context.Context, _, name string, r wire.VariableRequest, _ string) (wire.Variable, error) {
	return wire.Variable{Name: name, Label: name, Type: wire.VariableText, Value: r.Value, Version: *r.Version + 1}, nil
}

func (d *fakeDesk) CancelWrapup(_ context.Context, wid, _ string) (wire.Wrapup, error) {
	return d.Wrapup(wid)
}

func (d *fakeDesk) Veil() *veil.Policy { return d.veil }

func (d *fakeDesk) Wall() (wire.Wall, error) { return wire.Wall{Agents: d.Agents()}, nil }

func (d *fakeDesk) Supervise(_ context.Context, cid string, mode wire.SupervisionMode, agentID, by string) (wire.Supervision, error) {
	d.forced = append(d.forced, string(mode)+" "+cid+" "+by)
	return wire.Supervision{ID: "sup_1", CallID: cid, By: by, Mode: mode, Agent: agentID, State: wire.SupervisionConnecting}, nil
}

func (d *fakeDesk) Supervision(sid string) (wire.Supervision, error) {
	if sid != "sup_1" {
		return wire.Supervision{}, problem.NotFound("supervision", sid)
	}
	return wire.Supervision{ID: sid, CallID: callID, By: "bob", Mode: wire.Monitor, State: wire.SupervisionConnecting}, nil
}

func (d *fakeDesk) EndSupervision(_ context.Context, sid, _ string) error {
	d.forced = append(d.forced, "leave "+sid)
	return nil
}

func (d *fakeDesk) TakeOver(_ context.Context, cid, agentID, _ string) (wire.Agent, error) {
	d.forced = append(d.forced, "takeover "+cid+" "+agentID)
	return d.Agent(agentID)
}

func (d *fakeDesk) ForceWrapup(_ context.Context, agentID, reason, _ string) (wire.Agent, error) {
	d.forced = append(d.forced, "wrapup "+agentID+" "+reason)
	return d.Agent(agentID)
}

func (d *fakeDesk) ForceEnd(_ context.Context, cid, _ string) error {
	d.forced = append(d.forced, "end "+cid)
	return nil
}
