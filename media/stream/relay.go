package stream

import (
	"sync"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/jitter"
)

// maxRelays is how many listeners the packets of one party can be handed on to.
const maxRelays = 32

// relays hands packets on as they arrive. The reader holds the lock while it puts a packet into the jitter
// buffer and hands it on, so that the tick, which only ever tries the lock, finds every packet on one side
// or the other and none on both.
type relays struct {
	mu     sync.Mutex
	sinks  []media.RelaySink
	order  order
	packet media.Packet
}

// order tells packets of the stream that are new from those that came before, in the manner of RFC 3550
// appendix A.1: another source or a far sequence number counts from the second packet on.
type order struct {
	open   bool
	ssrc   uint32
	top    uint16
	seen   uint64 // bit n: top-n has come
	pend   bool   // a packet of what may be another stream has come
	other  uint32
	seq    uint16
	events uint16 // packets so far that hold no audio, and that nobody misses
}

// accept notes a packet and reports whether it is new.
func (o *order) accept(ssrc uint32, seq uint16, audio bool) bool {
	d := int16(seq - o.top)
	if !o.open || ssrc != o.ssrc || d > seqJump || d < -seqMisorder {
		if !audio {
			return false
		}
		n := int16(seq - o.seq)
		if o.open && (!o.pend || ssrc != o.other || n < 1 || n > seqMisorder) {
			o.pend, o.other, o.seq = true, ssrc, seq
			return false
		}
		*o = order{open: true, ssrc: ssrc, top: seq, seen: 1}
		return true
	}
	o.pend = false
	if d <= 0 {
		bit := uint64(1) << uint(-d)
		if d <= -64 || o.seen&bit != 0 {
			return false
		}
		o.seen |= bit
		return true
	}
	o.seen = o.seen<<uint(d) | 1
	o.top = seq
	if !audio {
		o.events++
	}
	return true
}

// push puts a packet into the jitter buffer and hands it on.
func (r *Receiver) push(p *jitter.Packet, arrival time.Time) {
	l := &r.relays
	l.mu.Lock()
	defer l.mu.Unlock()
	r.jb.Push(p, arrival)
	audio := !p.Skip && p.PT != 0
	if !l.order.accept(p.SSRC, p.Seq, audio) || !audio || len(l.sinks) == 0 {
		return
	}
	l.packet = media.Packet{
		Codec: media.Codec(p.PT), Marker: p.Marker, Level: p.Level, Voice: p.Voice,
		Seq: p.Seq - l.order.events, SSRC: p.SSRC, TS: p.TS, Duration: p.Duration,
		Arrival: arrival, Payload: p.Payload,
	}
	for _, to := range l.sinks {
		to.RelayPacket(&l.packet)
	}
	l.packet.Payload = nil
}

// Codec implements media.RelaySource.
func (r *Receiver) Codec() media.Codec { return r.codec }

// Relay implements media.RelaySource. It reports false in the middle of a packet that is longer than a
// frame, while a packet arrives, and for a sink that cannot.
func (r *Receiver) Relay(tick uint64, to media.RelaySink) bool {
	l := &r.relays
	if r.codec == 0 || r.rate == 0 || r.n >= r.rate.Samples() || !l.mu.TryLock() {
		return false
	}
	defer l.mu.Unlock()
	r.jb.Collect()
	ts, _, ok := r.jb.Next()
	if !ok || len(l.sinks) == maxRelays || !to.Relays(r.codec, r.packetTime) || !to.BeginRelay(tick, ts) {
		return false
	}
	now := r.clock()
	for i := 0; ; i++ {
		it, ok := r.jb.Ahead(i)
		if !ok {
			break
		}
		if it.PT == 0 {
			continue
		}
		l.packet = media.Packet{
			Codec: media.Codec(it.PT), Marker: it.Marker, Level: it.Level, Voice: it.Voice,
			Seq: it.Seq - l.order.events, SSRC: it.SSRC, TS: it.TS, Duration: it.Duration,
			Arrival: now, Payload: it.Payload,
		}
		to.RelayPacket(&l.packet)
	}
	l.packet.Payload = nil
	l.sinks = append(l.sinks, to)
	return true
}

// Unrelay implements media.RelaySource. The playout went on all the time, a little behind the packets that
// were handed on, and so it need not move: its last word to the sink is a packet without a payload, whose
// timestamp is that of the next frame.
func (r *Receiver) Unrelay(to media.RelaySink) bool {
	l := &r.relays
	if !l.mu.TryLock() {
		return false
	}
	defer l.mu.Unlock()
	for i, s := range l.sinks {
		if s != to {
			continue
		}
		r.jb.Collect()
		if ts, ssrc, ok := r.jb.Next(); ok {
			l.packet = media.Packet{Codec: r.codec, Level: media.LevelUnknown, SSRC: ssrc, TS: ts - r.queued()}
			to.RelayPacket(&l.packet)
		}
		last := len(l.sinks) - 1
		l.sinks[i] = l.sinks[last]
		l.sinks[last] = nil
		l.sinks = l.sinks[:last]
		break
	}
	return true
}
