package wire

import "time"

// Token is a fresh token of the same grants and session.
type Token struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// SessionRequest signs an agent in.
type SessionRequest struct {
	Agent string `json:"agent,omitempty"` // default and, for an agent's token, only choice: the token's own agent
}

// SessionAnswer is all a desktop needs to begin: who it is, how it reaches the media, the server's rules,
// and a token bound to the session.
type SessionAnswer struct {
	Session    Session       `json:"session"`
	Agent      Agent         `json:"agent"`
	Token      Token         `json:"token"`
	ICEServers []ICEServer   `json:"ice_servers"`
	Config     DesktopConfig `json:"config"`
}

// ICEServer is a STUN or TURN server, as RTCPeerConnection takes it.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// DesktopConfig is what the desktop must know of the server's rules.
type DesktopConfig struct {
	NotReadyReasons []string `json:"not_ready_reasons"`
	WrapupReasons   []string `json:"wrapup_reasons"`
	PauseMaxSeconds int      `json:"pause_max_seconds"` // longest pause of a recording
	PauseSeconds    int      `json:"pause_seconds"`     // what the pause button asks for
}

// Snapshot is an agent's whole situation at the time of the newest event up to Seq.
type Snapshot struct {
	Seq        uint64      `json:"seq"` // connect with this cursor to miss nothing
	Agent      Agent       `json:"agent"`
	Session    string      `json:"session,omitempty"`
	Offer      *Offer      `json:"offer,omitempty"`
	Call       *Call       `json:"call,omitempty"`
	Recordings []Recording `json:"recordings,omitempty"` // the running ones of the call
	Wrapup     *Wrapup     `json:"wrapup,omitempty"`
	Work       *Work       `json:"work,omitempty"`     // the written request the agent has in hand
	Handling   *Handling   `json:"handling,omitempty"` // of the call
	Variables  []Variable  `json:"variables,omitempty"`
	// Works are all written requests that are open at the agent, in the order of their queues; Offers are all that rings.
	Works  []Work  `json:"works,omitempty"`
	Offers []Offer `json:"offers,omitempty"`
	// Records are those of campaigns the agent has before them and has not closed; the one whose call is not over is the last.
	Records []CampaignRecord `json:"records,omitempty"`
	Stages  []Stage          `json:"stages,omitempty"` // of campaigns, whose calls the agent takes
}

// StateRequest asks for another state of an agent.
type StateRequest struct {
	State  AgentState `json:"state"` // ready | not_ready | offline
	Reason string     `json:"reason,omitempty"`
}

// PreflightRequest is what a desktop found when it tested itself.
type PreflightRequest struct {
	Checks map[string]string `json:"checks"` // microphone, speaker, notifications, sound -> passed, failed
}

// StationRequest chooses the agent's device: a desk phone, or "" for the browser. With handover a call in
// progress moves to it too.
type StationRequest struct {
	Station  string `json:"station"`
	Handover bool   `json:"handover,omitempty"`
}

// PreferRequest names the agent a waiting call should wait for first.
type PreferRequest struct {
	Agent string `json:"agent"`
}

// LegRequest brings a leg into a call.
type LegRequest struct {
	Kind        LegKind  `json:"kind,omitempty"` // webrtc (default), sip to dial out, or rtp
	CallID      string   `json:"call_id"`
	SDP         string   `json:"sdp,omitempty"`     // webrtc: the offer
	Receive     Receive  `json:"receive,omitempty"` // webrtc: mix (default), or streams for an offer with up to 7 further audio sections that only receive
	Replaces    string   `json:"replaces,omitempty"`
	Role        Role     `json:"role,omitempty"` // default: agent for an agent's token, else customer
	ClientRef   string   `json:"client_ref,omitempty"`
	Side        string   `json:"side,omitempty"`         // where in the call it is heard; default: with everybody
	Whisper     *Whisper `json:"whisper,omitempty"`      // who of its side hears it; absent: all
	To          string   `json:"to,omitempty"`           // sip: number or address
	From        string   `json:"from,omitempty"`         // sip: the number to show
	Trunk       string   `json:"trunk,omitempty"`        // sip: default the first that can call out
	Address     string   `json:"address,omitempty"`      // rtp: where to send, "127.0.0.1:40000"
	Codec       string   `json:"codec,omitempty"`        // rtp: PCMU, PCMA, G722 or opus
	PayloadType int      `json:"payload_type,omitempty"` // rtp
	EventType   int      `json:"event_type,omitempty"`   // rtp: payload type of RFC 4733 events, 0 for none
	PtimeMS     int      `json:"ptime_ms,omitempty"`     // rtp: what we send in a packet, 20 (default), 40 or 60
}

