package recorder

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// cpu is what this process has used so far, the kernel's work for it included.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRecording records rooms in real time and tells what a second of one party costs beyond the ticks
// themselves: copying, pages, chain and disk.
func BenchmarkRecording(b *testing.B) {
	const seconds = 4
	for _, c := range []struct {
		name           string
		rooms, parties int
		talkers        int
		opus           bool
	}{
		{"opus-8-parties-1-talking", 10, 8, 1, true},
		{"opus-2-parties-1-talking", 40, 2, 1, true},
		{"opus-2-parties-both-talking", 40, 2, 2, true},
		{"pcm-2-parties-1-talking", 10, 2, 1, false},
		{"500-recordings-opus-1-talking", 500, 2, 1, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			idle := cpu(b)
			for range 50 * seconds {
				time.Sleep(pcm.Period)
			}
			idle = cpu(b) - idle
			g := newRig(b, testConfig(b.TempDir()))
			frames := make([][]media.Tapped, c.rooms)
			recs := make([]*Recording, c.rooms)
			voice := make([]pcm.Frame, c.parties)
			payload := make([]byte, 80) // 32 kbit/s
			for i := range payload {
				payload[i] = byte(rand.Int())
			}
			payload[0] = 0x78 // one frame of 20 ms, CELT
			for i := range recs {
				recs[i] = start(b, g)
				for p := range c.parties {
					role := wire.RoleAgent
					if p == 0 {
						role = wire.RoleCustomer
					}
					leg := "leg_" + strconv.Itoa(p)
					recs[i].AddParty(Party{LegID: leg, Role: role})
					voice[p].Reset(pcm.Rate16k)
					for k := range voice[p].Samples() {
						voice[p].Samples()[k] = int16(rand.IntN(2000) - 1000)
					}
					f := media.Tapped{Member: leg, Kind: media.Silence, In: &voice[p]}
					if p < c.talkers {
						f.Kind = media.Audio
						if c.opus {
							f.Codec, f.Payload = media.Opus, payload
						}
					}
					frames[i] = append(frames[i], f)
				}
			}
			tick := uint64(0)
			run := func(n int) {
				next := time.Now()
				for range n {
					tick++
					for i, rec := range recs {
						rec.Tick(tick, frames[i])
					}
					next = next.Add(pcm.Period)
					time.Sleep(time.Until(next))
				}
			}
			run(50)
			for b.Loop() {
				used := cpu(b)
				run(50 * seconds)
				used = cpu(b) - used
				if n := g.Stats().DroppedTicks; n > 0 {
					b.Errorf("%d ticks dropped", n)
				}
				b.ReportMetric(float64(used-idle)/1e6/seconds/float64(c.rooms*c.parties), "ms/party-s")
			}
			g.stop(b)
		})
	}
}
