// Package media says what a party of a call is, as audio: a Source of 20 ms frames, a Sink of encoded
// ones, and a Leg that is both and has a life of its own. It holds no protocol: rtpleg and webrtcleg
// below it implement Leg, the mixer above it uses Leg and nothing more.
//
// Sources and sinks are passive. The room holds the clock and asks; nothing here blocks, and nothing
// here is called from two goroutines at once unless it says so. Direction is always seen from
// cordboard: in comes from the party, out goes to it.
package media

import (
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media/pcm"
)

// Kind says what a Source put into a frame.
type Kind uint8

const (
	// Absent: nothing has arrived yet, or the party is gone. The frame is silence.
	Absent Kind = iota
	// Silence: the party is there and says nothing (DTX, comfort noise, a gated level). The frame is
	// silence and nothing was decoded.
	Silence
	// Audio: the frame holds what the party sent.
	Audio
	// Concealed: the packet was lost or late; the frame holds forward error correction or concealment.
	Concealed
)

// Codec is an audio codec of a leg.
type Codec uint8

// The codecs cordboard speaks.
const (
	PCMU Codec = iota + 1 // G.711 mu-law, RTP clock 8000
	PCMA                  // G.711 A-law, RTP clock 8000
	G722                  // G.722 64 kbit/s, RTP clock 8000, audio at 16 kHz
	Opus                  // RFC 6716, RTP clock 48000
)

// ClockRate is the codec's RTP clock in hertz (RFC 3551, RFC 7587).
func (c Codec) ClockRate() uint32 {
	if c == Opus {
		return 48000
	}
	return 8000
}

// Rate is the sample rate of the codec's audio at its best.
func (c Codec) Rate() pcm.Rate {
	switch c {
	case Opus:
		return pcm.Rate48k
	case G722:
		return pcm.Rate16k
	default:
		return pcm.Rate8k
	}
}

func (c Codec) String() string {
	switch c {
	case PCMU:
		return "PCMU"
	case PCMA:
		return "PCMA"
	case G722:
		return "G722"
	case Opus:
		return "opus"
	default:
		return "none"
	}
}

// Format says how a Sink wants its audio encoded. It is comparable: sinks with equal formats that hear
// the same mix are served by one encoder. All fields but Codec are for Opus and zero otherwise.
type Format struct {
	Codec       Codec
	Bitrate     int32 // bits per second
	Complexity  int8  // 0 to 10
	LossPercent int8  // expected loss 0 to 100; more than 0 switches in-band FEC on
	LowDelay    bool  // CELT only (RFC 6716 section 3.2); otherwise the encoder may use SILK
	DTX         bool  // send nothing but an occasional refresh in silence
}

// Source yields one party's audio.
type Source interface {
	// Rate is the highest sample rate the source really carries now. It may change between ticks.
	Rate() pcm.Rate
	// ReadFrame fills dst with the next 20 ms at dst.Rate(), which the caller has set, and says what
	// it holds. It never blocks and never fails: on underrun it conceals or writes silence.
	ReadFrame(dst *pcm.Frame) Kind
}

// PayloadSource is a Source that can show the encoded form of what it last gave, so that a recorder
// need not encode it again.
type PayloadSource interface {
	// Payload is the codec payload behind the last ReadFrame, or nil where there is none of exactly
	// 20 ms (concealment, silence, another packet time). Of G.711 it is the bytes behind the frame, however the
	// packets were cut. Borrowed until the next ReadFrame.
	Payload() (Codec, []byte)
}

// AgedSource is a Source that knows how old its audio is.
type AgedSource interface {
	// Age is how long before now the frame that was last read or skipped began to be spoken, as far as that
	// can be known: what it waited here, its packet's own length, and half the round trip to the party. For
	// the goroutine that reads.
	Age() time.Duration
}

// Skipper is a Source that can let 20 ms pass that nobody is going to hear, without decoding them. The
// room calls Skip in place of ReadFrame; what comes after must join as if ReadFrame had been called.
type Skipper interface {
	Skip() Kind
}

// Dozer is a leg that a room can leave alone for some ticks while all its packets are handed on and what it
// hears is handed on to it.
type Dozer interface {
	Skipper
	// Doze reports whether the leg can do without its ticks now. From then on, and whatever it reports, it
	// sets wake when something happens that is for a tick: digits to be sent, another codec, other terms.
	// It does so from any goroutine, until Doze is given another wake. Called by the room's shard.
	Doze(wake *atomic.Bool) bool
	// SkipPast is Skip for a tick that should have been some time ago: what came later is not yet there.
	SkipPast(ago time.Duration) Kind
}

// LevelSource is a Source whose packets may carry the sender's own measure of them (RFC 6464).
type LevelSource interface {
	// Level is what the sender says of the frame that was last read or skipped, in -dBov, and whether it
	// holds speech; ok is false where the packet said nothing.
	Level() (level uint8, voice, ok bool)
}

