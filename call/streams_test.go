package call

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

// fakeStream counts the frames it is given.
type fakeStream struct{ frames atomic.Int64 }

func (s *fakeStream) Format() media.Format { return media.Format{Codec: media.PCMU} }
func (s *fakeStream) WriteFrame(f media.OutFrame) {
	if len(f.Payload) > 0 {
		s.frames.Add(1)
	}
}
func (s *fakeStream) Relays(media.Codec, time.Duration) bool { return false }
func (s *fakeStream) BeginRelay(uint64, uint32) bool         { return false }
func (s *fakeStream) RelayPacket(*media.Packet)              {}
func (s *fakeStream) EndRelay(uint64) bool                   { return true }

// fakeStreamer is a browser with several streams.
type fakeStreamer struct {
	*fakeLeg
	streams atomic.Pointer[[]media.Stream]
}

func (s *fakeStreamer) Streams() []media.Stream { return *s.streams.Load() }

// agree makes the streams those with these ids; the ones there are stay.
func (s *fakeStreamer) agree(ids ...string) {
	var next []media.Stream
	for _, id := range ids {
		st := media.Stream{ID: id, Sink: new(fakeStream)}
		if old := s.streams.Load(); old != nil {
			if i := slices.IndexFunc(*old, func(o media.Stream) bool { return o.ID == id }); i >= 0 {
				st = (*old)[i]
			}
		}
		next = append(next, st)
	}
	s.streams.Store(&next)
}

type streamEndpoint struct {
	*fakeEndpoint
	leg *fakeStreamer
}

func (e streamEndpoint) Media() media.Leg { return e.leg }

func TestReceiveStreams(t *testing.T) {
	b := newBench(t, DefaultConfig())
	_, _, in := b.incoming()
	c := in.ID
	streamer := &fakeStreamer{fakeLeg: newFakeLeg()}
	streamer.agree("0", "1", "2")
	ep := streamEndpoint{newEndpoint(true), streamer}
	attach := func(at Attach) string {
		t.Helper()
		_, l, err := b.Attach(b.ctx, c, at)
		if err != nil {
			t.Fatal(err)
		}
		return l.ID
	}
	one := attach(Attach{Kind: wire.LegRTP, Role: wire.RoleExpert, Endpoint: newEndpoint(true)})
	_, l, err := b.Attach(b.ctx, c, Attach{Kind: wire.LegWebRTC, Role: wire.RoleSupervisor, Endpoint: ep, Receive: wire.ReceiveStreams})
	if err != nil {
		t.Fatal(err)
	}
	me := l.ID
	if want := []wire.Stream{{MID: "0"}, {MID: "1", Member: one}, {MID: "2"}}; !slices.Equal(l.Streams, want) || l.Receive != wire.ReceiveStreams || l.StreamsWanted != 0 {
		t.Errorf("at first %+v, want %+v", l, want)
	}
	check := func(what string, wanted int, members ...string) {
		t.Helper()
		var got []string
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
			l, err := b.Leg(me)
			b.ok(err)
			got = got[:0]
			for _, s := range l.Streams {
				got = append(got, s.Member)
			}
			if slices.Equal(got, members) && l.StreamsWanted == wanted {
				return
			}
		}
		t.Errorf("%s: %q, want %q and %d wanted", what, got, members, wanted)
	}
	two := attach(Attach{Kind: wire.LegRTP, Role: wire.RoleExpert, Endpoint: newEndpoint(true)})
	check("a second", 0, "", one, two)
	three := attach(Attach{Kind: wire.LegRTP, Role: wire.RoleExpert, Endpoint: newEndpoint(true)})
	check("one too many", 4, "", one, two)
	streamer.agree("0", "1", "2", "3")
	if _, err := b.Receive(b.ctx, me, wire.ReceiveStreams, "test"); err != nil {
		t.Fatal(err)
	}
	check("renegotiated", 0, "", one, two, three)
	streams := streamer.Streams()
	frames := func(i int) int64 { return streams[i].Sink.(*fakeStream).frames.Load() }
	time.Sleep(300 * time.Millisecond)
	for i := 1; i < 4; i++ {
		if frames(i) == 0 {
			t.Errorf("stream %d carries nothing", i)
		}
	}
	if _, err := b.SetMatrix(b.ctx, in.Room, []wire.MatrixCell{{Listener: me, Source: three}, {Listener: one, Source: me}}, "test"); err != nil {
		t.Fatal(err)
	}
	check("the matrix", 0, "", "", "", three)
	before := frames(1)
	time.Sleep(100 * time.Millisecond)
	if got := frames(1); got != before {
		t.Errorf("%d frames in a stream that nobody is in", got-before)
	}
	if err := b.HangupLeg(b.ctx, three, CauseHangup, "test"); err != nil {
		t.Fatal(err)
	}
	check("gone", 0, "", "", "", "")
	l, err = b.Receive(b.ctx, me, wire.ReceiveMix, "test")
	if err != nil || l.Receive != "" || len(l.Streams) != 0 {
		t.Errorf("mixed again: %+v, %v", l, err)
	}
	for _, c := range []struct {
		leg  string
		how  wire.Receive
		code string
	}{{one, wire.ReceiveStreams, "not_streamable"}, {me, "loud", "invalid_field"}, {"leg_none", wire.ReceiveMix, "leg_not_found"}} {
		if _, err := b.Receive(b.ctx, c.leg, c.how, "test"); err == nil || problem.As(err).Code != c.code {
			t.Errorf("%s %s: %v, want %s", c.leg, c.how, err, c.code)
		}
	}
	if n := len(slices.DeleteFunc(b.types(), func(s string) bool { return s != "leg.streams_changed" })); n != 7 {
		t.Errorf("%d events of the streams, want one for each change", n)
	}
}
