package jitter

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// sim plays a sender, a network and a room against a Buffer in simulated time.
type sim struct {
	ptime   time.Duration
	length  time.Duration
	clock   uint32
	skewPPM float64 // how much slower the sender's clock runs than ours
	phase   time.Duration
	seed    uint64
	silent  func(ts time.Duration) bool // is the sender silent here? nil: always talking
	// network gives the fate of packet n: its delay, and whether it is lost.
	network func(n int, r *rand.Rand) (time.Duration, bool)
	noTSM   bool // the caller cannot stretch speech, only silence
}

type simResult struct {
	frames, bad   int // 20 ms frames after the first packet was played, and those with something made up
	delays        []time.Duration
	first, last   time.Duration // delay averaged over the first and the last ten seconds
	maxOff        time.Duration // largest deviation of a ten second average from the first
	adjusts       int
	biggest       time.Duration
	stats         Stats
	played, order int
}

func (r simResult) p50() time.Duration {
	s := slices.Clone(r.delays)
	slices.Sort(s)
	return s[len(s)/2]
}

func (s sim) run(t *testing.T) simResult {
	t.Helper()
	b := New(Config{})
	r := rand.New(rand.NewPCG(s.seed, 1))
	clock := int64(s.clock)
	type flying struct {
		p  Packet
		at time.Duration
	}
	var air []flying
	var res simResult
	start := b.epoch.Add(time.Second)
	units := func(d time.Duration) uint32 { return uint32(int64(d) * clock / 1e9) }
	n, sent := 0, time.Duration(0)
	payload := make([]byte, 40)
	var queued int64 // clock units
	playing := false
	var lastSeq int
	var sum time.Duration
	var cnt int
	windowEnd := 10 * time.Second
	for now := time.Duration(0); now < s.length; now += 20 * time.Millisecond {
		for {
			// the packet holding [media, media+ptime) leaves when it is complete
			media := time.Duration(n) * s.ptime
			wall := s.phase + time.Duration(float64(media+s.ptime)*(1+s.skewPPM/1e6))
			if wall > now {
				break
			}
			d, lost := s.network(n, r)
			if !lost {
				air = append(air, flying{Packet{SSRC: 7, Seq: uint16(65000 + n), TS: 0xffff0000 + units(media), Clock: s.clock, Duration: units(s.ptime), Payload: payload}, wall + d})
			}
			n++
			sent = wall
		}
		_ = sent
		slices.SortStableFunc(air, func(a, b flying) int { return int(a.at - b.at) })
		for len(air) > 0 && air[0].at <= now {
			b.Push(&air[0].p, start.Add(air[0].at))
			air = air[1:]
		}
		bad := false
		for queued < clock/50 {
			it := b.Pop(start.Add(now), uint32(queued))
			switch it.Kind {
			case Audio:
				playing = true
				res.played++
				if seq := int(it.Seq-uint16(65000)) & 0xffff; seq < lastSeq && seq > 100 {
					res.order++
				} else {
					lastSeq = seq
				}
				media := time.Duration(int64(it.TS-0xffff0000) * 1e9 / clock)
				// what was said at media is heard at now plus what is queued before it
				heard := now + time.Duration(queued*1e9/clock)
				said := s.phase + time.Duration(float64(media+s.ptime)*(1+s.skewPPM/1e6))
				delay := heard - said
				res.delays = append(res.delays, delay)
				sum += delay
				cnt++
				add := int64(it.Duration)
				quiet := s.silent != nil && s.silent(media)
				if it.Adjust != 0 && (quiet || it.Urgent && !s.noTSM) {
					by := int64(it.Adjust)
					limit := clock / 50
					if !quiet {
						limit = clock / 100
					}
					by = max(min(by, limit), -limit)
					by = max(by, -add)
					add += by
					res.adjusts++
					res.biggest = max(res.biggest, time.Duration(max(by, -by)*1e9/clock))
					b.Adjusted()
				}
				queued += add
			case Lost:
				queued += int64(it.Duration)
				bad = true
			case Silence, Empty:
				if playing {
					bad = true
				}
				queued = clock / 50
			}
		}
		queued -= clock / 50
		if playing {
			res.frames++
			if bad {
				res.bad++
			}
		}
		if now >= windowEnd && cnt > 0 {
			avg := sum / time.Duration(cnt)
			if res.first == 0 {
				res.first = avg
			}
			res.last = avg
			res.maxOff = max(res.maxOff, avg-res.first, res.first-avg)
			sum, cnt = 0, 0
			windowEnd += 10 * time.Second
		}
	}
	res.stats = b.Stats()
	return res
}

