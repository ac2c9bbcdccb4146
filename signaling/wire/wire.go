// Package wire is the vocabulary both sides of the API speak: the objects of REST answers, events and
// WebSocket frames as plain structs. It imports nothing of cordboard, so every package from recorder up
// may use it, and the TypeScript types of the desktop are generated from it.
//
// The same object stands in an answer and in the event about it. Times are UTC with milliseconds;
// durations are integers with their unit in the name. Direction is seen from cordboard.
package wire

import "time"

// Call is one interaction: its legs, its room and its recordings.
type Call struct {
	ID              string            `json:"id"`
	ClientRef       string            `json:"client_ref,omitempty"`
	State           CallState         `json:"state"`
	Direction       Direction         `json:"direction"`
	Trunk           string            `json:"trunk,omitempty"`
	From            string            `json:"from"` // the caller's number or address
	To              string            `json:"to"`   // the number or address that was called
	FromName        string            `json:"from_name,omitempty"`
	Room            string            `json:"room,omitempty"`
	Queue           string            `json:"queue,omitempty"`
	Legs            []Leg             `json:"legs"`
	Recording       string            `json:"recording,omitempty"`        // the running recording
	RecordingPolicy *RecordingPolicy  `json:"recording_policy,omitempty"` // what this call asks for beside its queue's
	Variables       map[string]string `json:"variables,omitempty"`
	Tones           TonePolicy        `json:"tones,omitempty"`
	DTMFRelay       RelayPolicy       `json:"dtmf_relay,omitempty"`
	Capture         *Capture          `json:"capture,omitempty"` // keys are being captured securely
	Quality         *QualitySummary   `json:"quality,omitempty"` // of all legs, once there is something to measure
	Cause           string            `json:"cause,omitempty"`   // why it ended, a stable code
	Created         time.Time         `json:"created"`
	Answered        *time.Time        `json:"answered,omitempty"`
	Ended           *time.Time        `json:"ended,omitempty"`
}

// Direction is who started the call.
type Direction string

// Directions, seen from cordboard.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// CallState is where a call is in its life.
type CallState string

// new -> ringing -> connected -> ended; any state -> ended.
const (
	CallNew       CallState = "new"       // created, nothing answered
	CallRinging   CallState = "ringing"   // an outbound leg rings
	CallConnected CallState = "connected" // at least one leg is answered
	CallEnded     CallState = "ended"
)

// LegState is where a leg is in its life.
type LegState string

// The states of a leg.
const (
	LegNew          LegState = "new"
	LegTrying       LegState = "trying"
	LegRinging      LegState = "ringing"
	LegEarly        LegState = "early"
	LegConnected    LegState = "connected"
	LegHeld         LegState = "held"
	LegReconnecting LegState = "reconnecting"
	LegEnded        LegState = "ended"
)

// LegKind is the protocol of a leg.
type LegKind string

// The kinds of leg.
const (
	LegSIP    LegKind = "sip"
	LegWebRTC LegKind = "webrtc"
	LegRTP    LegKind = "rtp" // plain RTP, no signalling
)

// Leg is one endpoint of a call.
type Leg struct {
	ID        string    `json:"id"`
	CallID    string    `json:"call_id"`
	Kind      LegKind   `json:"kind"`
	State     LegState  `json:"state"`
	Direction Direction `json:"direction"`
	Role      Role      `json:"role"`
	ClientRef string    `json:"client_ref,omitempty"` // given by whoever brought the leg
	Side      string    `json:"side,omitempty"`       // who is on one side hears that side only; absent: the main one
	Whisper   *Whisper  `json:"whisper,omitempty"`    // who of its side hears it; absent: all
	Agent     string    `json:"agent,omitempty"`
	Address   string    `json:"address,omitempty"`
	Codec     string    `json:"codec,omitempty"`
	Muted     bool      `json:"muted"`         // the room does not hear the party
	Deafened  bool      `json:"deafened"`      // the party does not hear the room
	GainDB    float64   `json:"gain_db"`       // on the party's voice
	AGC       bool      `json:"agc,omitempty"` // the party\'s voice is brought to the level of speech
	Hold      Hold      `json:"hold"`
	Denoise   Denoise   `json:"denoise"`
	Receive   Receive   `json:"receive,omitempty"` // webrtc: mix (absent) or streams
	Streams   []Stream  `json:"streams,omitempty"` // webrtc, receive streams
	// StreamsWanted is how many audio sections would do when there are too few: renegotiate with as many.
	StreamsWanted int        `json:"streams_wanted,omitempty"`
	Cause         string     `json:"cause,omitempty"`
	Created       time.Time  `json:"created"`
	Answered      *time.Time `json:"answered,omitempty"`
	Ended         *time.Time `json:"ended,omitempty"`
}

