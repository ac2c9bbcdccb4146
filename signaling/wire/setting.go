package wire

// TonePolicy says when those in a call hear a tone because somebody comes or goes.
type TonePolicy string

// The policies.
const (
	TonesOff        TonePolicy = "off"
	TonesConference TonePolicy = "conference" // with three parties or more
	TonesAlways     TonePolicy = "always"     // from the second party on
)

// RelayPolicy says who is sent the digits a party presses.
type RelayPolicy string

// The policies.
const (
	RelayNone RelayPolicy = "none"
	RelayAll  RelayPolicy = "all" // every other party of the call that is not on hold
)

// CallPatch changes a call's settings; what is absent stays (JSON Merge Patch, RFC 7396).
type CallPatch struct {
	Tones     *TonePolicy  `json:"tones,omitempty"`
	DTMFRelay *RelayPolicy `json:"dtmf_relay,omitempty"`
	// RecordingPolicy counts for recordings that begin later.
	RecordingPolicy *RecordingPolicy `json:"recording_policy,omitempty"`
}

// Effort is how hard the server tries to make audio sound well; the data of node.effort_changed. When the
// machine has too much to do, quality goes before audio does.
type Effort struct {
	Complexity int `json:"complexity"` // what Opus encoders are kept to, 0 to 10; 10 limits nothing
	// DenoiseShed says that noise suppression is off in all calls for want of time: the first thing to go.
	DenoiseShed bool    `json:"denoise_shed"`
	Load        float64 `json:"load"` // busy fraction of the hottest core of the mixer
}
