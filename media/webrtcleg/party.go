package webrtcleg

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

var (
	_ media.Leg           = (*Leg)(nil)
	_ media.PayloadSource = (*Leg)(nil)
	_ media.Dozer         = (*Leg)(nil)
	_ media.LevelSource   = (*Leg)(nil)
	_ media.RelaySource   = (*Leg)(nil)
	_ media.RelaySink     = (*Leg)(nil)
	_ media.Streamer      = (*Leg)(nil)
)

// Rate implements media.Source.
func (l *Leg) Rate() pcm.Rate { return l.rx.Rate() }

// ReadFrame implements media.Source.
func (l *Leg) ReadFrame(dst *pcm.Frame) media.Kind { return l.rx.ReadFrame(dst) }

// Forget implements media.Forgetter.
func (l *Leg) Forget() { l.main.tx.Forget() }

// Age implements media.AgedSource.
func (l *Leg) Age() time.Duration { return l.rx.Age() }

// Payload implements media.PayloadSource.
func (l *Leg) Payload() (media.Codec, []byte) { return l.rx.Payload() }

// Skip implements media.Skipper.
func (l *Leg) Skip() media.Kind { return l.rx.Skip() }

// Level implements media.LevelSource.
func (l *Leg) Level() (level uint8, voice, ok bool) { return l.rx.Level() }

// SkipPast implements media.Dozer.
func (l *Leg) SkipPast(ago time.Duration) media.Kind { return l.rx.SkipPast(ago) }

// Doze implements media.Dozer.
func (l *Leg) Doze(wake *atomic.Bool) bool {
	rx, tx := l.rx.Doze(wake), l.main.tx.Doze(wake)
	return rx && tx
}

// Codec implements media.RelaySource.
func (l *Leg) Codec() media.Codec { return l.rx.Codec() }

// Relay implements media.RelaySource. Packets are handed on by the goroutine that reads the port.
func (l *Leg) Relay(tick uint64, to media.RelaySink) bool { return l.rx.Relay(tick, to) }

// Unrelay implements media.RelaySource.
func (l *Leg) Unrelay(to media.RelaySink) bool { return l.rx.Unrelay(to) }

// Recent implements media.RelaySource.
func (l *Leg) Recent(dst []pcm.Frame) int { return l.rx.Recent(dst) }

// Relays implements media.RelaySink.
func (l *Leg) Relays(c media.Codec, duration time.Duration) bool { return l.main.Relays(c, duration) }

// BeginRelay implements media.RelaySink.
func (l *Leg) BeginRelay(tick uint64, ts uint32) bool { return l.main.BeginRelay(tick, ts) }

// RelayPacket implements media.RelaySink.
func (l *Leg) RelayPacket(p *media.Packet) { l.main.RelayPacket(p) }

// EndRelay implements media.RelaySink.
func (l *Leg) EndRelay(tick uint64) bool { return l.main.EndRelay(tick) }

// Streams implements media.Streamer: the lines.
func (l *Leg) Streams() []media.Stream {
	lines := l.all()
	s := make([]media.Stream, len(lines))
	for i, n := range lines {
		s[i] = media.Stream{ID: n.mid, Sink: n}
	}
	return s
}

// Format implements media.Sink.
func (l *Leg) Format() media.Format { return l.main.Format() }

// WriteFrame implements media.Sink. Before the connection is up frames go nowhere.
func (l *Leg) WriteFrame(f media.OutFrame) { l.main.WriteFrame(f) }

// SendDigits implements media.Leg.
func (l *Leg) SendDigits(digits string, tone time.Duration) error {
	return l.main.tx.SendDigits(digits, tone)
}

// Stats implements media.Leg. What goes out is counted over all lines; what the browser reports is of the
// first.
func (l *Leg) Stats() media.Stats {
	var s media.Stats
	l.rx.Stats(&s)
	l.main.tx.Stats(&s)
	l.main.rtcp.Stats(&s)
	s.SendDropped = l.main.dropped.Load()
	for _, n := range l.all()[1:] {
		var more media.Stats
		n.tx.Stats(&more)
		s.PacketsOut += more.PacketsOut
		s.BytesOut += more.BytesOut
		s.SendDropped += n.dropped.Load()
	}
	s.Malformed += l.refused.Load()
	s.EventsDropped += l.eventsDropped.Load()
	return s
}

// Events implements media.Leg.
func (l *Leg) Events() <-chan media.Event { return l.events }

// Done implements media.Leg.
func (l *Leg) Done() <-chan struct{} { return l.done }

// Err implements media.Leg: nil before Done and after Close, else ErrPeerClosed or ErrLost.
func (l *Leg) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Close implements media.Leg.
func (l *Leg) Close() error {
	l.end(nil)
	<-l.done
	return nil
}

// String implements media.Leg.
func (l *Leg) String() string {
	return fmt.Sprintf("webrtcleg(opus/48000 pt %d) > jitter(%v) > decode", l.main.terms.Load().opusPT, l.rx.Jitter().Delay)
}
