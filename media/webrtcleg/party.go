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
func (l *Leg) Format() media.Format { return l.tx.Format() }

// WriteFrame implements media.Sink. Before the connection is up frames go nowhere.
func (l *Leg) WriteFrame(f media.OutFrame) {
	if !l.up.Load() {
		f.Payload = nil // the timestamp moves on
	}
	l.tx.WriteFrame(f)
}

// SendDigits implements media.Leg.
func (l *Leg) SendDigits(digits string, tone time.Duration) error {
	return l.tx.SendDigits(digits, tone)
}

// Stats implements media.Leg.
func (l *Leg) Stats() media.Stats {
	var s media.Stats
	l.rx.Stats(&s)
	l.tx.Stats(&s)
	l.rtcp.Stats(&s)
	s.EventsDropped += l.eventsDropped.Load()
	s.SendDropped += l.out.dropped.Load()
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

// end asks the leg to end; the first reason counts.
func (l *Leg) end(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.stop)
	})
}

func (l *Leg) over() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// String implements media.Leg.
func (l *Leg) String() string {
	t := l.terms.Load()
	return fmt.Sprintf("webrtcleg(opus/48000 pt %d) > jitter(%v) > decode", t.opusPT, l.rx.Jitter().Delay)
}
