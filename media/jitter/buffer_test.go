package jitter

import (
	"testing"
	"time"
)

// feed drives a buffer by hand: 20 ms packets of 160 units at 8000 Hz.
type feed struct {
	t    *testing.T
	b    *Buffer
	now  time.Time
	tick int
}

func newFeed(t *testing.T) *feed {
	b := New(Config{})
	return &feed{t: t, b: b, now: b.epoch.Add(time.Second)}
}

func (f *feed) push(ssrc uint32, seq uint16, ts uint32) {
	f.b.Push(&Packet{SSRC: ssrc, Seq: seq, TS: ts, Clock: 8000, Duration: 160, Payload: []byte{byte(seq), byte(seq >> 8)}}, f.now.Add(-10*time.Millisecond))
}

func (f *feed) pop() Item {
	it := f.b.Pop(f.now, 0)
	f.now = f.now.Add(20 * time.Millisecond)
	f.tick++
	return it
}

// steady plays n packets and returns the next sequence number and timestamp.
func (f *feed) steady(ssrc uint32, seq uint16, ts uint32, n int) (uint16, uint32) {
	f.t.Helper()
	for i := range n {
		f.push(ssrc, seq, ts)
		if it := f.pop(); it.Kind != Audio || it.Seq != seq || it.TS != ts {
			f.t.Fatalf("packet %d: got %+v, want seq %d ts %d", i, it, seq, ts)
		}
		seq, ts = seq+1, ts+160
	}
	return seq, ts
}

func TestWrap(t *testing.T) {
	f := newFeed(t)
	f.steady(1, 65500, 0xffffff00, 200)
	if s := f.b.Stats(); s.Restarts+s.Late+s.Lost > 0 {
		t.Errorf("%+v", s)
	}
}

func TestResync(t *testing.T) {
	for _, tc := range []struct {
		name string
		ssrc uint32
		dseq int16
		dts  int32
	}{
		{"new source", 2, 12345, 999999},
		{"timestamp forward", 1, 0, 800000},
		{"timestamp far forward", 1, 0, 1 << 30},
		{"timestamp back", 1, 0, -80000},
		{"timestamp back a little", 1, 0, -1600},
		{"sequence back", 1, -2000, 0},
		{"sequence forward", 1, 9000, 0},
		{"sequence and timestamp", 1, -20000, -1 << 30},
		{"new source, same counters", 2, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFeed(t)
			seq, ts := f.steady(1, 100, 5000, 100)
			seq += uint16(tc.dseq)
			ts += uint32(tc.dts)
			first := f.tick
			for range 20 {
				f.push(tc.ssrc, seq, ts)
				if it := f.pop(); it.Kind == Audio && it.Seq == seq {
					break
				}
				seq, ts = seq+1, ts+160
			}
			if took := time.Duration(f.tick-first) * 20 * time.Millisecond; took > 200*time.Millisecond {
				t.Errorf("back in sync after %v", took)
			}
			seq, ts = seq+1, ts+160
			for range 20 {
				f.push(tc.ssrc, seq, ts)
				if it := f.pop(); it.Kind != Audio {
					t.Errorf("not in sync: %+v", it)
				}
				seq, ts = seq+1, ts+160
			}
		})
	}
}

func TestOneStrayPacketChangesNothing(t *testing.T) {
	f := newFeed(t)
	seq, ts := f.steady(1, 1, 1, 50)
	f.push(99, 7, 7)
	seq, ts = f.steady(1, seq, ts, 10)
	f.push(1, seq+30000, ts)
	f.steady(1, seq, ts, 10)
	if s := f.b.Stats(); s.Restarts != 0 {
		t.Errorf("restarted %d times", s.Restarts)
	}
}