// Role is what a party is in the call.
type Role string

// The roles.
const (
	RoleCustomer   Role = "customer"
	RoleAgent      Role = "agent"
	RoleExpert     Role = "expert"
	RoleSupervisor Role = "supervisor"
	RoleBot        Role = "bot"
)

// Hold says who holds a leg: we (music), the far side (re-INVITE), or both.
type Hold struct {
	Local  bool `json:"local"`
	Remote bool `json:"remote"`
}

// Denoise is the noise suppression of a leg per direction, 0 (off) to 100. Each voice is suppressed once, for all
// who hear it, at the higher of its own In and the Out of those who hear it.
type Denoise struct {
	In  int `json:"in"`  // on what comes from the party
	Out int `json:"out"` // on the voices the party hears
	// Residual: those who hear the party hear what suppression takes from its voice, in place of the voice.
	Residual bool `json:"residual,omitempty"`
	// SuppressMusic: music from the party is noise too. Otherwise it is let through once it is known for music.
	SuppressMusic bool `json:"suppress_music,omitempty"`
	Level         int  `json:"level"`              // at which the party's voice is suppressed now
	Bypassed      bool `json:"bypassed,omitempty"` // not suppressed now, since the server is short of time
	Passes        Pass `json:"passes,omitempty"`   // why it passes as it is now though it is to be suppressed
}

// Pass is why a voice passes as it came though it is to be suppressed.
type Pass string

const (
	PassHold     Pass = "hold"     // the party holds us and plays something
	PassMusic    Pass = "music"    // it sounds like music
	PassTones    Pass = "tones"    // ring-back, a fax, a test tone
	PassOverload Pass = "overload" // the server is short of time
)

// DenoisePatch changes a leg's noise suppression, or says how one begins; what is absent stays.
type DenoisePatch struct {
	In       *int  `json:"in,omitempty" toml:"in"`
	Out      *int  `json:"out,omitempty" toml:"out"`
	Residual *bool `json:"residual,omitempty" toml:"-"`

	SuppressMusic *bool `json:"suppress_music,omitempty" toml:"suppress_music"`
}

// Over is o with what p says in its place.
func (p DenoisePatch) Over(o DenoisePatch) DenoisePatch {
	if p.In != nil {
		o.In = p.In
	}
	if p.Out != nil {
		o.Out = p.Out
	}
	if p.SuppressMusic != nil {
		o.SuppressMusic = p.SuppressMusic
	}
	return o
}

// Valid reports whether every level lies between 0 and 100.
func (p DenoisePatch) Valid() bool {
	for _, v := range []*int{p.In, p.Out} {
		if v != nil && (*v < 0 || *v > 100) {
			return false
		}
	}
	return true
}

// LegStats is a leg's quality at one moment.
type LegStats struct {
	LegID       string  `json:"leg_id"`
	PacketsIn   uint64  `json:"packets_in"`
	PacketsOut  uint64  `json:"packets_out"`
	Lost        uint64  `json:"lost"`
	Late        uint64  `json:"late"`
	Concealed   uint64  `json:"concealed"`
	JitterMS    float64 `json:"jitter_ms"`
	DelayMS     float64 `json:"delay_ms"`
	RoundTripMS float64 `json:"round_trip_ms"`
	RemoteLost  uint64  `json:"remote_lost"`
	MOS         float64 `json:"mos"` // E-model estimate, 1.0 to 4.5
	LevelIn     int     `json:"level_in"`
	LevelOut    int     `json:"level_out"`
	SendDropped uint64  `json:"send_dropped"`
	Foreign     uint64  `json:"foreign"`
	Malformed   uint64  `json:"malformed"`
	Forwarded   bool    `json:"forwarded"` // what the party hears are another party's packets as they came
	// Quality is the last second and Summary all of them; absent before the first.
	Quality  *Quality        `json:"quality,omitempty"`
	Summary  *QualitySummary `json:"summary,omitempty"`
	Degraded bool            `json:"degraded,omitempty"` // the MOS fell below 3.5 and has not come back to 3.6
}

