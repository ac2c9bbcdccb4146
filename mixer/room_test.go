package mixer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var pcmu = media.Format{Codec: media.PCMU}

// voice is a PCMU leg that says one value all the time and keeps what it heard last.
type voice struct {
	*fakeLeg
	heard int16
}

func newVoice(v int16) *voice {
	l := &voice{fakeLeg: &fakeLeg{rate: pcm.Rate8k, format: pcmu, say: constant(v)}}
	l.hear = func(o media.OutFrame) { l.heard = unraw(o.Payload)[0] }
	return l
}

// prompt is a source of one value that ends after n frames.
type prompt struct {
	value int16
	left  int
	reads int
}

func (p *prompt) Rate() pcm.Rate { return pcm.Rate8k }
func (p *prompt) ReadFrame(f *pcm.Frame) media.Kind {
	p.left--
	p.reads++
	return constant(p.value)(f)
}
func (p *prompt) Done() bool { return p.left <= 0 }

func code(err error) string {
	if err == nil {
		return ""
	}
	return problem.As(err).Code
}

func TestCommandsAreCheckedFirst(t *testing.T) {
	h := byHand(t, rawConfig())
	a, b := newVoice(1000), newVoice(2000)
	r := h.open("r", Join{ID: "a", Leg: a}, Join{ID: "b", Leg: b})
	for _, c := range []struct {
		name string
		cmds []Command
		code string
	}{
		{"taken id", []Command{Join{ID: "a", Leg: a}}, "member_exists"},
		{"no leg", []Command{Join{ID: "x"}}, "invalid_command"},
		{"unknown member", []Command{Mute{ID: "x", On: true}}, "member_not_found"},
		{"good before bad", []Command{Mute{ID: "a", On: true}, Leave{ID: "b"}, Hold{ID: "x"}}, "member_not_found"},
		{"unknown listener", []Command{Play{ID: "p", Source: &prompt{}, To: []string{"x"}}}, "member_not_found"},
		{"unknown source", []Command{SetMatrix{Cells: []wire.MatrixCell{{Listener: "a", Source: "x"}}}}, "member_not_found"},
		{"unknown player", []Command{StopPlay{ID: "p"}}, "player_not_found"},
		{"player twice", []Command{Play{ID: "p", Source: &prompt{}}, Play{ID: "p", Source: &prompt{}}}, "player_exists"},
		{"gone in the same breath", []Command{Leave{ID: "a"}, Mute{ID: "a", On: true}}, "member_not_found"},
	} {
		before := fmt.Sprint(r.Snapshot())
		if got := code(h.try(r, c.cmds...)); got != c.code {
			t.Errorf("%s: %q, want %q", c.name, got, c.code)
		}
		if after := fmt.Sprint(r.Snapshot()); after != before {
			t.Errorf("%s: changed the room:\n%s\n%s", c.name, before, after)
		}
		h.ticks(1)
		if a.heard != 2000 || b.heard != 1000 {
			t.Errorf("%s: changed what is heard: %d, %d", c.name, a.heard, b.heard)
		}
	}
	for i := range 6 {
		h.do(r, Join{ID: fmt.Sprint(i), Leg: newVoice(0)})
	}
	err := problem.As(h.try(r, Join{ID: "ninth", Leg: newVoice(0)}))
	if err.Status != 409 || err.Code != "room_full" {
		t.Errorf("a ninth member: %v, want 409 room_full", err)
	}
	h.do(r, Leave{ID: "3"}, Join{ID: "ninth", Leg: newVoice(0)})
}

