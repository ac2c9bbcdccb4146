package siptrunk

import (
	"net/netip"
	"sync"
	"time"
)

// maxStrangers bounds how many foreign addresses are watched one by one; beyond it only the limit for
// all of them together works.
const maxStrangers = 4096

// bucket is a token bucket: rate tokens a second, at most two seconds' worth.
type bucket struct {
	tokens float64
	last   time.Time
}

func (b *bucket) take(rate int, now time.Time) bool {
	limit := 2 * float64(rate)
	if b.last.IsZero() {
		b.tokens = limit
	} else {
		b.tokens = min(limit, b.tokens+now.Sub(b.last).Seconds()*float64(rate))
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// flood decides which datagrams are read at all, before the parser sees them. What is over a limit is
// dropped without an answer. Safe for concurrent use.
type flood struct {
	stranger, strangers, trunk int // per second

	mu      sync.Mutex
	all     bucket // every stranger together
	sources map[netip.Addr]*bucket
	known   map[netip.Addr]*bucket
	swept   time.Time
	dropped uint64
}

func newFlood(c Config) *flood {
	return &flood{
		stranger: c.StrangerRate, strangers: c.StrangersRate, trunk: c.TrunkRate,
		sources: make(map[netip.Addr]*bucket), known: make(map[netip.Addr]*bucket),
	}
}

// allow takes one token for a datagram from ip at now; known says that ip is a trunk's.
func (f *flood) allow(ip netip.Addr, known bool, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep(now)
	ok := false
	if known {
		ok = at(f.known, ip).take(f.trunk, now)
	} else if b := f.sources[ip]; b != nil || len(f.sources) < maxStrangers {
		ok = at(f.sources, ip).take(f.stranger, now) && f.all.take(f.strangers, now)
	}
	if !ok {
		f.dropped++
	}
	return ok
}

func at(m map[netip.Addr]*bucket, ip netip.Addr) *bucket {
	b := m[ip]
	if b == nil {
		b = new(bucket)
		m[ip] = b
	}
	return b
}

// sweep forgets, every ten seconds, the addresses whose bucket is full again.
func (f *flood) sweep(now time.Time) {
	if now.Sub(f.swept) < 10*time.Second {
		return
	}
	f.swept = now
	for _, m := range []map[netip.Addr]*bucket{f.sources, f.known} {
		for ip, b := range m {
			if now.Sub(b.last) > 5*time.Second {
				delete(m, ip)
			}
		}
	}
}

// count is how many datagrams were dropped so far.
func (f *flood) count() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dropped
}