// Room is a mixer with its hearing matrix.
type Room struct {
	ID      string       `json:"id"`
	CallID  string       `json:"call_id,omitempty"`
	RateHz  int          `json:"rate_hz"`
	Members []Member     `json:"members"`
	Matrix  []MatrixCell `json:"matrix"`
	Speaker string       `json:"speaker,omitempty"` // the leg that speaks now
}

// Member is a leg in a room.
type Member struct {
	LegID    string  `json:"leg_id"`
	Muted    bool    `json:"muted"`
	Deafened bool    `json:"deafened"`
	Held     bool    `json:"held"`
	GainDB   float64 `json:"gain_db"`
	Level    int     `json:"level"` // -dBov
	Pipeline string  `json:"pipeline"`
}

// MatrixCell says that a listener hears a source, and how loud. A pair that is not listed is not heard.
type MatrixCell struct {
	Listener string  `json:"listener"`
	Source   string  `json:"source"`
	GainDB   float64 `json:"gain_db"`
}

// RecordingState is where a recording is in its life.
type RecordingState string

// recording <-> paused; both -> stopped -> stored | failed; stopped, stored, failed -> deleting -> gone.
const (
	RecordingActive  RecordingState = "recording"
	RecordingPaused  RecordingState = "paused"
	RecordingStopped RecordingState = "stopped" // closed on disk, not yet in the archive
	RecordingStored  RecordingState = "stored"  // verified in the archive
	RecordingFailed  RecordingState = "failed"
	// RecordingDeleting: its key is gone or going, the rest follows as soon as every archive can be reached.
	RecordingDeleting RecordingState = "deleting"
)

// Recording is one recording of one call.
type Recording struct {
	ID         string            `json:"id"`
	CallID     string            `json:"call_id"`
	State      RecordingState    `json:"state"`
	Agent      string            `json:"agent,omitempty"` // the first agent in it
	Agents     []string          `json:"agents,omitempty"`
	From       string            `json:"from,omitempty"`
	To         string            `json:"to,omitempty"`
	Queue      string            `json:"queue,omitempty"`
	Started    time.Time         `json:"started"`
	Ended      *time.Time        `json:"ended,omitempty"`
	DurationMS int64             `json:"duration_ms"`
	PausedTill *time.Time        `json:"paused_till,omitempty"` // the server's deadline of the running pause
	Tracks     []Track           `json:"tracks"`
	Gaps       []Gap             `json:"gaps"`
	Variables  map[string]string `json:"variables,omitempty"`  // of the call, as they were last
	Policy     *RecordingPolicy  `json:"policy,omitempty"`     // what it was made by
	KeepUntil  *time.Time        `json:"keep_until,omitempty"` // deleted then by itself; absent: kept for ever
	Hold       *LegalHold        `json:"hold,omitempty"`       // the legal hold it is under
	Archives   []string          `json:"archives,omitempty"`   // where it is stored, by name
	Recovered  bool              `json:"recovered,omitempty"`  // finished by a start-up scan after a crash
	Error      string            `json:"error,omitempty"`
}

// Track is one party's voice in a recording.
type Track struct {
	ID         string    `json:"id"` // file name without suffix
	LegID      string    `json:"leg_id"`
	Role       Role      `json:"role"`
	Voice      VoiceMode `json:"voice,omitempty"` // "raw": as the party sent it; absent: as the others heard it
	Agent      string    `json:"agent,omitempty"`
	Codec      string    `json:"codec"`  // opus; pcmu or pcma: samples as the party sent them, in a WAV file
	Object     string    `json:"object"` // key below the recording's folder
	Bytes      int64     `json:"bytes"`
	SHA256     string    `json:"sha256,omitempty"`
	OffsetMS   int64     `json:"offset_ms"` // start of the track on the recording's time line
	DurationMS int64     `json:"duration_ms"`
}