// TestCommandsApplyTogether swaps two members again and again while the engine runs; a listener must hear
// one of them in every tick, never both and never none.
func TestCommandsApplyTogether(t *testing.T) {
	e := start(t, rawConfig())
	l, a, b := newVoice(0), newVoice(1000), newVoice(2000)
	var mu sync.Mutex
	var heard []int16
	l.hear = func(o media.OutFrame) { mu.Lock(); heard = append(heard, unraw(o.Payload)[0]); mu.Unlock() }
	r := open(t, e, "r", Join{ID: "l", Leg: l}, Join{ID: "a", Leg: a}, Join{ID: "b", Leg: b}, Mute{ID: "b", On: true})
	for i := range 2000 {
		do(t, r, Mute{ID: "a", On: i%2 == 0}, Mute{ID: "b", On: i%2 == 1})
		if i%200 == 0 {
			time.Sleep(Period)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for i, v := range heard {
		if v != 1000 && v != 2000 {
			t.Errorf("tick %d of %d: heard %d", i, len(heard), v)
		}
	}
	if len(heard) < 10 {
		t.Errorf("only %d ticks", len(heard))
	}
}

func TestHoldPlayAndMusic(t *testing.T) {
	h := byHand(t, Config{
		NewEncoder: newRaw, PutEncoder: func(codec.Encoder) {},
		Music: func() media.Source { return &prompt{value: 7, left: 1 << 30} },
	})
	a, b, c := newVoice(1000), newVoice(2000), newVoice(4000)
	r := h.open("r", Join{ID: "a", Leg: a}, Join{ID: "b", Leg: b}, Join{ID: "c", Leg: c})
	hear := func(when string, wantA, wantB, wantC int16) {
		t.Helper()
		h.ticks(1)
		if a.heard != wantA || b.heard != wantB || c.heard != wantC {
			t.Errorf("%s: hear %d, %d, %d; want %d, %d, %d", when, a.heard, b.heard, c.heard, wantA, wantB, wantC)
		}
	}
	hear("all", 6000, 5000, 3000)
	h.do(r, Hold{ID: "a", On: true})
	hear("a held", 7, 4000, 2000)
	h.do(r, Play{ID: "p", Source: &prompt{value: 100, left: 1000}})
	hear("a held, prompt to all", 7, 4100, 2100)
	own := &prompt{value: 300, left: 1 << 30}
	h.do(r, Hold{ID: "b", On: true, Music: own}, Hold{ID: "c", On: true, Music: own})
	reads := own.reads
	hear("own music", 7, 300, 300)
	if own.reads != reads+1 {
		t.Errorf("music for two was read %d times in a tick", own.reads-reads)
	}
	h.do(r, Play{ID: "q", Source: &prompt{value: 500, left: 2}, To: []string{"a", "b"}})
	hear("prompt to the held", 500, 500, 300)
	hear("its last frame", 500, 500, 300)
	hear("after it", 7, 300, 300)
	h.do(r, Hold{ID: "a"}, Hold{ID: "b"}, Hold{ID: "c"}, StopPlay{ID: "p"})
	hear("back", 6000, 5000, 3000)
	h.do(r, Play{ID: "x", Source: &prompt{value: 90, left: 3}, To: []string{"a"}, Exclusive: true})
	hear("exclusive", 90, 5000, 3000)
	h.ticks(2)
	hear("exclusive is over", 6000, 5000, 3000)
	h.do(r, Deafen{ID: "a", On: true}, Hold{ID: "a", On: true})
	hear("deafened and held", 0, 4000, 2000)
	h.do(r, Deafen{ID: "a"}, Hold{ID: "a"}, Hear{Listener: "a", Source: "a"}, Hear{Listener: "b", Source: "c", Off: true})
	hear("own voice, and one cell off", 7000, 1000, 3000)
	h.do(r, SetMatrix{Cells: []wire.MatrixCell{{Listener: "c", Source: "b"}}})
	hear("matrix", 0, 0, 2000)
	h.do(r, Join{ID: "d", Leg: newVoice(50)}, Join{ID: "s", Leg: newVoice(60), ListenOnly: true})
	hear("two more, one listening only", 50, 50, 2050)
	var ended []string
	for _, e := range events(r) {
		if e.Kind == PlayerFinished {
			ended = append(ended, e.Player)
		}
	}
	if want := []string{"q", "x"}; !slices.Equal(ended, want) {
		t.Errorf("players ended: %v, want %v", ended, want)
	}
	if n := len(r.scene.players); n != 0 {
		t.Errorf("%d players left over", n)
	}
}

func TestHeldShareTheMusic(t *testing.T) {
	h := byHand(t, Config{
		NewEncoder: newRaw, PutEncoder: func(codec.Encoder) {},
		Music: func() media.Source { return &prompt{value: 7, left: 1 << 30} },
	})
	for i := range 5 {
		h.open(fmt.Sprint(i), Join{ID: "a", Leg: newVoice(1)}, Hold{ID: "a", On: true},
			Join{ID: "b", Leg: newTalker(pcm.Rate48k, opusFormat)}, Hold{ID: "b", On: true})
	}
	h.ticks(100)
	if s := h.e.Stats(); s.Encodes != 200 || s.Shared != 800 {
		t.Errorf("%d encodes and %d shared for ten held parties with two codecs in 100 ticks, want 200 and 800", s.Encodes, s.Shared)
	}
}

// packetLeg shows payloads and levels and can skip.
type packetLeg struct {
	*voice
	skips int
	level uint8
}

func (l *packetLeg) Payload() (media.Codec, []byte) { return media.PCMU, []byte{1, 2, 3} }
func (l *packetLeg) Skip() media.Kind               { l.skips++; return media.Audio }
func (l *packetLeg) Level() (uint8, bool, bool)     { return l.level, true, true }

type double struct{}

func (double) Process(f *pcm.Frame) {
	for i, v := range f.Samples() {
		f.Samples()[i] = 2 * v
	}
}
func (double) String() string { return "double" }

func TestTap(t *testing.T) {
	h := byHand(t, rawConfig())
	a := &packetLeg{voice: newVoice(1000), level: 30}
	b := newVoice(2000)
	s := newVoice(9)
	r := h.open("r", Join{ID: "a", Leg: a}, Join{ID: "b", Leg: b, Processors: []Processor{double{}}},
		Join{ID: "s", Leg: s, ListenOnly: true})
	type row struct {
		member      string
		kind        media.Kind
		value       int16
		payload     int
		muted, held bool
		level       uint8
	}
	var got []row
	tap := tapFunc(func(_ uint64, frames []media.Tapped) {
		got = got[:0]
		for _, f := range frames {
			got = append(got, row{f.Member, f.Kind, f.In.Samples()[0], len(f.Payload), f.Muted, f.Held, f.Level})
		}
	})
	listener := row{"s", media.Silence, 0, 0, true, false, 127}
	for _, c := range []struct {
		cmds []Command
		want []row
	}{
		{[]Command{SetTap{Tap: tap}}, []row{{"a", media.Audio, 1000, 3, false, false, 30}, {"b", media.Audio, 4000, 0, false, false, 18}, listener}},
		{[]Command{Mute{ID: "a", On: true}}, []row{{"a", media.Audio, 1000, 3, true, false, 30}, {"b", media.Audio, 4000, 0, false, false, 18}, listener}},
		{[]Command{Hold{ID: "a", On: true}}, []row{{"a", media.Silence, 0, 0, true, true, 127}, {"b", media.Audio, 4000, 0, false, false, 18}, listener}},
		{[]Command{SetProcessors{ID: "a", Processors: []Processor{double{}}}, Hold{ID: "a"}}, []row{{"a", media.Audio, 2000, 0, true, false, 24}, {"b", media.Audio, 4000, 0, false, false, 18}, listener}},
	} {
		h.do(r, c.cmds...)
		h.ticks(1)
		if !slices.Equal(got, c.want) {
			t.Errorf("after %+v the tap gets\n%+v, want\n%+v", c.cmds, got, c.want)
		}
	}
	h.do(r, SetTap{}, Mute{ID: "a"}, SetProcessors{ID: "a"})
	got = got[:0]
	skips := a.skips
	h.ticks(5)
	if len(got) != 0 || a.skips != skips {
		t.Errorf("without a tap: %v, %d frames skipped", got, a.skips-skips)
	}
	h.do(r, Mute{ID: "a", On: true})
	h.ticks(5)
	if a.skips != skips+5 {
		t.Errorf("%d of 5 frames of a muted party skipped", a.skips-skips)
	}
}

func TestPanicEndsItsRoomOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, rawConfig())
		bad, good := newVoice(1), newVoice(1)
		n := 0
		bad.say = func(f *pcm.Frame) media.Kind {
			if n++; n == 5 {
				panic("a leg broke")
			}
			return constant(1)(f)
		}
		r := open(t, e, "bad", Join{ID: "a", Leg: bad})
		other := open(t, e, "good", Join{ID: "a", Leg: good})
		time.Sleep(time.Second + Period/2)
		<-r.Done()
		if r.Err() == nil || !strings.Contains(r.Err().Error(), "a leg broke") {
			t.Errorf("the room ended with %v", r.Err())
		}
		all := events(r)
		if len(all) == 0 || all[len(all)-1].Kind != Closed || all[len(all)-1].Err == nil {
			t.Errorf("events %v, want Closed with an error", all)
		}
		if got := good.writes.Load(); got != 50 || other.Err() != nil {
			t.Errorf("the other room had %d ticks and ended with %v", got, other.Err())
		}
		if s := e.Stats(); s.Panics != 1 || s.Rooms != 1 || s.Shards[0].Seats != emptyRoom+1 {
			t.Errorf("%+v: want one panic, one room", s)
		}
		if got := code(r.Do(t.Context(), Leave{ID: "a"})); got != "room_closed" {
			t.Errorf("a command to a room that is over: %q", got)
		}
		if _, ok := e.Room("bad"); ok {
			t.Error("the room is still listed")
		}
	})
}