func speechPauses(ts time.Duration) bool { return ts%(2*time.Second) > 1600*time.Millisecond }

func clean(int, *rand.Rand) (time.Duration, bool) { return 0, false }

func uniform(d time.Duration) func(int, *rand.Rand) (time.Duration, bool) {
	return func(_ int, r *rand.Rand) (time.Duration, bool) {
		return time.Duration(r.Int64N(int64(d))), false
	}
}

func TestCleanLink(t *testing.T) {
	for _, clock := range []uint32{8000, 48000} {
		for _, ptime := range []int{10, 20, 30, 40, 60} {
			for _, phase := range []time.Duration{0, 1, 7, 13, 19} {
				r := sim{ptime: time.Duration(ptime) * time.Millisecond, length: 60 * time.Second, clock: clock, phase: phase * time.Millisecond, seed: 1, silent: speechPauses, network: clean}.run(t)
				if r.bad > 0 {
					t.Errorf("clock %d ptime %d phase %d: %d of %d frames bad", clock, ptime, phase, r.bad, r.frames)
				}
				if got := r.p50(); got > 40*time.Millisecond {
					t.Errorf("clock %d ptime %d phase %d: delay p50 %v", clock, ptime, phase, got)
				}
				if r.stats.Lost+r.stats.Late+r.stats.Duplicate > 0 || r.stats.Overflow > 1 || r.order > 0 {
					t.Errorf("clock %d ptime %d: %+v", clock, ptime, r.stats)
				}
			}
		}
	}
}

// Ten phases of the sender against the tick, since the phase decides which delays there are to choose from.
func TestJitter60(t *testing.T) {
	for _, noTSM := range []bool{false, true} {
		bad, frames := 0, 0
		var delays []time.Duration
		for seed := range uint64(10) {
			r := sim{ptime: 20 * time.Millisecond, length: 120 * time.Second, clock: 48000, phase: time.Duration(2*seed) * time.Millisecond, seed: seed, silent: speechPauses, network: uniform(60 * time.Millisecond), noTSM: noTSM}.run(t)
			bad, frames, delays = bad+r.bad, frames+r.frames, append(delays, r.p50())
			if one := 100 * float64(r.bad) / float64(r.frames); one > 1 || r.p50() > 90*time.Millisecond {
				t.Errorf("seed %d: %.2f%% bad (limit 1), p50 %v (limit 90ms)", seed, one, r.p50())
			}
		}
		slices.Sort(delays)
		pct := 100 * float64(bad) / float64(frames)
		t.Logf("tsm %v: %.2f%% bad, p50 of ten phases %v", !noTSM, pct, delays)
		if mid := delays[len(delays)/2]; pct > 0.3 || mid > 75*time.Millisecond {
			t.Errorf("%.2f%% bad (limit 0.3), p50 %v (limit 75ms)", pct, mid)
		}
	}
}

func TestLoss5(t *testing.T) {
	r := sim{ptime: 20 * time.Millisecond, length: 120 * time.Second, clock: 8000, phase: 5 * time.Millisecond, seed: 3, silent: speechPauses, network: func(_ int, r *rand.Rand) (time.Duration, bool) { return 0, r.IntN(100) < 5 }}.run(t)
	pct := 100 * float64(r.bad) / float64(r.frames)
	t.Logf("%.2f%% frames concealed, p50 %v, adjusts %d, %+v", pct, r.p50(), r.adjusts, r.stats)
	if pct > 6 || r.p50() > 45*time.Millisecond {
		t.Errorf("%.2f%% bad, p50 %v", pct, r.p50())
	}
}

