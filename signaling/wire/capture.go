package wire

import "time"

// Hearers says who of a call hears something the server plays.
type Hearers string

// The hearers.
const (
	HearersNone     Hearers = "none"
	HearersAll      Hearers = "all" // everybody who is not on hold
	HearersCustomer Hearers = "customer"
	HearersAgents   Hearers = "agents" // everybody but the customer
)

// ConsentWhen says when the announcement is played that a call is recorded.
type ConsentWhen string

// The times.
const (
	ConsentBefore ConsentWhen = "before" // nothing is kept until it is over
	ConsentStart  ConsentWhen = "start"  // when the recording begins
)

// RecordingRules say how a call's recording is paused and what the parties hear of it. What is absent is as the
// call's queue has it, or else the configuration.
type RecordingRules struct {
	MaxPauseSeconds      int         `json:"max_pause_seconds,omitempty"`       // the longest pause
	MaxPauseTotalSeconds int         `json:"max_pause_total_seconds,omitempty"` // pauses that prolong each other, together
	PauseSeconds         int         `json:"pause_seconds,omitempty"`           // a pause asked for without length
	PausePolicy          string      `json:"pause_policy,omitempty"`            // what stands in the tracks for a pause: silence | cut
	PauseTone            Hearers     `json:"pause_tone,omitempty"`              // who hears a tone when a pause begins and ends
	BeepSeconds          int         `json:"beep_seconds,omitempty"`            // how often a tone says that the call is recorded
	BeepTo               Hearers     `json:"beep_to,omitempty"`
	Consent              string      `json:"consent,omitempty"` // announcement of the prompt folder
	ConsentTo            Hearers     `json:"consent_to,omitempty"`
	ConsentWhen          ConsentWhen `json:"consent_when,omitempty"`
}

// Valid reports whether every value is one there is, and every number in range.
func (r RecordingRules) Valid() bool {
	const day = 24 * 3600
	hears := func(h Hearers) bool {
		return among(h, "", HearersNone, HearersAll, HearersCustomer, HearersAgents)
	}
	return r.MaxPauseSeconds >= 0 && r.MaxPauseSeconds <= day && r.MaxPauseTotalSeconds >= 0 && r.MaxPauseTotalSeconds <= day && r.PauseSeconds >= 0 && r.PauseSeconds <= day &&
		among(r.PausePolicy, "", "silence", "cut") && (r.BeepSeconds == 0 || r.BeepSeconds >= 2 && r.BeepSeconds <= 600) &&
		hears(r.PauseTone) && hears(r.BeepTo) && hears(r.ConsentTo) && among(r.ConsentWhen, "", ConsentBefore, ConsentStart)
}

// MarkerType is what a Marker is about.
type MarkerType string

// The types. Those with a length span it; the others are points.
const (
	MarkerPause      MarkerType = "pause"      // nothing is kept
	MarkerGap        MarkerType = "gap"        // audio is missing
	MarkerSpeech     MarkerType = "speech"     // a turn of a party
	MarkerHold       MarkerType = "hold"       // a party is on hold
	MarkerConsult    MarkerType = "consult"    // the agent speaks with somebody else, apart from the customer
	MarkerConference MarkerType = "conference" // three or more hear each other
	MarkerTransfer   MarkerType = "transfer"   // the call goes to somebody else
	MarkerJoined     MarkerType = "joined"     // a party comes
	MarkerLeft       MarkerType = "left"       // a party goes
	MarkerKeys       MarkerType = "keys"       // a party presses keys: how many, never which
	MarkerBeep       MarkerType = "beep"       // the tone that says that the call is recorded
	MarkerConsent    MarkerType = "consent"    // the announcement that says so
	MarkerCapture    MarkerType = "capture"    // secure entry of keys
)

// Marker is something that happened in a recording, at its place on the recording's time line.
type Marker struct {
	Type     MarkerType `json:"type"`
	OffsetMS int64      `json:"offset_ms"`
	LengthMS int64      `json:"length_ms,omitempty"`
	LegID    string     `json:"leg_id,omitempty"`
	Role     Role       `json:"role,omitempty"`
	Track    string     `json:"track,omitempty"`
	Agent    string     `json:"agent,omitempty"`
	Actor    string     `json:"actor,omitempty"` // who caused it
	Count    int        `json:"count,omitempty"` // keys, capture: how many
	Detail   string     `json:"detail,omitempty"`
}

// MarkerList is the markers of a recording in the order of their time.
type MarkerList struct {
	RecordingID string   `json:"recording_id"`
	DurationMS  int64    `json:"duration_ms"`
	Items       []Marker `json:"items"`
}

// CaptureState is where a secure capture is in its life.
type CaptureState string

// open -> complete | timed_out | cancelled | ended; with digits -> taken.
const (
	CaptureOpen      CaptureState = "open"      // keys are gathered
	CaptureComplete  CaptureState = "complete"  // the terminator came, or as many digits as wanted
	CaptureTimedOut  CaptureState = "timed_out" // no key for too long, or its whole time is over
	CaptureCancelled CaptureState = "cancelled"
	CaptureEnded     CaptureState = "ended" // the party or the call went
	CaptureTaken     CaptureState = "taken" // its digits have been given out and are gone
)

// CaptureRequest begins the secure capture of the keys that a party presses. Until it ends no recording of the
// call keeps anything, the party's keys reach no event, log, timeline or other party, and nobody but who asked
// gets the digits.
type CaptureRequest struct {
	LegID         string       `json:"leg_id,omitempty"`         // whose keys; default the customer's
	MaxDigits     int          `json:"max_digits,omitempty"`     // ends with so many, 1 to 32; default 32
	Terminator    string       `json:"terminator,omitempty"`     // ends with this key, which is no digit of the result; default "#", "none" for none
	MaxSeconds    int          `json:"max_seconds,omitempty"`    // ends after so long; default 60, at most 600
	SilentSeconds int          `json:"silent_seconds,omitempty"` // ends when no key comes for so long; default: never
	Voice         CaptureVoice `json:"voice,omitempty"`          // default mute
	Reason        string       `json:"reason,omitempty"`         // for the manifest
	MaskTone      bool         `json:"mask_tone,omitempty"`      // the others hear one and the same tone for each key
}

// CaptureVoice says what the others hear of the party meanwhile.
type CaptureVoice string

// The values.
const (
	CaptureMute CaptureVoice = "mute" // nothing: its keys may be in its voice
	CapturePass CaptureVoice = "pass" // its voice; only for a party whose keys come as events (RFC 4733)
)

// Capture is a secure capture. It never holds a digit.
type Capture struct {
	ID       string       `json:"id"`
	CallID   string       `json:"call_id"`
	LegID    string       `json:"leg_id"`
	State    CaptureState `json:"state"`
	Count    int          `json:"count"` // keys so far, without the terminator
	Voice    CaptureVoice `json:"voice"`
	By       string       `json:"by"`
	Started  time.Time    `json:"started"`
	Deadline time.Time    `json:"deadline"`
	Ended    *time.Time   `json:"ended,omitempty"`
}

// CaptureDigits is what a capture has gathered, given out once.
type CaptureDigits struct {
	Digits string `json:"digits"`
}
