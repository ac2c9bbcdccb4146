package recorder

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/ogg"
)

func TestRing(t *testing.T) {
	r := newRing(1 << 10)
	const records = 200_000
	done := make(chan struct{})
	go func() {
		defer close(done)
		random := rand.New(rand.NewPCG(1, 2))
		for want := 0; want < records; {
			w := r.peek()
			if w == nil {
				continue
			}
			if n := 2 + random.IntN(200); len(w) != n || int(uint16(w[0]))|int(w[1])<<16 != want {
				t.Errorf("record %d: %d words, want %d", want, len(w), n)
				return
			}
			for _, x := range w[2:] {
				if x != int16(want) {
					t.Errorf("record %d holds %d", want, x)
					return
				}
			}
			r.take()
			want++
		}
	}()
	random := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < records; i++ {
		n := 2 + random.IntN(200)
		var w []int16
		for w == nil {
			select {
			case <-done:
				t.FailNow()
			default:
			}
			w = r.begin(n + i%3) // a record may be shorter than it was begun
		}
		w[0], w[1] = int16(i), int16(i>>16)
		for k := range w[2:n] {
			w[2+k] = int16(i)
		}
		r.commit(n)
	}
	<-done
}

// TestRingStaysSmall: a ring that is emptied again and again uses its beginning only, and one that is not all of it.
func TestRingStaysSmall(t *testing.T) {
	r := newRing(1 << 10)
	for i := range 1000 {
		w := r.begin(100)
		w[0] = int16(i)
		r.commit(100)
		if w := r.peek(); w == nil || w[0] != int16(i) {
			t.Fatalf("record %d: %v", i, w)
		}
		r.take()
		if r.peek() != nil || r.used() != 0 {
			t.Fatal("not empty")
		}
		if i%7 == 0 { // an offer taken back, and one that comes too late
			r.begin(100)[0] = 1
			r.peek()
			r.commit(100)
			if w := r.peek(); w == nil || w[0] != 1 {
				t.Fatalf("record behind %d: %v", i, w)
			}
			r.take()
		}
	}
	if at := r.write.Load(); at > 303 {
		t.Errorf("up to word %d of the ring has been used", at)
	}
	n := 0
	for ; r.begin(100) != nil; n++ {
		r.commit(100)
	}
	if n < 7 {
		t.Errorf("a ring of 1024 words takes %d records of 101", n)
	}
	for ; n > 0; n-- {
		if r.peek() == nil {
			t.Fatal("a record is missing")
		}
		r.take()
	}
}

// TestMixedPackets changes between a party's own packets, our encoder and silence, and listens: the tone
// is there throughout, and nothing is much louder than it.
func TestMixedPackets(t *testing.T) {
	for _, rate := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k} {
		g := newRig(t, testConfig(t.TempDir()))
		rec := start(t, g, customer)
		v := newVoice(t, "leg_c", 440, rate, true)
		r := &room{voices: []*voice{v}}
		for range 10 {
			v.opus = true
			r.run(t, rec, 15)
			v.opus = false // a processor is switched on
			r.run(t, rec, 15)
			v.opus = true
			r.run(t, rec, 20)
		}
		v.kind = media.Concealed // lost packets: the decoder's own concealment, as the party's leg has it
		r.run(t, rec, 1)
		v.kind = media.Audio
		r.run(t, rec, 50)
		v.kind = media.Silence
		r.run(t, rec, 100)
		w, err := rec.Stop(t.Context(), "hangup")
		if err != nil {
			t.Fatal(err)
		}
		w = g.await(t, "recording.stored", w.ID)
		s := decode(t, readFile(t, g.archived(w, "customer-1.ogg")))
		loudest, weakest := 0, math.Inf(1)
		for at := 100 * time.Millisecond; at < 9900*time.Millisecond; at += 20 * time.Millisecond {
			loudest = max(loudest, peak(stretch(s, at, at+20*time.Millisecond)))
			weakest = min(weakest, power(stretch(s, at, at+40*time.Millisecond), 440))
		}
		if loudest > 13000 || weakest < -20 {
			t.Errorf("%v: a tone of 8000 at -12 dB has peaks of %d and holes of %.1f dB", rate, loudest, weakest)
		}
		if p := power(stretch(s, 10200*time.Millisecond, 10900*time.Millisecond), 440); p < -14 {
			t.Errorf("%v: after a lost packet the tone has %.1f dB", rate, p)
		}
		if p := peak(stretch(s, 12100*time.Millisecond, 13*time.Second)); p > 300 {
			t.Errorf("%v: silence has samples of %d", rate, p)
		}
		t.Logf("%v: tone of 8000 at -12.2 dB: peaks %d, weakest 40 ms %.1f dB", rate, loudest, weakest)
	}
}

