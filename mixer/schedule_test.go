package mixer

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

func TestOneSecondIsFiftyTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, rawConfig())
		leg := &fakeLeg{rate: pcm.Rate8k, format: media.Format{Codec: media.PCMU}}
		r := open(t, e, "r", Join{ID: "a", Leg: leg})
		time.Sleep(time.Second + Period/2)
		synctest.Wait()
		if got := leg.writes.Load(); got != 50 {
			t.Errorf("%d frames in one second, want 50", got)
		}
		if s := e.Stats(); s.Ticks != 50 || s.Skipped != 0 || s.Late != 0 {
			t.Errorf("ticks %d, skipped %d, late %d; want 50, 0, 0", s.Ticks, s.Skipped, s.Late)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if s := e.Stats(); s.Ticks > 51 {
			t.Errorf("a shard without rooms went on to %d ticks", s.Ticks)
		}
	})
}

func TestStallIsCaughtUpALittleThenSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, rawConfig())
		var ticks []uint64
		n := 0
		leg := &fakeLeg{rate: pcm.Rate8k, format: media.Format{Codec: media.PCMU}}
		leg.say = func(f *pcm.Frame) media.Kind {
			f.Reset(f.Rate())
			if n++; n == 10 {
				time.Sleep(400 * time.Millisecond)
			}
			return media.Silence
		}
		leg.hear = func(o media.OutFrame) { ticks = append(ticks, o.Tick) }
		open(t, e, "r", Join{ID: "a", Leg: leg})
		time.Sleep(time.Second + Period/2)
		synctest.Wait()
		s := e.Stats()
		if s.Ticks != 33 || s.Skipped != 17 {
			t.Errorf("ticks %d, skipped %d; want 33, 17", s.Ticks, s.Skipped)
		}
		if len(ticks) != 33 || ticks[0] != 1 || ticks[32] != 50 {
			t.Errorf("RTP tick numbers %v: want 33 from 1 to 50", ticks)
		}
		for i := 1; i < len(ticks); i++ {
			want := ticks[i-1] + 1
			if i == 13 { // after the stalled tick and three to catch up
				want += 17
			}
			if ticks[i] != want {
				t.Errorf("tick %d is number %d, want %d", i, ticks[i], want)
			}
		}
	})
}

// TestRoomsCountAlike: a party that goes from one room to another has its ticks go on, to within one.
func TestRoomsCountAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := rawConfig()
		cfg.Shards = 2
		e := start(t, cfg)
		var mu sync.Mutex
		var ticks []uint64
		leg := &fakeLeg{rate: pcm.Rate8k, format: media.Format{Codec: media.PCMU}}
		leg.hear = func(o media.OutFrame) { mu.Lock(); ticks = append(ticks, o.Tick); mu.Unlock() }
		first := open(t, e, "first", Join{ID: "a", Leg: leg})
		time.Sleep(time.Second)
		do(t, first, Leave{ID: "a"})
		second := open(t, e, "second", Join{ID: "a", Leg: leg})
		if second.home.Load() == first.home.Load() {
			t.Error("both rooms on one shard")
		}
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		for i := 1; i < len(ticks); i++ {
			if d := int64(ticks[i] - ticks[i-1]); d < 0 || d > 2 {
				t.Errorf("tick %d follows tick %d", ticks[i], ticks[i-1])
			}
		}
		if len(ticks) < 98 {
			t.Errorf("%d ticks in two seconds", len(ticks))
		}
	})
}
