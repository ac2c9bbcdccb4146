package recorder

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// drowsy is a room in real time that gives a recording ten ticks at once, unless it is rung or the recording wants
// every one.
type drowsy struct {
	wake atomic.Bool
	quit chan struct{}
	done chan struct{}
}

func (d *drowsy) run(t *testing.T, rec *Recording, v *voice) {
	defer close(d.done)
	var owed []media.Tapped
	tick, next := uint64(100), time.Now()
	var bufs [10][]byte
	for {
		select {
		case <-d.quit:
			rec.Doze(nil)
			return
		case <-time.After(time.Until(next)):
		}
		f := v.tapped(t)
		k := len(owed)
		bufs[k] = append(bufs[k][:0], f.Payload...)
		f.Payload, f.In = bufs[k], nil
		owed = append(owed, f)
		if tick++; len(owed) == len(bufs) || d.wake.Swap(false) || !rec.Doze(&d.wake) {
			for i := range owed {
				ago := time.Duration(len(owed)-1-i) * pcm.Period
				if n := tick - uint64(ago/pcm.Period); ago > 0 {
					rec.TickPast(n, ago, owed[i:i+1])
				} else {
					rec.Tick(n, owed[i:i+1])
				}
			}
			owed = owed[:0]
		}
		next = next.Add(pcm.Period)
	}
}

// TestPauseOfDozingRoom: what a room has left for later when a recording is paused was spoken before and is kept, what
// is spoken behind is not, and the recording ends with the last word.
func TestPauseOfDozingRoom(t *testing.T) { synctest.Test(t, pauseOfDozingRoom) }

func pauseOfDozingRoom(t *testing.T) {
	const toneA = 500
	g := newRig(t, testConfig(t.TempDir()))
	for range many(12, 4) {
		rec := start(t, g, customer)
		v := newVoice(t, "leg_c", toneA, pcm.Rate16k, true)
		d := &drowsy{quit: make(chan struct{}), done: make(chan struct{})}
		began := time.Now()
		go d.run(t, rec, v)
		time.Sleep(time.Second + rand.N(400*time.Millisecond))
		asked := time.Since(began)
		if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began) - asked; took > time.Second {
			t.Errorf("a pause took %v", took)
		}
		time.Sleep(500 * time.Millisecond)
		if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
			t.Fatal(err)
		}
		resumed := time.Since(began)
		time.Sleep(1500 * time.Millisecond)
		stopped := time.Since(began)
		w, err := rec.Stop(t.Context(), "hangup")
		if err != nil {
			t.Fatal(err)
		}
		close(d.quit)
		<-d.done
		if c := rec.counters; c.Dropped > 0 || rec.dropped.Load() > 0 {
			t.Errorf("%+v", c)
		}
		gap := w.Gaps[0]
		from, till := time.Duration(gap.OffsetMS)*time.Millisecond, time.Duration(gap.OffsetMS+gap.LengthMS)*time.Millisecond
		if late := asked - from; late < -pcm.Period || late > 60*time.Millisecond {
			t.Errorf("paused at %v, the pause is from %v on", asked, from)
		}
		if late := till - resumed; late < -pcm.Period || late > 100*time.Millisecond {
			t.Errorf("resumed at %v, the pause is till %v", resumed, till)
		}
		if late := stopped - time.Duration(w.DurationMS)*time.Millisecond; late < -2*pcm.Period || late > 60*time.Millisecond {
			t.Errorf("stopped at %v, the recording is %d ms long", stopped, w.DurationMS)
		}
		w = g.await(t, "recording.stored", rec.ID())
		s := decode(t, readFile(t, g.archived(w, "customer-1.ogg")))
		if p := power(stretch(s, from-200*time.Millisecond, from-20*time.Millisecond), toneA); p < -20 {
			t.Errorf("right before the pause the tone has %.1f dB", p)
		}
		if p := peak(stretch(s, from+40*time.Millisecond, till)); p > 300 {
			t.Errorf("the pause has samples of %d", p)
		}
		if p := power(stretch(s, till+100*time.Millisecond, till+time.Second), toneA); p < -20 {
			t.Errorf("behind the pause the tone has %.1f dB", p)
		}
	}
}