// Poller is a leg whose socket the room's tick can read, which saves a wake-up for each packet. A packet
// then waits in the kernel for the tick that would have used it anyway.
type Poller interface {
	// SetPolled moves reading from the leg's own goroutine to Poll, or back. It returns at once; packets
	// are neither lost nor taken twice meanwhile. Called by the room's shard.
	SetPolled(on bool)
	// Poll takes in what has arrived, with the kernel's time of arrival. It never blocks. Called by the
	// room's shard, before it reads the frame.
	Poll(now time.Time)
}

// Packet is one audio packet of a party as it is handed on, before any jitter buffer.
type Packet struct {
	Codec    Codec
	Marker   bool
	Level    uint8 // RFC 6464 in -dBov; LevelUnknown where the packet said nothing
	Voice    bool
	Seq      uint16
	SSRC     uint32
	TS       uint32 // RTP timestamp of the party's stream
	Duration uint32 // in RTP clock units
	Arrival  time.Time
	Payload  []byte // borrowed for the call
}

// LevelUnknown is the Level of a Packet that carried none.
const LevelUnknown = 0xff

// RelaySource is a Source whose packets can be handed on as they arrive, beside or in place of being
// played. All methods are for the room's shard.
type RelaySource interface {
	Source
	// Codec is what the party sends now, 0 before its first packet.
	Codec() Codec
	// Relay begins to hand on to each of the sinks, which must not be relayed to by anybody else, the
	// audio packets behind the one that the last ReadFrame or Skip ended with: those that already wait in
	// the jitter buffer at once, later ones on the goroutine that reads them. Silence in place of audio
	// is handed on as it comes: as nothing. tick is that of the frame that would be written next.
	Relay(tick uint64, to RelaySink) bool
	// Unrelay ends it. It reports false where a packet is just being handed on; the shard then asks again
	// in the next tick. Before true it hands on one last Packet without a payload, whose SSRC and TS are
	// those of the frame that the next ReadFrame gives: the playout is a little behind the packets, and by
	// this the sink knows which frames hold what its party has got already.
	Unrelay(to RelaySink) bool
	// Recent decodes the frames right before the one that the next ReadFrame gives, as many as there are
	// up to len(dst), oldest first, at dst[0].Rate(): what an encoder is warmed up with. It returns how many.
	Recent(dst []pcm.Frame) int
}

// Forgetter is a Sink that keeps some of what it sent last, for joining on, and can forget it. The room calls
// Forget when the sink has left it.
type Forgetter interface{ Forget() }

// RelaySink is a Sink that takes another party's packets as they are: with its own SSRC, sequence numbers
// and timestamps, gaps kept.
type RelaySink interface {
	Sink
	// Relays reports whether packets of this codec and duration could be sent on as they are. Safe for
	// concurrent use.
	Relays(c Codec, duration time.Duration) bool
	// BeginRelay: from now on RelayPacket is called, and the packet with timestamp ts takes the place of
	// the frame of tick. WriteFrame goes on being called without a payload, so that digits can go out: each
	// tick, but for those that a Dozer has been left alone. It reports false when the sink cannot.
	BeginRelay(tick uint64, ts uint32) bool
	// RelayPacket sends one packet on. One goroutine at a time, never the shard's once BeginRelay's
	// backlog is through. It never blocks and allocates nothing.
	RelayPacket(p *Packet)
	// EndRelay: WriteFrame's payloads count again, from tick on, but for those whose audio was handed on
	// already. It reports false while RelayPacket runs.
	EndRelay(tick uint64) bool
}

// OutFrame is one encoded 20 ms frame on its way to a party.
type OutFrame struct {
	// Payload in the Sink's Format, borrowed for the call. Empty: nothing to send in this tick (silence
	// under DTX); the RTP timestamp moves on all the same.
	Payload []byte
	// Tick is the room's tick count. RTP timestamps follow it, never the wall clock.
	Tick uint64
	// Level is the frame's level in -dBov as in RFC 6464: 0 is the loudest, 127 digital silence.
	Level uint8
	// Voice says whether the frame holds speech.
	Voice bool
}

// Sink accepts a party's share of the mix.
type Sink interface {
	// Format is how the sink wants its audio now. It may change between ticks. Safe for concurrent use.
	Format() Format
	// WriteFrame sends one frame. It never blocks (a full socket buffer drops and counts) and keeps
	// nothing of f.
	WriteFrame(f OutFrame)
}

// Leg is one party: both ends of its audio, its statistics and its life. ReadFrame and WriteFrame are
// called by the room's shard; all other methods are safe for concurrent use.
type Leg interface {
	Source
	Sink
	// SendDigits queues DTMF digits (0-9 * # A-D) as RFC 4733 events, each tone long, in place of audio.
	// It errors on another rune and when the party did not agree to telephone events.
	SendDigits(digits string, tone time.Duration) error
	Stats() Stats
	// Events tells what the media itself noticed. A full channel drops the event and counts it.
	Events() <-chan Event
	// Done is closed when the leg is over; Err then tells why (nil after Close).
	Done() <-chan struct{}
	Err() error
	// Close is idempotent and returns after all goroutines of the leg have ended.
	Close() error
	// String shows the leg's stages on one line, for the log line at set-up.
	String() string
}

