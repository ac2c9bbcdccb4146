package jitter

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestPopPastIsPop: asked for many ticks at once the buffer gives what it would have given in each, whatever
// the network does.
func TestPopPastIsPop(t *testing.T) {
	for _, jitter := range []int{0, 20, 90} {
		for seed := range uint64(5) {
			r := rand.New(rand.NewPCG(seed, uint64(jitter)))
			type flight struct {
				at time.Duration
				p  Packet
			}
			var air []flight
			for n := range 1500 {
				at := time.Duration(n)*20*time.Millisecond + 7*time.Millisecond
				if jitter > 0 {
					at += time.Duration(r.IntN(jitter*1000)) * time.Microsecond
				}
				p := Packet{SSRC: 1, Seq: uint16(n), TS: uint32(n * 160), Clock: 8000, Duration: 160, Payload: []byte{byte(n), byte(n >> 8)}}
				if n > 1000 { // another source
					p.SSRC, p.TS = 2, p.TS+77777
				}
				if r.IntN(50) > 0 {
					air = append(air, flight{at, p})
				}
			}
			answers := func(every int) (all []string) {
				b := New(Config{})
				start := b.epoch.Add(time.Second)
				left := append([]flight(nil), air...)
				for tick := range 1600 {
					now := time.Duration(tick+1) * 20 * time.Millisecond
					for {
						next := -1
						for i := range min(len(left), 12) {
							if left[i].at <= now && (next < 0 || left[i].at < left[next].at) {
								next = i
							}
						}
						if next < 0 {
							break
						}
						b.Push(&left[next].p, start.Add(left[next].at))
						left = append(left[:next], left[next+1:]...)
					}
					if (tick+1)%every != 0 {
						continue
					}
					for k := every - 1; k >= 0; k-- {
						at := start.Add(now - time.Duration(k)*20*time.Millisecond)
						pop := b.PopPast
						if every == 1 {
							pop = b.Pop
						}
						it := pop(at, 0)
						all = append(all, fmt.Sprintf("%d %d %d %d %v %v", it.Kind, it.Seq, it.TS, it.Adjust, it.Urgent, it.Payload))
					}
				}
				return append(all, fmt.Sprintf("%+v", b.Stats()))
			}
			live, past := answers(1), answers(10)
			for i := range live {
				if live[i] != past[i] {
					t.Fatalf("jitter %d, seed %d, tick %d: %s, want %s", jitter, seed, i, past[i], live[i])
				}
			}
		}
	}
}