func TestSilencePacketIsSilent(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	v := newVoice(t, "leg_c", 440, pcm.Rate8k, false)
	r := &room{voices: []*voice{v}}
	for _, hide := range []func(*media.Tapped){func(f *media.Tapped) { f.Muted = true }, func(f *media.Tapped) { f.Held = true }, func(f *media.Tapped) { f.Kind = media.Absent }} {
		for range 25 {
			f := v.tapped(t)
			hide(&f)
			rec.Tick(r.tick, []media.Tapped{f})
			r.tick++
		}
	}
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	w := g.await(t, "recording.stored", rec.ID())
	s := decode(t, readFile(t, g.archived(w, "customer-1.ogg")))
	if len(s) != 75*160 || peak(s) != 0 {
		t.Errorf("%d samples, loudest %d", len(s), peak(s))
	}
}

// TestOverflow stops the consumer until the ring is full: ticks are dropped, counted and shown as a gap of
// the right length, and the time line goes on.
func TestOverflow(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	v := newVoice(t, "leg_c", 440, pcm.Rate48k, false)
	frame := v.tapped(t)
	rec.mu.Lock()
	for tick := range uint64(300) {
		rec.Tick(tick, []media.Tapped{frame})
	}
	dropped := int64(rec.dropped.Load())
	rec.mu.Unlock()
	for rec.ring.used() > 0 {
		time.Sleep(time.Millisecond)
	}
	for tick := range uint64(50) {
		rec.Tick(300+tick, []media.Tapped{frame})
	}
	w, err := rec.Stop(t.Context(), "hangup")
	if err != nil {
		t.Fatal(err)
	}
	if dropped == 0 || w.DurationMS != 7000 || len(w.Gaps) != 1 || w.Gaps[0].Cause != "overflow" || w.Gaps[0].LengthMS != dropped*20 || w.Gaps[0].OffsetMS != (300-dropped)*20 {
		t.Errorf("%d dropped: %+v", dropped, w)
	}
}

// TestTwoRooms: ticks that count from elsewhere go on where the clock is, and a tap that two rooms call at
// once stays whole.
func TestTwoRooms(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	frame := newVoice(t, "leg_c", 440, pcm.Rate8k, false).tapped(t)
	for i, tick := range []uint64{900, 901, 5, 6, 1 << 60, 1<<60 + 1, 0, 1} {
		rec.Tick(tick, []media.Tapped{frame})
		rec.mu.Lock()
		rec.drain()
		if rec.pos > int64(i)+5 {
			t.Errorf("after tick %d the time line is at %d", tick, rec.pos)
		}
		rec.mu.Unlock()
	}
	var stop atomic.Bool
	done := make(chan struct{})
	for range 2 {
		go func() {
			for tick := uint64(2); !stop.Load(); tick++ {
				rec.Tick(tick, []media.Tapped{frame})
			}
			done <- struct{}{}
		}()
	}
	time.Sleep(50 * time.Millisecond)
	stop.Store(true)
	<-done
	<-done
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
}

// TestDiskFails takes the disk away for a while: the tap goes on, and what was said is there afterwards.
func TestDiskFails(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 440, pcm.Rate16k, false)}}
	r.run(t, rec, 100)
	broken := errors.New("disk is broken")
	var heal atomic.Bool
	rec.spool.push(job{run: func() error {
		if heal.Load() {
			return nil
		}
		return broken
	}})
	r.run(t, rec, 200)
	for limit := time.Now().Add(5 * time.Second); rec.Snapshot().Error == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the snapshot does not say that the disk fails")
		}
	}
	heal.Store(true)
	r.run(t, rec, 50)
	w, err := rec.Stop(t.Context(), "hangup")
	if err != nil || w.Error != "" || w.DurationMS != 7000 || len(w.Gaps) != 0 {
		t.Fatalf("stop: %+v, %v", w, err)
	}
	w = g.await(t, "recording.stored", rec.ID())
	f, err := os.Open(g.archived(w, "customer-1.ogg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s, err := ogg.Scan(f, 0); err != nil || s.Samples() != 7*48000 || s.Skipped != 0 {
		t.Errorf("scan: %+v, %v", s, err)
	}
}
