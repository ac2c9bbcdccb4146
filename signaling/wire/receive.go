package wire

// Receive is how a browser gets the others' voices.
type Receive string

// The ways.
const (
	ReceiveMix     Receive = "mix"     // one stream with everybody in it
	ReceiveStreams Receive = "streams" // a stream for each voice, as far as the offer has audio sections for them
)

// Stream is one audio section of a leg that receives separate streams, in the order of the answer. The first
// carries what has no stream of its own: prompts, hold music, and voices there are too few sections for.
type Stream struct {
	MID    string `json:"mid"`              // of the SDP section
	Member string `json:"member,omitempty"` // the leg whose voice it carries; none: nobody's now
}
