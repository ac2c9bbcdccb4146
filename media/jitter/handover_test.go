package jitter

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// locked is the other way to hand packets over: one mutex around the copy and around the collection. It
// is here to be measured against the rings.
type locked struct {
	mu    sync.Mutex
	slots [slots]slot
	n     int
}

func (l *locked) push(p *Packet) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == slots {
		return false
	}
	s := &l.slots[l.n]
	s.seq, s.rtp = p.Seq, p.TS
	s.buf = append(s.buf[:0], p.Payload...)
	l.n++
	return true
}

func (l *locked) collect(sum *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.n {
		*sum += int(l.slots[i].buf[0])
	}
	l.n = 0
}

// BenchmarkHandover lets a reader push as fast as it can while a tick collects, and reports what one
// collection costs the tick: the mean and the worst of a thousand, with the reader always pushing.
func BenchmarkHandover(b *testing.B) {
	run := func(b *testing.B, push func(*Packet) bool, collect func(*int)) {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			p := Packet{Payload: make([]byte, 160), Clock: 8000, Duration: 160}
			for {
				select {
				case <-stop:
					return
				default:
					p.Seq++
					p.TS += 160
					push(&p)
				}
			}
		})
		var sum int
		took := make([]time.Duration, 0, 1<<20)
		for b.Loop() {
			began := time.Now()
			collect(&sum)
			if len(took) < cap(took) {
				took = append(took, time.Since(began))
			}
		}
		close(stop)
		wg.Wait()
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)-1-len(took)/1000]), "ns/p99.9")
		b.ReportMetric(float64(took[len(took)/2]), "ns/p50")
	}
	b.Run("rings", func(b *testing.B) {
		buf := New(Config{})
		arrival := time.Now()
		run(b, func(p *Packet) bool { return buf.Push(p, arrival) }, func(sum *int) {
			for {
				i, ok := buf.filled.get()
				if !ok {
					return
				}
				*sum += int(buf.slots[i].buf[0])
				buf.free.put(i)
			}
		})
	})
	b.Run("mutex", func(b *testing.B) {
		var l locked
		run(b, l.push, l.collect)
	})
}