func TestSkewForAnHour(t *testing.T) {
	for _, ppm := range []float64{200, -200} {
		for _, jit := range []time.Duration{5 * time.Millisecond, 20 * time.Millisecond} {
			s := sim{ptime: 20 * time.Millisecond, length: time.Hour, clock: 8000, skewPPM: ppm, phase: 3 * time.Millisecond, seed: 9, silent: speechPauses, network: uniform(jit)}
			r := s.run(t)
			t.Logf("%+v ppm, jitter %v: delay %v -> %v, off by at most %v, %d corrections of at most %v, %d of %d bad, %+v", ppm, jit, r.first, r.last, r.maxOff, r.adjusts, r.biggest, r.bad, r.frames, r.stats)
			if r.maxOff > 40*time.Millisecond {
				t.Errorf("%v ppm: delay strayed by %v", ppm, r.maxOff)
			}
			if jit <= 5*time.Millisecond && r.adjusts > 40 || r.biggest > 20*time.Millisecond {
				t.Errorf("%v ppm: %d corrections of at most %v", ppm, r.adjusts, r.biggest)
			}
			if 1000*r.bad > r.frames {
				t.Errorf("%v ppm: %d of %d frames bad", ppm, r.bad, r.frames)
			}
		}
	}
}

func TestJitterComesAndGoes(t *testing.T) {
	s := sim{ptime: 20 * time.Millisecond, length: 3 * time.Minute, clock: 48000, phase: 3 * time.Millisecond, seed: 4, silent: speechPauses}
	s.network = func(n int, r *rand.Rand) (time.Duration, bool) {
		if n > 1500 && n < 4500 {
			return time.Duration(r.Int64N(int64(80 * time.Millisecond))), false
		}
		return 0, false
	}
	r := s.run(t)
	t.Logf("bad %d of %d, first %v last %v, %+v", r.bad, r.frames, r.first, r.last, r.stats)
	if r.bad > 30 {
		t.Errorf("%d of %d frames bad", r.bad, r.frames)
	}
	if r.last > 40*time.Millisecond {
		t.Errorf("delay stays at %v after the jitter has gone", r.last)
	}
}

func TestStallAndBurst(t *testing.T) {
	s := sim{ptime: 20 * time.Millisecond, length: time.Minute, clock: 8000, seed: 4, silent: speechPauses, phase: 9 * time.Millisecond}
	s.network = func(n int, r *rand.Rand) (time.Duration, bool) {
		if n >= 1000 && n < 1025 { // the line holds everything for half a second
			return time.Duration(1025-n) * 20 * time.Millisecond, false
		}
		return 0, false
	}
	r := s.run(t)
	t.Logf("bad %d of %d, first %v last %v, %+v", r.bad, r.frames, r.first, r.last, r.stats)
	if r.last > 60*time.Millisecond {
		t.Errorf("delay stays at %v", r.last)
	}
	for _, d := range r.delays {
		if d > 200*time.Millisecond {
			t.Fatalf("a packet waited %v", d)
		}
	}
}

// A room that loses ticks must not leave the audio behind for good.
func TestLostTicks(t *testing.T) {
	f := newFeed(t)
	seq, ts := f.steady(1, 10, 0, 50)
	for range 12 { // the room stands still for 240 ms
		f.push(1, seq, ts)
		f.now = f.now.Add(20 * time.Millisecond)
		seq, ts = seq+1, ts+160
	}
	for range 100 {
		f.push(1, seq, ts)
		if it := f.b.Pop(f.now, 0); it.Kind != Audio {
			t.Fatalf("%+v", it)
		} else if it.Adjust < 0 && it.Urgent { // the caller drops what it is asked to
			f.b.Adjusted()
			f.b.Pop(f.now, 0)
		}
		f.now = f.now.Add(20 * time.Millisecond)
		seq, ts = seq+1, ts+160
	}
	if s := f.b.Stats(); s.Delay > 40*time.Millisecond {
		t.Errorf("still %v behind: %+v", s.Delay, s)
	}
}
