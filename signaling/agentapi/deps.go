package agentapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Calls is what the API asks of the media plane; *call.Board is it. All errors are *problem.Error.
type Calls interface {
	Create(ctx context.Context, n call.NewCall) (wire.Call, error)
	DialLeg(ctx context.Context, callID string, req call.DialRequest, role wire.Role, actor string) (wire.Leg, error)
	Attach(ctx context.Context, callID string, at call.Attach) (call.Progress, wire.Leg, error)
	Answer(ctx context.Context, legID, actor string) error
	Hold(ctx context.Context, legID, actor string) error
	Resume(ctx context.Context, legID, actor string) error
	Arrange(ctx context.Context, callID string, seats []wire.Seat, actor string) (wire.Call, error)
	PatchLeg(ctx context.Context, legID string, p call.LegPatch, actor string) (wire.Leg, error)
	Receive(ctx context.Context, legID string, how wire.Receive, actor string) (wire.Leg, error)
	Digits(ctx context.Context, legID, digits string, tone time.Duration) error
	Play(ctx context.Context, legID string, src media.Source, what wire.PlaySource, exclusive bool, actor string) (wire.Playback, error)
	StopPlay(ctx context.Context, legID, playID, actor string) error
	PlayRoom(ctx context.Context, roomID string, src media.Source, what wire.PlaySource, to []string, exclusive bool, actor string) (wire.Playback, error)
	StopPlayRoom(ctx context.Context, roomID, playID, actor string) error
	PatchCall(ctx context.Context, callID string, p wire.CallPatch, actor string) (wire.Call, error)
	HangupLeg(ctx context.Context, legID, code, actor string) error
	EndCall(ctx context.Context, callID, code, actor string) error
	SetVariables(ctx context.Context, callID string, vars map[string]string, actor string) (wire.Call, error)
	Call(id string) (wire.Call, error)
	Calls(f call.Filter) []wire.Call
	Leg(id string) (wire.Leg, error)
	LegStats(id string) (wire.LegStats, error)
	LegQuality(id string) (wire.LegQuality, error)
	Timeline(callID string) (wire.Timeline, error)
	Room(ctx context.Context, id string) (wire.Room, error)
	SetMatrix(ctx context.Context, roomID string, cells []wire.MatrixCell, actor string) (wire.Room, error)
	Record(ctx context.Context, callID string, policy *wire.RecordingPolicy, actor string) (wire.Recording, error)
	StartCapture(ctx context.Context, callID string, req wire.CaptureRequest, asker, actor string) (wire.Capture, error)
	Capture(ctx context.Context, id string) (wire.Capture, error)
	CancelCapture(ctx context.Context, id, actor string) (wire.Capture, error)
	TakeCapture(ctx context.Context, id, asker string, dst []byte) ([]byte, error)
	PauseRecording(ctx context.Context, recID string, limit time.Duration, reason, actor string) (wire.Recording, error)
	ResumeRecording(ctx context.Context, recID, actor string) (wire.Recording, error)
	StopRecording(ctx context.Context, recID, actor string) (wire.Recording, error)
}