func TestSpeaker(t *testing.T) {
	h := byHand(t, rawConfig())
	r, legs := opusRoom(h, 3)
	speaker := func(want string, ticks int) {
		t.Helper()
		h.ticks(ticks)
		if got := r.Snapshot().Speaker; got != want {
			t.Errorf("tick %d: speaker %q, want %q", r.tick, got, want)
		}
	}
	speaker("", 10)
	legs[0].on = true
	speaker("", 1)
	speaker("0", 1)
	legs[1].on = true // as loud
	speaker("0", 100)
	legs[1].say = constant(10000) // 20 dB louder
	speaker("0", 10)
	speaker("1", 30)
	h.do(r, Mute{ID: "1", On: true})
	speaker("0", 1)
	speaker("0", hangover)
	legs[0].on = false
	speaker("0", 30)
	speaker("", 60)
	var who []string
	for _, e := range events(r) {
		who = append(who, e.Member)
	}
	if want := []string{"0", "1", "0", ""}; !slices.Equal(who, want) {
		t.Errorf("events %q, want %q", who, want)
	}
}

func TestEventsAreBounded(t *testing.T) {
	h := byHand(t, rawConfig())
	r := h.open("r")
	for i := range eventQueue + 10 {
		h.do(r, Play{ID: fmt.Sprint(i), Source: &prompt{left: 1}})
		h.ticks(1)
	}
	if r.Dropped() != 10 || h.e.Stats().Events != 10 {
		t.Errorf("%d and %d events dropped, want 10", r.Dropped(), h.e.Stats().Events)
	}
}