func TestReorderAndDuplicate(t *testing.T) {
	f := newFeed(t)
	seq, ts := f.steady(1, 65530, 1, 50)
	f.push(1, seq+1, ts+160)
	f.push(1, seq, ts)
	f.push(1, seq, ts)
	f.push(1, seq+1, ts+160)
	for i := range uint16(2) {
		if it := f.pop(); it.Kind != Audio || it.Seq != seq+i {
			t.Fatalf("got %+v, want seq %d", it, seq+i)
		}
	}
	f.push(1, seq, ts)
	f.push(1, seq+2, ts+320)
	if it := f.pop(); it.Seq != seq+2 {
		t.Errorf("got %+v", it)
	}
	if s := f.b.Stats(); s.Duplicate != 3 || s.Late != 0 {
		t.Errorf("%+v, want 3 duplicates", s)
	}
}

func TestHoleWithNext(t *testing.T) {
	f := newFeed(t)
	seq, ts := f.steady(1, 10, 0, 50)
	f.push(1, seq+2, ts+320) // two are missing, the one behind them is here
	first, second, third := f.pop(), f.pop(), f.pop()
	if first.Kind != Lost || first.Next != nil || first.Duration != 160 || first.TS != ts {
		t.Errorf("first %+v", first)
	}
	if second.Kind != Lost || len(second.Next) != 2 || second.Next[0] != byte(seq+2) {
		t.Errorf("second %+v", second)
	}
	if third.Kind != Audio || third.Seq != seq+2 {
		t.Errorf("third %+v", third)
	}
}

func TestEmptyCountsAgainstTheHole(t *testing.T) {
	f := newFeed(t)
	seq, ts := f.steady(1, 10, 0, 50)
	if it := f.pop(); it.Kind != Empty {
		t.Fatalf("%+v", it)
	}
	f.steady(1, seq+1, ts+160, 10)
}

func TestSilenceIsNoLoss(t *testing.T) {
	f := newFeed(t)
	seq, ts := f.steady(1, 10, 0, 50)
	for range 20 { // DTX
		if it := f.pop(); it.Kind != Empty {
			t.Fatalf("%+v", it)
		}
	}
	f.steady(1, seq, ts+20*160, 10)
	if s := f.b.Stats(); s.Lost+s.Restarts > 0 {
		t.Errorf("%+v", s)
	}
}

func TestEventsTakeSequenceNumbers(t *testing.T) {
	f := newFeed(t)
	seq, ts := f.steady(1, 10, 0, 50)
	for range 5 {
		f.b.Push(&Packet{SSRC: 1, Seq: seq, TS: ts, Clock: 8000, Skip: true}, f.now)
		seq++
		if it := f.pop(); it.Kind != Empty || !it.Quiet {
			t.Fatalf("%+v", it)
		}
	}
	f.steady(1, seq, ts+5*160, 10)
	if s := f.b.Stats(); s.Lost > 0 {
		t.Errorf("%+v", s)
	}
}

func TestOverflowIsCountedAndBounded(t *testing.T) {
	f := newFeed(t)
	seq, ts := f.steady(1, 10, 0, 50)
	for range 100 { // nobody reads
		f.push(1, seq, ts)
		seq, ts = seq+1, ts+160
	}
	if it := f.pop(); it.Kind != Audio {
		t.Fatalf("%+v", it)
	}
	if s := f.b.Stats(); s.Overflow < 80 || f.b.n > 8 {
		t.Errorf("%d packets stored, %+v", f.b.n, s)
	}
}

func TestNoAllocation(t *testing.T) {
	b := New(Config{})
	p := Packet{SSRC: 1, Clock: 48000, Duration: 960, Payload: make([]byte, 120)}
	now := b.epoch
	if n := testing.AllocsPerRun(5000, func() {
		p.Seq++
		p.TS += 960
		b.Push(&p, now)
		now = now.Add(20 * time.Millisecond)
		b.Pop(now, 0)
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func BenchmarkPushPop(b *testing.B) {
	buf := New(Config{})
	p := Packet{SSRC: 1, Clock: 48000, Duration: 960, Payload: make([]byte, 120)}
	now := buf.epoch
	b.ReportAllocs()
	for b.Loop() {
		p.Seq++
		p.TS += 960
		buf.Push(&p, now)
		now = now.Add(20 * time.Millisecond)
		buf.Pop(now, 0)
	}
}