// Desk is what the API asks of the contact centre; *desk.Desk is it. All errors are *problem.Error.
type Desk interface {
	Agents() []wire.Agent
	Agent(id string) (wire.Agent, error)
	SetState(ctx context.Context, agentID string, state wire.AgentState, reason, actor string) (wire.Agent, error)
	// SignInAs takes the profile the agent has until signing out; empty: the one configured.
	SignInAs(ctx context.Context, agentID, profile string) (wire.Session, error)
	SignOut(ctx context.Context, agentID, actor string) (wire.Agent, error)
	Session(id string) (wire.Session, error)
	SessionUp(ctx context.Context, id string) error
	SessionLost(id string)
	Offers(agentID string) []wire.Offer
	Offer(id string) (wire.Offer, error)
	Accept(ctx context.Context, offerID, actor string) (wire.Offer, error)
	Decline(ctx context.Context, offerID, actor string) (wire.Offer, error)
	Queues() []wire.Queue
	Wrapup(id string) (wire.Wrapup, error)
	SubmitWrapup(ctx context.Context, id, reason, actor string) (wire.Wrapup, error)
	ExtendWrapup(ctx context.Context, id, actor string) (wire.Wrapup, error)
	MayJoin(agentID, callID string) error
	Wall() (wire.Wall, error)
	Supervise(ctx context.Context, callID string, mode wire.SupervisionMode, agentID, by string) (wire.Supervision, error)
	Supervision(id string) (wire.Supervision, error)
	EndSupervision(ctx context.Context, id, actor string) error
	TakeOver(ctx context.Context, callID, agentID, actor string) (wire.Agent, error)
	ForceWrapup(ctx context.Context, agentID, reason, actor string) (wire.Agent, error)
	ForceEnd(ctx context.Context, callID, actor string) error
	// Allowed and Room do not wait: 403 for what an agent's profile does not permit, 429 when there are as
	// many calls as there may be.
	Allowed(agentID, action string) error
	Room() error
	Preflight(ctx context.Context, agentID string, checks map[string]string, actor string) (wire.Agent, error)
	SetStation(ctx context.Context, agentID, station string, handover bool, actor string) (wire.Agent, error)
	Prefer(ctx context.Context, callID, agentID string) error
	PlaceCall(ctx context.Context, agentID string, c wire.Call, actor string) error
	NotPlaced(callID string)
	ConfigVersion() int
	SavedConfig(version int) (wire.DeskConfig, error)
	ConfigVersions() []wire.DeskConfig
	CheckConfig(c desk.Config) (wire.DeskConfigAnswer, error)
	SaveConfig(ctx context.Context, c desk.Config, base int, note, actor string) (wire.DeskConfigAnswer, error)
	RollBackConfig(ctx context.Context, version, base int, actor string) (wire.DeskConfigAnswer, error)
	ConfigDiff(from, to int) (wire.ConfigDiff, error)
	WouldGet(c *desk.Config, q wire.DryRunRequest) (wire.DryRun, error)
	CallbackDesk
	CampaignDesk
	WorkDesk
	PastDesk
	Handler
}

// Handler is what agents do with calls; see desk.Desk.
type Handler interface {
	Handling(callID string) (wire.Handling, error)
	MayControl(callID, agentID, control string) error
	SideOf(agentID, callID string) string
	HoldCall(ctx context.Context, callID, agentID string, on bool, actor string) (wire.Handling, error)
	EndCall(ctx context.Context, callID, agentID, actor string) (wire.Handling, error)
	StartConsult(ctx context.Context, callID, agentID string, r wire.ConsultRequest, actor string) (wire.Handling, error)
	EndConsult(ctx context.Context, callID, agentID, actor string) (wire.Handling, error)
	SwapConsult(ctx context.Context, callID, agentID, actor string) (wire.Handling, error)
	Confer(ctx context.Context, callID, agentID string, r wire.TargetRequest, actor string) (wire.Handling, error)
	ExitConference(ctx context.Context, callID, agentID, actor string) (wire.Handling, error)
	DropParty(ctx context.Context, callID, agentID, legID, actor string) (wire.Handling, error)
	TransferCall(ctx context.Context, callID, agentID string, r wire.TargetRequest, actor string) (wire.Handling, error)
	Targets(text string, limit int) []wire.Target
	Variables(callID string) (wire.VariableList, error)
	Variable(callID, name string) (wire.Variable, error)
	SetVariable(ctx context.Context, callID, name string, r wire.VariableRequest, actor string) (wire.Variable, error)
	CancelWrapup(ctx context.Context, wrapupID, actor string) (wire.Wrapup, error)
	Veil() *veil.Policy
}

