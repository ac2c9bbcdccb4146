package jitter

import "sync/atomic"

// slot holds one packet. It belongs to the reader between free.get and filled.put and to the playout
// between filled.get and free.put.
type slot struct {
	arrival int64 // ns since the buffer's epoch
	ts, ext int64 // extended timestamp and sequence number, set by the playout
	dur     int64
	ssrc    uint32
	rtp     uint32
	clock   uint32
	seq     uint16
	pt      uint8
	level   uint8
	voice   bool
	marker  bool
	skip    bool
	buf     []byte
}

// ring is a queue of slot numbers with one writer and one reader. It can hold every slot there is, so
// put never fails.
//
// A mutex would do the same job at about the same mean price (BenchmarkHandover: p50 30 ns against 47 ns,
// p99.9 48 ns against 145 ns for one collection), but a reader that the kernel takes off the processor
// inside its lock would stop every room of the shard.
type ring struct {
	head atomic.Uint32 // next to read
	_    [60]byte      // keep the two ends in cache lines of their own
	tail atomic.Uint32 // next to write
	_    [60]byte
	buf  [slots]uint8
}

func (r *ring) put(i uint8) {
	t := r.tail.Load()
	r.buf[t%slots] = i
	r.tail.Store(t + 1)
}

// peek is what get would give.
func (r *ring) peek() (uint8, bool) {
	h := r.head.Load()
	if h == r.tail.Load() {
		return 0, false
	}
	return r.buf[h%slots], true
}

func (r *ring) get() (uint8, bool) {
	h := r.head.Load()
	if h == r.tail.Load() {
		return 0, false
	}
	i := r.buf[h%slots]
	r.head.Store(h + 1)
	return i, true
}
