// Package stream carries one party's audio over RTP, whatever the transport below: a Receiver turns
// plaintext packets into frames, a Sender turns encoded frames into packets, and a Reporter speaks RTCP
// for the pair. rtpleg and webrtcleg put sockets under them.
//
//	datagram -> Receiver.PushPacket -> jitter.Buffer | ReadFrame: Pop -> codec.Decoder -> fifo -> frame
//	                     '-> Sender.RelayPacket of another party, as it arrives
//	frame -> Sender.WriteFrame: sequence number, timestamp from the tick, RFC 6464 level -> datagram
//
// A packet may hold 10 to 120 ms; the fifo cuts that into the frames of the room. The fifo is also where
// audio is stretched or shrunk when the jitter buffer wants another delay, and where concealment goes.
//
// Decoding is what costs. A packet is not decoded while the party is silent (see gate) or while nobody hears
// it (Skip); the payloads stay in the jitter buffer for four packets, so that the decoder can be brought up to
// date when it is needed again.
package stream

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/dtmf"
	"github.com/cordboard/cordboard/media/jitter"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/quality"
)

// comfortNoise is the static payload type of RFC 3389.
const comfortNoise = 13

// ReceiverConfig says what the party sends.
type ReceiverConfig struct {
	Codecs     map[uint8]media.Codec // by RTP payload type
	EventPT    uint8                 // RFC 4733 telephone events, 0 for none
	LevelExtID uint8                 // RFC 6464 header extension, 0 for none
	Events     chan<- media.Event    // digits go here; nil drops them. Never blocked on
	Jitter     jitter.Config
	// InbandDigits has keys heard in the audio itself while EventPT is 0.
	InbandDigits bool
	// DecodeSilence has packets decoded even where they are known to hold nothing that would be heard.
	DecodeSilence bool
	// Clock tells the time of a tick, on the same scale as the arrival times; time.Now when nil. It is
	// read at most once per ReadFrame.
	Clock func() time.Time
}

// payloadTypes is what a payload type means. It is replaced as a whole.
type payloadTypes struct {
	codec   [128]media.Codec
	eventPT uint8
	levelID uint8

	eventClock uint32 // RTP clock of the events, which is that of the audio (RFC 4733 section 2.1)
}

// Receiver turns a party's packets into audio. PushPacket is for one goroutine, the leg's reader;
// ReadFrame and Payload for another, the room's tick; everything else is safe from anywhere.
type Receiver struct {
	clock  func() time.Time
	jb     *jitter.Buffer
	types  atomic.Pointer[payloadTypes]
	events chan<- media.Event
	stats  receiverStats

	// The reader's.
	epoch  time.Time
	digits dtmf.Receiver
	sends  media.Codec
	source uint32 // SSRC of the telephone events

	mu        sync.Mutex // reader and Reporter, never the tick
	reception quality.Reception
	rtpClock  uint32

	alarm  alarm
	relays relays
	playout
}

type receiverStats struct {
	packets, bytes, malformed, eventsDropped atomic.Uint64
	concealed, fec                           atomic.Uint64
	lost, jitter                             atomic.Uint64 // packets; nanoseconds
	lastPacket                               atomic.Int64  // ns after epoch, 0 before the first
	rate                                     atomic.Int32
	trip                                     atomic.Int64 // ns, the last round trip
	level                                    atomic.Uint32
}

// NewReceiver makes a receiver. It starts nothing.
func NewReceiver(cfg ReceiverConfig) *Receiver {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	r := &Receiver{digits: dtmf.Receiver{ClockRate: 8000}, clock: cfg.Clock, epoch: cfg.Clock(), jb: jitter.New(cfg.Jitter), events: cfg.Events}
	r.stats.level.Store(127)
	if cfg.InbandDigits {
		r.inband = new(inband)
	}
	r.gate = gate{off: cfg.DecodeSilence, after: gateAfter}
	r.Update(cfg.Codecs, cfg.EventPT, cfg.LevelExtID)
	rate := pcm.Rate8k
	for _, c := range cfg.Codecs {
		if c == media.G722 {
			rate = pcm.Rate16k
		}
	}
	r.stats.rate.Store(int32(rate))
	return r
}

// Update changes what the payload types mean, after a re-INVITE. Packets on their way keep their meaning.
func (r *Receiver) Update(codecs map[uint8]media.Codec, eventPT, levelExtID uint8) {
	t := &payloadTypes{eventPT: eventPT, levelID: levelExtID, eventClock: 8000}
	for pt, c := range codecs {
		t.codec[pt&0x7f] = c
		t.eventClock = c.ClockRate()
	}
	r.types.Store(t)
	r.alarm.ring()
}