func TestFullQueueRefuses(t *testing.T) {
	h := byHand(t, rawConfig())
	r := h.open("r", Join{ID: "a", Leg: newVoice(1)})
	for range queueLen {
		if err := r.change([]Command{Mute{ID: "a", On: true}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := problem.As(r.change([]Command{Mute{ID: "a"}}, nil)); err.Status != 503 || err.RetryAfter != 1 {
		t.Errorf("a full queue answers %v", err)
	}
	if !r.Snapshot().Members[0].Muted || h.e.Stats().Refused != 1 {
		t.Error("a refused command changed the room or was not counted")
	}
}

func TestRoomsGoToTheLeastLoadedShard(t *testing.T) {
	cfg := rawConfig()
	cfg.Shards = 4
	e := start(t, cfg)
	for i := range 40 {
		open(t, e, fmt.Sprint(i), Join{ID: "a", Leg: newVoice(1)}, Join{ID: "b", Leg: newVoice(1)})
	}
	for i, s := range e.Stats().Shards {
		if s.Seats < 32 || s.Seats > 48 {
			t.Errorf("shard %d has %d seats, want about 40", i, s.Seats)
		}
	}
	if _, err := e.NewRoom("7"); code(err) != "room_exists" {
		t.Errorf("the same room twice: %v", err)
	}
}

func TestEngineEnds(t *testing.T) {
	cfg := rawConfig()
	cfg.Shards = 2
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	r := open(t, e, "a", Join{ID: "a", Leg: newVoice(1)})
	closed := open(t, e, "b")
	if err := errors.Join(closed.Close(), closed.Close()); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-r.Done()
	if r.Err() != nil {
		t.Errorf("a room ended with the engine: %v", r.Err())
	}
	if err := r.Do(context.Background(), Leave{ID: "a"}); err == nil {
		t.Error("a room took a command after the end")
	}
	if _, err := e.NewRoom("c"); code(err) != "shutting_down" {
		t.Errorf("a new room after the end: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if e.Run(context.Background()) == nil {
		t.Error("ran twice")
	}
}

func TestString(t *testing.T) {
	h := byHand(t, Config{})
	r := h.open("7", Join{ID: "phone", Leg: newVoice(1), Processors: []Processor{double{}}},
		Join{ID: "browser", Leg: newTalker(48000, opusFormat)}, Join{ID: "other", Leg: newTalker(48000, opusFormat)})
	want := `phone: fake(PCMU) > double > room 7 (48000Hz) > mix (48000Hz) > resample (8000Hz) > PCMU
browser: fake(opus) > room 7 (48000Hz) > mix (48000Hz) > opus
other: fake(opus) > room 7 (48000Hz) > mix (48000Hz) > opus
`
	if got := r.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
