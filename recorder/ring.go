package recorder

import (
	"runtime"
	"sync/atomic"
)

// ring is a queue of records between exactly one producer (the room's tick) and one consumer at a time
// (whoever holds the recording's lock). A record is a run of 16-bit words, its length first. Neither side
// waits or allocates; what does not fit is refused. The consumer overwrites what it has taken, so no audio
// outlives its record.
//
// A ring that has run empty is begun anew, so that one whose consumer keeps up uses no more than a little of its
// memory. For that moment it belongs to the producer alone:
//
//	used --(consumer: empty)--> offered --(producer: begin)--> taken --> used
//	  ^------(consumer: peek)------'
type ring struct {
	words []int16
	read  atomic.Uint64 // words taken since the beginning
	write atomic.Uint64 // words published since the beginning
	_     [40]byte
	fill  uint64 // producer: where the record being written ends
	turn  atomic.Uint32
}

// What turn says.
const (
	ringUsed uint32 = iota
	ringOffered
	ringTaken
)

// padding marks the rest of the buffer as unused: the next record begins at its start. Lengths are
// positive, so it cannot be one.
const padding = -1

// newRing makes a ring of size words, a power of two. A record may be at most a quarter of it and at most
// 32767 words.
func newRing(size int) *ring { return &ring{words: make([]int16, size)} }

// begin hands the producer room for a record of at most n words, nil when there is none.
func (r *ring) begin(n int) []int16 {
	size := uint64(len(r.words))
	if r.turn.Load() == ringOffered && r.turn.CompareAndSwap(ringOffered, ringTaken) {
		if r.read.Load() == r.write.Load() {
			r.read.Store(0)
			r.write.Store(0)
		}
		r.turn.Store(ringUsed)
	}
	at := r.write.Load()
	need := uint64(n + 1)
	tail := size - at%size
	skip := uint64(0)
	if tail < need {
		skip = tail
	}
	if at+skip+need-r.read.Load() > size {
		return nil
	}
	if skip > 0 {
		r.words[at%size] = padding
	}
	r.fill = at + skip
	from := r.fill % size
	return r.words[from+1 : from+need]
}

// commit publishes the record begun last with its true length.
func (r *ring) commit(n int) {
	r.words[r.fill%uint64(len(r.words))] = int16(n)
	r.write.Store(r.fill + uint64(n) + 1)
}

// peek hands the consumer the oldest record, nil when there is none. It is the consumer's until take.
func (r *ring) peek() []int16 {
	size := uint64(len(r.words))
	for !r.turn.CompareAndSwap(ringOffered, ringUsed) && r.turn.Load() == ringTaken {
		runtime.Gosched() // a few instructions of the producer's
	}
	for {
		at := r.read.Load()
		if at == r.write.Load() {
			if at > 0 {
				r.turn.Store(ringOffered)
			}
			return nil
		}
		n := r.words[at%size]
		if n == padding {
			r.words[at%size] = 0
			r.read.Store(at + size - at%size)
			continue
		}
		return r.words[at%size+1 : at%size+1+uint64(n)]
	}
}

// take overwrites the record peek gave last and gives its room back.
func (r *ring) take() {
	size := uint64(len(r.words))
	at := r.read.Load()
	n := uint64(r.words[at%size])
	clear(r.words[at%size : at%size+1+n])
	r.read.Store(at + n + 1)
}

// used is how many words wait to be taken.
func (r *ring) used() int { return int(r.write.Load() - r.read.Load()) }
