package caller

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

func TestVoice(t *testing.T) {
	f, err := frames()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f); n < 30*50 || n > 60*50 {
		t.Errorf("the voice lasts %d frames, want 30 to 60 s", n)
	}
	dec, err := codec.NewDecoder(media.PCMU)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int16, 5760)
	loud, quiet := 0, 0
	for _, p := range f {
		n, err := dec.Decode(out, p, pcm.Rate8k)
		if err != nil {
			t.Fatal(err)
		}
		switch rms := testaudio.RMS(out[:n]); {
		case rms > -22:
			loud++
		case rms < -28:
			quiet++
		}
	}
	if loud < len(f)/10 || quiet < len(f)/10 {
		t.Errorf("%d loud and %d quiet frames of %d: want speech with pauses", loud, quiet, len(f))
	}
}

type line struct {
	media.Leg
	mu   sync.Mutex
	sent int
	done chan struct{}
}

func (l *line) Rate() pcm.Rate                  { return pcm.Rate8k }
func (l *line) ReadFrame(*pcm.Frame) media.Kind { return media.Audio }
func (l *line) WriteFrame(f media.OutFrame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(f.Payload) == 160 && f.Tick == uint64(l.sent) {
		l.sent++
	}
}
func (l *line) Done() <-chan struct{} { return l.done }
func (l *line) Close() error          { return nil }

type exchange struct {
	leg    *line
	refuse bool
	told   chan call.Progress
	hung   chan struct{}
}

func (x *exchange) Dial(_ context.Context, req call.DialRequest, p call.Progress) (call.Endpoint, error) {
	if req.To != "1000" {
		return nil, errors.New("wrong number")
	}
	if x.refuse {
		p.Ended(call.Cause{Code: call.CauseBusy})
	} else {
		p.Ringing()
		p.Answered()
	}
	x.told <- p
	return x, nil
}
func (x *exchange) Media() media.Leg                         { return x.leg }
func (x *exchange) Ring(context.Context) error               { return nil }
func (x *exchange) Answer(context.Context) error             { return nil }
func (x *exchange) Hangup(context.Context, call.Cause) error { x.hung <- struct{}{}; return nil }

func TestCall(t *testing.T) {
	x := &exchange{leg: &line{done: make(chan struct{})}, told: make(chan call.Progress, 1), hung: make(chan struct{}, 1)}
	c, err := New(x, "1000", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- c.Call(t.Context()) }()
	p := <-x.told
	time.Sleep(300 * time.Millisecond)
	p.Ended(call.Cause{Code: call.CauseHangup})
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	x.leg.mu.Lock()
	defer x.leg.mu.Unlock()
	if x.leg.sent < 5 {
		t.Errorf("sent %d frames in 300 ms", x.leg.sent)
	}
	select {
	case <-x.hung:
	default:
		t.Error("the dialog was not let go of")
	}
}

func TestBusy(t *testing.T) {
	x := &exchange{leg: &line{done: make(chan struct{})}, refuse: true, told: make(chan call.Progress, 1), hung: make(chan struct{}, 1)}
	c, err := New(x, "1000", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Call(t.Context()); err == nil {
		t.Error("a busy line is not a call")
	}
}