// Recordings is what the API reads of the recorder; *recorder.Recorder is it.
type Recordings interface {
	Get(id string) (wire.Recording, error)
	List(f recorder.Filter) ([]wire.Recording, string, error)
	OpenTrack(ctx context.Context, recID, trackID string) (track io.ReadSeekCloser, size int64, contentType string, err error)
	Markers(ctx context.Context, recID string) (wire.MarkerList, error)
	Peaks(ctx context.Context, recID string) (wire.Peaks, error)
	Presign(ctx context.Context, recID, trackID, name string) (address string, expires time.Time, ok bool, err error)
	Hold(ctx context.Context, recID string, on bool, by, reason string) (wire.Recording, error)
	Delete(ctx context.Context, recID, by, reason string) (done bool, err error)
	EraseKey(ctx context.Context, recID, by, reason string) (rec wire.Recording, done bool, err error)
}

// WebRTC answers browsers. offer is a whole SDP offer, the answer a whole SDP answer. streams takes further
// audio sections that only receive.
type WebRTC interface {
	NewLeg(ctx context.Context, offer string, streams bool) (leg WebRTCLeg, answer string, err error)
}

// WebRTCLeg is a browser's leg. AddCandidate takes one trickle fragment (RFC 8840 section 9). Renegotiate
// answers another offer, an ICE restart or other sections; Restart does and leaves streams as they are.
type WebRTCLeg interface {
	media.Leg
	AddCandidate(fragment string) error
	Restart(ctx context.Context, offer string) (answer string, err error)
	Renegotiate(ctx context.Context, offer string, streams bool) (answer string, err error)
}

// WebRTCFunc makes a function a WebRTC.
type WebRTCFunc func(ctx context.Context, offer string, streams bool) (WebRTCLeg, string, error)

// NewLeg implements WebRTC.
func (f WebRTCFunc) NewLeg(ctx context.Context, offer string, streams bool) (WebRTCLeg, string, error) {
	return f(ctx, offer, streams)
}

// RTP opens plain RTP legs and says where they listen.
type RTP interface {
	NewLeg(ctx context.Context, req RTPRequest) (leg media.Leg, local netip.AddrPort, err error)
}

// RTPRequest is a plain RTP leg to open. The remote address has been checked.
type RTPRequest struct {
	Remote              netip.AddrPort
	Codec               media.Codec
	PayloadType, Events uint8 // Events 0: no telephone events
	Ptime               time.Duration
}

// RTPFunc makes a function an RTP.
type RTPFunc func(ctx context.Context, req RTPRequest) (media.Leg, netip.AddrPort, error)

// NewLeg implements RTP.
func (f RTPFunc) NewLeg(ctx context.Context, req RTPRequest) (media.Leg, netip.AddrPort, error) {
	return f(ctx, req)
}

// Deps is what a Server stands on. Keys, Calls, Bus and Log are required; what is nil of the others is
// answered with 503.
type Deps struct {
	Keys       *auth.Keys
	Calls      Calls
	Desk       Desk
	Recordings Recordings
	Webhooks   Webhooks
	WebRTC     WebRTC
	RTP        RTP
	// SignIn is the providers people sign in with, Revocations what is no longer believed; nil: none.
	SignIn      SignIn
	Revocations *auth.Revocations

	Audit   *audit.Log // who did what with recordings, and as a supervisor; nil: nothing is written down
	Bus     *event.Bus
	Log     *slog.Logger
	Desktop http.Handler // the agent desktop, at /
	// Rules is what a desktop is told at sign-in.
	Rules wire.DesktopConfig
	// ICEServers is asked at each sign-in, so that credentials can be fresh; nil: none.
	ICEServers func(agent string) []wire.ICEServer
	// Draining and Live say whether the server still takes calls and how many there are; nil: never, 0.
	Draining func() bool
	Live     func() int
	// Stats is read at each scrape: plain structs of numbers by subsystem, see newStats.
	Stats map[string]func() any
	// Collectors adds metrics that are more than plain numbers.
	Collectors []prometheus.Collector
	Now        func() time.Time // nil: time.Now
}
