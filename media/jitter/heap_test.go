package jitter

import (
	"testing"
	"time"
)

// TestAgeOfAHeap: packets that come in a heap are as old as they are, whether the jitter buffer takes them for the
// stream it knows or for one that has jumped, and however many of them are there when it is asked. Behind the heap
// nothing is left of it.
func TestAgeOfAHeap(t *testing.T) {
	const tick = 20 * time.Millisecond
	for name, tc := range map[string]struct {
		stall time.Duration
		batch int // packets pushed between two pops
	}{
		"300 ms at once":         {300 * time.Millisecond, 64},
		"1.2 s at once":          {1200 * time.Millisecond, 64},
		"1.2 s, 16 at a time":    {1200 * time.Millisecond, 16},
		"1.2 s, one at a time":   {1200 * time.Millisecond, 1},
		"2.5 s, three at a time": {2500 * time.Millisecond, 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := New(Config{})
			now := b.epoch.Add(time.Second)
			n := 0
			push := func() {
				b.Push(&Packet{SSRC: 1, Seq: uint16(n), TS: uint32(n * 160), Clock: 8000, Duration: 160, Payload: []byte{byte(n), byte(n >> 8)}}, now)
				n++
			}
			spoken := func(it Item) time.Duration { // began so long after the first packet came
				return time.Duration(int(it.Payload[0])|int(it.Payload[1])<<8) * tick
			}
			began := now
			for range 200 {
				push()
				b.Pop(now, 0)
				now = now.Add(tick)
			}
			now = now.Add(tc.stall)
			seen, wrong := 0, 0
			check := func() {
				it := b.Pop(now, 0)
				if it.Kind != Audio {
					return
				}
				seen++
				if age := now.Sub(began.Add(spoken(it))); b.Age() < age-time.Millisecond {
					if wrong++; wrong == 1 {
						t.Errorf("packet %v is %v old and passes for %v", spoken(it)/tick, age, b.Age())
					}
				}
			}
			for late := int(tc.stall / tick); late > 0; {
				for range min(tc.batch, late) {
					push()
					late--
				}
				check()
			}
			for range 100 {
				push()
				check()
				now = now.Add(tick)
			}
			if seen < 90 {
				t.Errorf("only %d packets were played", seen)
			}
			if b.Age() > 250*time.Millisecond {
				t.Errorf("two seconds behind the heap a packet passes for %v old", b.Age())
			}
		})
	}
}