// PushPacket takes a plaintext RTP packet and its time of arrival. It copies what it needs, never blocks,
// and reports false for a datagram that is no packet of this stream (counted as malformed).
func (r *Receiver) PushPacket(buf []byte, arrival time.Time) bool {
	t := r.types.Load()
	h := &header{}
	if !h.parse(buf, t.levelID) {
		r.stats.malformed.Add(1)
		return false
	}
	c := t.codec[h.pt]
	p := &jitter.Packet{SSRC: h.ssrc, Seq: h.seq, TS: h.ts, PT: h.pt, Marker: h.marker, Level: h.level, Voice: h.voice}
	switch {
	case t.eventPT != 0 && h.pt == t.eventPT:
		p.Skip = true
		r.event(t, h, arrival)
	case c != 0:
		d, err := codec.Duration(c, h.payload)
		if err != nil {
			r.stats.malformed.Add(1)
			return false
		}
		p.Clock = c.ClockRate()
		p.Duration = uint32(int64(d) * int64(p.Clock) / int64(time.Second))
		p.Payload = h.payload
		if r.digits.Down() && p.Clock == r.digits.ClockRate {
			if e, ok := r.digits.Idle(h.ts); ok { // its end was lost
				e.At = arrival
				r.emit(e)
			}
		}
		if c != r.sends {
			r.sends = c
			r.prepare(c)
			r.alarm.ring()
		}
		// The codec travels with the packet, for an Update may come before its turn.
		p.PT = uint8(c)
	case h.pt == comfortNoise:
		p.Clock, p.PT, p.Payload = 8000, 0, h.payload
	default:
		r.stats.malformed.Add(1)
		return false
	}
	r.count(h, p, arrival)
	r.push(p, arrival)
	return true
}

func (r *Receiver) count(h *header, p *jitter.Packet, arrival time.Time) {
	since := arrival.Sub(r.epoch)
	r.stats.packets.Add(1)
	r.stats.bytes.Add(uint64(len(h.payload)))
	r.stats.lastPacket.Store(max(int64(since), 1))
	if h.level != noLevel {
		r.stats.level.Store(uint32(h.level))
	}
	r.mu.Lock()
	if p.Skip {
		r.reception.Skip(h.ssrc, h.seq)
	} else {
		r.rtpClock = p.Clock
		units := int64(since/time.Second)*int64(p.Clock) + int64(since%time.Second)*int64(p.Clock)/int64(time.Second)
		r.reception.Update(h.ssrc, h.seq, h.ts, uint32(units))
		r.stats.jitter.Store(uint64(r.reception.Jitter()) * uint64(time.Second) / uint64(p.Clock))
	}
	r.stats.lost.Store(r.reception.Lost())
	r.mu.Unlock()
}

// event takes a telephone event.
func (r *Receiver) event(t *payloadTypes, h *header, arrival time.Time) {
	if r.source != h.ssrc || r.digits.ClockRate != t.eventClock {
		if e, ok := r.digits.Reset(); ok {
			e.At = arrival
			r.emit(e)
		}
		r.source, r.digits.ClockRate = h.ssrc, t.eventClock
	}
	if e, ok := r.digits.Push(h.payload, h.marker, h.ts); ok {
		e.At = arrival
		r.emit(e)
	}
}

func (r *Receiver) emit(e media.Event) {
	if r.events == nil {
		return
	}
	select {
	case r.events <- e:
	default:
		r.stats.eventsDropped.Add(1)
	}
}

// report makes the reception report for RTCP.
func (r *Receiver) report() (quality.Report, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reception.Report()
}

// Rate is the highest sample rate the party really sends: 8 kHz for G.711, 16 kHz for G.722, and for Opus
// what the packets' own bandwidth asks for. Safe for concurrent use.
func (r *Receiver) Rate() pcm.Rate { return pcm.Rate(r.stats.rate.Load()) }

// Age implements media.AgedSource.
func (r *Receiver) Age() time.Duration {
	return r.jb.Age() + max(r.packetTime, pcm.Period) + time.Duration(r.stats.trip.Load())/2
}

// LastPacket is when the last packet came, the zero time before the first. Safe for concurrent use.
func (r *Receiver) LastPacket() time.Time {
	ns := r.stats.lastPacket.Load()
	if ns == 0 {
		return time.Time{}
	}
	return r.epoch.Add(time.Duration(ns))
}

// Stats fills in what the receiver counts. Safe for concurrent use.
func (r *Receiver) Stats(s *media.Stats) {
	j := r.jb.Stats()
	s.PacketsIn, s.BytesIn = r.stats.packets.Load(), r.stats.bytes.Load()
	s.Lost = r.stats.lost.Load()
	s.Late, s.Duplicate = j.Late+j.Overflow, j.Duplicate
	s.Malformed += r.stats.malformed.Load()
	s.Concealed, s.FEC = r.stats.concealed.Load(), r.stats.fec.Load()
	s.EventsDropped += r.stats.eventsDropped.Load()
	s.Jitter = time.Duration(r.stats.jitter.Load())
	s.Delay = j.Delay
	s.LevelIn = uint8(r.stats.level.Load())
	s.LastPacket = r.LastPacket()
}

// Jitter is what the jitter buffer counts. Safe for concurrent use.
func (r *Receiver) Jitter() jitter.Stats { return r.jb.Stats() }

// Close gives the decoders back. ReadFrame gives nothing but Absent afterwards. Idempotent, safe for
// concurrent use.
func (r *Receiver) Close() { r.closePlayout() }

var (
	_ media.PayloadSource = (*Receiver)(nil)
	_ media.Dozer         = (*Receiver)(nil)
	_ media.AgedSource    = (*Receiver)(nil)
	_ media.LevelSource   = (*Receiver)(nil)
	_ media.RelaySource   = (*Receiver)(nil)
	_ media.RelaySink     = (*Sender)(nil)
)
