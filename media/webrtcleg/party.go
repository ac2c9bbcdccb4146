package webrtcleg

import (
	"fmt"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

var (
	_ media.Leg           = (*Leg)(nil)
	_ media.PayloadSource = (*Leg)(nil)
)

// Rate implements media.Source.
func (l *Leg) Rate() pcm.Rate { return l.rx.Rate() }

// ReadFrame implements media.Source.
func (l *Leg) ReadFrame(dst *pcm.Frame) media.Kind { return l.rx.ReadFrame(dst) }

// Payload implements media.PayloadSource.
func (l *Leg) Payload() (media.Codec, []byte) { return l.rx.Payload() }

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