// LegAnswer is a leg that has joined.
type LegAnswer struct {
	Leg     Leg    `json:"leg"`
	SDP     string `json:"sdp,omitempty"`     // webrtc: the answer
	Address string `json:"address,omitempty"` // rtp: where we listen
}

// LegPatch changes a leg; what is absent stays (JSON Merge Patch, RFC 7396).
type LegPatch struct {
	Muted    *bool    `json:"muted,omitempty"`
	Deafened *bool    `json:"deafened,omitempty"`
	GainDB   *float64 `json:"gain_db,omitempty"` // -24 to 24
	AGC      *bool    `json:"agc,omitempty"`
	// Denoise takes effect within 40 ms.
	Denoise *DenoisePatch `json:"denoise,omitempty"`
	SDP     *string       `json:"sdp,omitempty"`     // webrtc: an offer that restarts ICE or has other audio sections; the answer comes back in a LegAnswer
	Receive *Receive      `json:"receive,omitempty"` // webrtc: mix or streams
}

// DigitsRequest sends DTMF digits to a leg.
type DigitsRequest struct {
	Digits     string `json:"digits"`                // 1 to 64 of 0-9 * # A-D
	DurationMS int    `json:"duration_ms,omitempty"` // of each, 40 to 2000, default 100
}

// PlaySource is what can be played.
type PlaySource string

// The sources of a playback.
const (
	PlayTone     PlaySource = "tone"
	PlayBeep     PlaySource = "beep"
	PlayMusic    PlaySource = "music"
	PlayRingback PlaySource = "ringback"
	PlayFile     PlaySource = "file" // a recorded announcement of the server's prompt folder
)

// PlayRequest plays something to one leg, or to a room.
type PlayRequest struct {
	Source    PlaySource `json:"source,omitempty"`
	Hz        float64    `json:"hz,omitempty"`        // tone
	Country   string     `json:"country,omitempty"`   // ringback
	File      string     `json:"file,omitempty"`      // file: its name, "welcome.wav"
	Loop      bool       `json:"loop,omitempty"`      // file: over and over
	To        []string   `json:"to,omitempty"`        // room: the legs that hear it; none: all who are not on hold
	Exclusive bool       `json:"exclusive,omitempty"` // its listeners hear nothing else meanwhile
	Stop      string     `json:"stop,omitempty"`      // instead of a source: the playback to stop
}

// Playback is something that is played to a leg, or to a room.
type Playback struct {
	ID     string     `json:"id"`
	LegID  string     `json:"leg_id"` // "" for one to a room
	RoomID string     `json:"room_id,omitempty"`
	To     []string   `json:"to,omitempty"` // of a room's: the legs; absent for all
	Source PlaySource `json:"source"`
}

// HangupRequest ends a leg or a call.
type HangupRequest struct {
	Reason string `json:"reason,omitempty"` // a cause code, default "hangup"
}

// RejectRequest refuses an inbound leg.
type RejectRequest struct {
	Reason string `json:"reason,omitempty"` // busy | rejected | not_found | unavailable, default "rejected"
}

// CallRequest dials.
type CallRequest struct {
	To        string            `json:"to"`
	From      string            `json:"from,omitempty"`
	FromName  string            `json:"from_name,omitempty"`
	Trunk     string            `json:"trunk,omitempty"`
	Agent     string            `json:"agent,omitempty"` // who places it; for an agent's token always the agent
	ClientRef string            `json:"client_ref,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`
	Tones     TonePolicy        `json:"tones,omitempty"`      // default by configuration
	DTMFRelay RelayPolicy       `json:"dtmf_relay,omitempty"` // default by configuration
	// RecordingPolicy is what the call asks for beside its queue's policy.
	RecordingPolicy *RecordingPolicy `json:"recording_policy,omitempty"`
}