// Gap is a stretch of a recording with no audio, and why.
type Gap struct {
	Cause    string     `json:"cause"` // pause | overflow | crash
	OffsetMS int64      `json:"offset_ms"`
	LengthMS int64      `json:"length_ms"`
	From     time.Time  `json:"from"`
	Till     *time.Time `json:"till,omitempty"` // absent while the pause runs
	By       string     `json:"by,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Resumed  string     `json:"resumed,omitempty"` // deadline | manual | over | stop; continued: another pause went on
	// Of a pause: whose it is, until when it was asked for last, how often that was moved, and who ended it.
	Owner     string     `json:"owner,omitempty"` // person | consent | capture
	Deadline  *time.Time `json:"deadline,omitempty"`
	Moved     int        `json:"moved,omitempty"`
	ResumedBy string     `json:"resumed_by,omitempty"` // an actor, or server; of one that continued, whose pause or end of a pause did it
}

// AgentState is what an agent is doing.
type AgentState string

// The states of an agent; the transitions stand beside the machine in desk/agent.
const (
	AgentOffline        AgentState = "offline"
	AgentNotReady       AgentState = "not_ready"
	AgentReady          AgentState = "ready"
	AgentReserved       AgentState = "reserved"
	AgentBusy           AgentState = "busy"
	AgentWrapup         AgentState = "wrapup"
	AgentSignoutPending AgentState = "signout_pending"
)

// Agent is a person who takes calls.
type Agent struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	State    AgentState `json:"state"`
	Reason   string     `json:"reason,omitempty"` // not_ready: why ("rona", "break", ...)
	Since    time.Time  `json:"since"`
	Queues   []string   `json:"queues"`
	CallID   string     `json:"call_id,omitempty"`
	OfferID  string     `json:"offer_id,omitempty"`
	WrapupID string     `json:"wrapup_id,omitempty"`
	WorkID   string     `json:"work_id,omitempty"` // the written request the agent has
	Version  uint64     `json:"version"`
	Station  string     `json:"station,omitempty"` // a desk phone's number or address; absent: the browser
	// Checks are the desktop's own tests: microphone, speaker, notifications, sound -> passed, failed.
	Checks  map[string]string `json:"checks,omitempty"`
	Signout *Signout          `json:"signout,omitempty"` // while a sign-out is pending
}

// Signout is what a pending sign-out waits for.
type Signout struct {
	WaitsFor string     `json:"waits_for"`    // offer | call_setup | call | work | wrapup
	By       *time.Time `json:"by,omitempty"` // granted then at the latest; absent: when the call is over
}

// Session is a signed-in desktop.
type Session struct {
	ID      string    `json:"id"`
	Agent   string    `json:"agent"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// Queue is where calls wait for agents.
type Queue struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Waiting int    `json:"waiting"`
	Ready   int    `json:"ready"` // agents who could take one
	// OldestSince is when the oldest waiting call entered.
	OldestSince *time.Time `json:"oldest_since,omitempty"`
}

// OfferState is what became of an offer.
type OfferState string

// open -> accepted | declined | expired | withdrawn.
const (
	OfferOpen      OfferState = "open"
	OfferAccepted  OfferState = "accepted"
	OfferDeclined  OfferState = "declined"
	OfferExpired   OfferState = "expired"   // RONA
	OfferWithdrawn OfferState = "withdrawn" // the caller hung up
)

// Offer is a call rung at one agent, with the server's deadline.
type Offer struct {
	ID       string     `json:"id"`
	CallID   string     `json:"call_id"`
	Agent    string     `json:"agent"`
	Queue    string     `json:"queue"`
	State    OfferState `json:"state"`
	From     string     `json:"from"`
	FromName string     `json:"from_name,omitempty"`
	To       string     `json:"to"`
	Queued   time.Time  `json:"queued"` // when the call entered the queue; kept over RONA
	Created  time.Time  `json:"created"`
	Deadline time.Time  `json:"deadline"`
	Attempt  int        `json:"attempt"`         // 1 for the first ring of this call
	Class    int        `json:"class,omitempty"` // 1 returned call, 2 new customer, 3 service
	Stage    string     `json:"stage,omitempty"` // of a campaign, its name
	// Consult is set where the agent is asked for help; Variables are what the ring shows.
	Consult   string          `json:"consult,omitempty"`
	Variables []OfferVariable `json:"variables,omitempty"`
	// Kind is what rings. Links are buttons of the ring beside its own; NoDecline leaves the one to decline away.
	Kind      RingKind    `json:"kind,omitempty"`
	Links     []OfferLink `json:"links,omitempty"`
	NoDecline bool        `json:"no_decline,omitempty"`
	// Callback or Record is what an outbound call is for; From is then the customer and To our number.
	Callback *Callback       `json:"callback,omitempty"`
	Record   *CampaignRecord `json:"record,omitempty"`
	// Work is a written request; there is no call then.
	Work *Work `json:"work,omitempty"`
	// Auto: accepted by itself, because the customer is on the line.
	Auto bool `json:"auto,omitempty"`
}