// Stream is one way of several that audio can take to a party.
type Stream struct {
	ID   string // what party and leg know it by: the mid of its SDP section
	Sink RelaySink
}

// Streamer is a Leg with several streams to its party.
type Streamer interface {
	Leg
	// Streams are the streams as agreed now, first the one that the leg's own WriteFrame goes to. A stream
	// that is no more agreed sends nothing. Safe for concurrent use.
	Streams() []Stream
}

// EventKind is what a leg noticed.
type EventKind uint8

const (
	// EventDigit: the party pressed a key (RFC 4733, reported once, at the end of the tone).
	EventDigit EventKind = iota + 1
	// EventConnected: the first authentic packet has arrived or ICE and DTLS are up.
	EventConnected
	// EventReconnecting: media has stopped and may come back (ICE disconnected).
	EventReconnecting
	// EventReconnected: media is back.
	EventReconnected
)

// Event is something a leg noticed on its media path.
type Event struct {
	Kind     EventKind
	Digit    byte          // EventDigit: one of 0-9 * # A-D
	Duration time.Duration // EventDigit: how long the key was held
	Inband   bool          // EventDigit: heard in the audio, where the room hears it too
	At       time.Time     // EventDigit: when the key had been let go, as far as is known; zero: just now
}

// Began is when the key of an EventDigit was pressed; now is the time.
func (e Event) Began(now time.Time) time.Time {
	if e.At.IsZero() {
		e.At = now
	}
	return e.At.Add(-e.Duration)
}

// Stats counts what passed through a leg. All counts are totals since the leg began.
type Stats struct {
	PacketsIn, PacketsOut uint64
	BytesIn, BytesOut     uint64        // RTP payload bytes
	Lost                  uint64        // frames that never came
	Late                  uint64        // packets that came after their turn
	Duplicate             uint64        // packets that came twice
	Malformed             uint64        // datagrams that were not a packet for us
	Foreign               uint64        // datagrams from an address that is not the party's
	Concealed             uint64        // frames made up by FEC or concealment
	FEC                   uint64        // of those, frames recovered by forward error correction
	SendDropped           uint64        // packets the socket would not take at once
	RecvDropped           uint64        // datagrams that came faster than they were taken
	EventsDropped         uint64        // events nobody took
	Jitter                time.Duration // interarrival jitter (RFC 3550 section 6.4.1)
	Delay                 time.Duration // what the jitter buffer holds now
	RoundTrip             time.Duration // from the last RTCP report block, 0 before one came
	RemoteLost            uint64        // packets the party reports as lost
	RemoteJitter          time.Duration // jitter the party reports
	RemoteReports         uint64        // reports about what we send; before the first the other Remote fields are empty
	RemoteLoss            float64       // share of our packets lost in the interval of the last report, 0 to 1
	RemoteDiscard         float64       // share the party's jitter buffer threw away (RFC 3611), 0 to 1
	RemoteDelay           time.Duration // the party's own delay, jitter buffer to ear (RFC 3611), 0 for unknown
	RemoteMOS             float64       // the party's own estimate of what it hears (RFC 3611), 0 for unknown
	FECOut                bool          // what we send carries forward error correction
	Forwarded             bool          // what we send are another party's packets, handed on
	LevelIn, LevelOut     uint8         // -dBov of the last frames, 127 is silence
	LastPacket            time.Time     // arrival of the last packet, zero before the first
}

// Tapped is one member's share of one tick, as a recorder gets it. All pointers are borrowed for the call.
type Tapped struct {
	Member string // the member's id
	Kind   Kind   // what In is
	// In is the party's voice as the room hears it, after its processors, before mute; at the source's rate. It
	// is nil where nobody hears the party in a mix and Payload stands for it, so that nothing was decoded.
	In *pcm.Frame
	// Codec and Payload are the encoded form of In where one exists: the party's own payload, if no processor
	// ran, or where that is not Opus, what the room has just encoded of exactly this voice for a listener in
	// Opus. Else 0 and nil.
	Codec   Codec
	Payload []byte
	// RawIn, RawCodec and RawPayload are the party's voice as it came, before its processors, where the tap has
	// asked for that: as In, Codec and Payload, and the same where no processor ran.
	RawIn      *pcm.Frame
	RawCodec   Codec
	RawPayload []byte
	// Sent is what the party's packets are in, 0 where none has come or nobody knows. Samples is the frame as it
	// came where that is G.711: 20 ms of bytes nobody has changed, also of a voice that counts as silence. Where
	// Processed, In is something else.
	Sent      Codec
	Samples   []byte
	Processed bool // a processor ran
	Muted     bool // the room does not hear this member now
	Held      bool // the member is on hold
	Level     uint8
	// Voice: the member speaks, as noise suppression knows while it runs, as the level says otherwise. It begins
	// after two such ticks and lasts 300 ms longer.
	Voice bool
	// Age is how long before the tick the frame began to be spoken, 0 where that is not known.
	Age time.Duration
}