// RoomRequest makes a room with no party in it yet, for programs that bring their own legs.
type RoomRequest struct {
	ClientRef string            `json:"client_ref,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`
	Tones     TonePolicy        `json:"tones,omitempty"`      // default by configuration
	DTMFRelay RelayPolicy       `json:"dtmf_relay,omitempty"` // default by configuration
	// RecordingPolicy is what the call asks for beside the general policy.
	RecordingPolicy *RecordingPolicy `json:"recording_policy,omitempty"`
}

// MaxVariables is how many bytes the names and values of a call's variables may have together.
const MaxVariables = 256 << 10

// VariablesPatch changes a call's variables; null removes one.
type VariablesPatch map[string]*string

// Matrix is the hearing matrix of a room: a pair that is not listed is not heard.
type Matrix struct {
	Cells []MatrixCell `json:"cells"`
}

// PauseRequest pauses a recording.
type PauseRequest struct {
	MaxSeconds int    `json:"max_seconds,omitempty"` // the recording resumes by itself then; default by configuration
	Reason     string `json:"reason,omitempty"`
}

// StopRequest ends a recording.
type StopRequest struct {
	Reason string `json:"reason,omitempty"`
}

// SubmitRequest completes a wrap-up.
type SubmitRequest struct {
	Reason string `json:"reason"`
}

// CallList is a page of calls.
type CallList struct {
	Items []Call `json:"items"`
	Next  string `json:"next,omitempty"` // the cursor of the next page, absent on the last
}

// LegList is the legs of a call.
type LegList struct {
	Items []Leg `json:"items"`
}

// RecordingList is a page of recordings, newest first.
type RecordingList struct {
	Items []Recording `json:"items"`
	Next  string      `json:"next,omitempty"`
}

// AgentList is all agents.
type AgentList struct {
	Items []Agent `json:"items"`
}

// OfferList is the open offers of an agent.
type OfferList struct {
	Items []Offer `json:"items"`
}

// QueueList is all queues.
type QueueList struct {
	Items []Queue `json:"items"`
}

// Peaks is the waveform of a recording, to draw.
type Peaks struct {
	RecordingID string       `json:"recording_id"`
	StepMS      int          `json:"step_ms"` // one value per step of each track
	Tracks      []TrackPeaks `json:"tracks"`
}

// TrackPeaks is the waveform of one track.
type TrackPeaks struct {
	ID       string `json:"id"`
	Role     Role   `json:"role"`
	OffsetMS int64  `json:"offset_ms"`
	Peaks    []int  `json:"peaks"` // 0 to 100
}

// Problem is a refusal (RFC 9457).
type Problem struct {
	Type       string         `json:"type"` // https://cordboard.dev/problems/<code>
	Title      string         `json:"title"`
	Status     int            `json:"status"`
	Detail     string         `json:"detail,omitempty"`
	Instance   string         `json:"instance,omitempty"` // the path of the request
	Code       string         `json:"code"`               // stable, snake_case
	CallID     string         `json:"call_id,omitempty"`
	State      string         `json:"state,omitempty"`       // 409: the state the thing is in
	Allowed    []string       `json:"allowed,omitempty"`     // 405, 409: what is allowed
	Grant      string         `json:"grant,omitempty"`       // 403: what the token lacks
	RetryAfter int            `json:"retry_after,omitempty"` // seconds
	Limit      int            `json:"limit,omitempty"`
	Use        int            `json:"use,omitempty"`
	Errors     []ProblemField `json:"errors,omitempty"` // 400, 422: one entry per broken rule
}

// ProblemField is one broken rule of a request body.
type ProblemField struct {
	Pointer string `json:"pointer"` // RFC 6901, into the body
	Code    string `json:"code"`
	Detail  string `json:"detail,omitempty"`
}

// Seat is where a leg is in a call: on hold or not, and on which side. What is absent stays.
type Seat struct {
	LegID string  `json:"leg_id"`
	Hold  *bool   `json:"hold,omitempty"`
	Side  *string `json:"side,omitempty"`
	// Whisper says who of its side hears the leg from now on; Aloud: all of them again.
	Whisper *Whisper `json:"whisper,omitempty"`
	Aloud   bool     `json:"aloud,omitempty"`
}

// ArrangeRequest changes hold and side of several legs of a call between the same two ticks.
type ArrangeRequest struct {
	Legs []Seat `json:"legs"`
}