// RecordForm is a customer's record to be opened at the agent who has taken the call; the data of record.opened.
type RecordForm struct {
	CallID string `json:"call_id"`
	Agent  string `json:"agent"`
	Stage  string `json:"stage"`
	Number string `json:"number"`
	New    bool   `json:"new"` // empty, for a new customer; else the open record of the number
}

// Wrapup is an agent's work after a call, with the server's deadline.
type Wrapup struct {
	ID       string    `json:"id"`
	CallID   string    `json:"call_id"`
	Agent    string    `json:"agent"`
	Started  time.Time `json:"started"`
	Deadline time.Time `json:"deadline"`
	// ExtensionsLeft is how often the deadline can still be moved.
	ExtensionsLeft int `json:"extensions_left"`
	// ExtensionSeconds is what one extension adds; Cancelled says that the countdown was cancelled and the
	// deadline is the last one. Allowed is what can be done: submit, extend, cancel.
	ExtensionSeconds int            `json:"extension_seconds,omitempty"`
	Cancelled        bool           `json:"cancelled,omitempty"`
	Allowed          []string       `json:"allowed,omitempty"`
	Default          string         `json:"default,omitempty"` // the reason submitted at the deadline
	Reasons          []WrapupReason `json:"reasons,omitempty"` // those that may be chosen; none: any text
	Reason           string         `json:"reason,omitempty"`
	Completed        *time.Time     `json:"completed,omitempty"`
	By               string         `json:"by,omitempty"` // agent | deadline
}

// QueuePlace is where a waiting call stands; the data of call.queued.
type QueuePlace struct {
	CallID   string    `json:"call_id"`
	Queue    string    `json:"queue"`
	Position int       `json:"position"`        // 1 is next
	Queued   time.Time `json:"queued"`          // when the call first entered; kept over RONA
	Attempt  int       `json:"attempt"`         // how often it has been offered
	Reason   string    `json:"reason"`          // new | rona | declined | no_media | agent_lost | restart, or why it was diverted here
	Class    int       `json:"class,omitempty"` // 1 returned call, 2 new customer, 3 service
	Stage    string    `json:"stage,omitempty"` // of a campaign
	// Preferred is the agent it waits for alone, for a while.
	Preferred       string `json:"preferred,omitempty"`
	ExpectedSeconds int    `json:"expected_seconds,omitempty"` // a guess of the wait
}

// Diversion is a call that does not wait where it came in, or not any more; the data of call.diverted,
// call.refused and message.started.
type Diversion struct {
	CallID string `json:"call_id"`
	Queue  string `json:"queue"`
	Reason string `json:"reason"`         // closed | full | overflow | no_agent | offer_limit | call_limit
	Kind   string `json:"kind,omitempty"` // queue | number | message | end
	To     string `json:"to,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Use    int    `json:"use,omitempty"`
}

// Alarm is something an operator or supervisor should look at; the data of desk.alarm.
type Alarm struct {
	Type   string   `json:"type"` // call.no_eligible_agent | call.offer_limit | call.command_failed | callback.no_eligible_agent | callback.no_entry_point | config.outdated | ...
	CallID string   `json:"call_id,omitempty"`
	Queue  string   `json:"queue,omitempty"`
	Stage  string   `json:"stage,omitempty"`
	Calls  []string `json:"calls,omitempty"` // the first of the calls concerned
	Count  int      `json:"count,omitempty"` // how many calls are concerned
	Detail string   `json:"detail"`
}

// Event is the envelope of everything that happened.
type Event struct {
	ID      string    `json:"id"`
	Seq     uint64    `json:"seq"`      // 1, 2, 3 ... without a gap, over all calls; the cursor
	CallSeq uint64    `json:"call_seq"` // 1, 2, 3 ... within the call; 0 for events of no call
	Type    string    `json:"type"`     // noun.past_participle
	Time    time.Time `json:"time"`
	CallID  string    `json:"call_id,omitempty"`
	Actor   string    `json:"actor,omitempty"` // who caused it: agt_…, "server", "customer", an API key's name
	Data    any       `json:"data"`            // the whole object
}
