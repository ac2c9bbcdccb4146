package dtmf

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	period   = 20 * time.Millisecond
	ends     = 3 // how often the end is sent (RFC 4733 section 2.5.1.4)
	pause    = 60 * time.Millisecond
	volume   = 10 // -dBm0
	queueLen = 64
	// MinTone and MaxTone bound the length of a sent key: what every receiver must hear (ITU-T Q.24), and
	// what one event's duration can say at 8000 Hz.
	MinTone = 40 * time.Millisecond
	MaxTone = 8 * time.Second
)

// Sender makes telephone events in place of audio, one packet per 20 ms. Queue may be called from any
// goroutine, Next from one; neither blocks, and Next allocates nothing.
type Sender struct {
	clock uint32
	queue chan press
	mu    sync.Mutex // held by Queue only: digits of one call stay together

	now    press
	start  uint32
	length uint32
	ended  int           // how many ends were sent
	rest   time.Duration // pause left before the next key
	active bool
}

type press struct {
	event uint8
	tone  time.Duration
}

// NewSender makes a sender for events with an RTP clock in hertz.
func NewSender(clock uint32) *Sender {
	return &Sender{clock: clock, queue: make(chan press, queueLen)}
}

// Queue appends digits, each held for tone, limited to MinTone and MaxTone. All or none are taken: ErrDigit
// on another rune than 0-9 * # A-D, ErrFull when they do not fit.
func (s *Sender) Queue(digits string, tone time.Duration) error {
	if !Valid(digits) {
		return fmt.Errorf("%w in %d characters", ErrDigit, len(digits))
	}
	tone = max(MinTone, min(MaxTone, tone))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue)+len(digits) > cap(s.queue) {
		return ErrFull
	}
	for i := range len(digits) {
		s.queue <- press{uint8(strings.IndexByte(keys, digits[i])), tone}
	}
	return nil
}

// Next is what to send in the tick whose audio would have timestamp ts: a payload of n bytes in buf, with
// the marker bit and the timestamp the RTP header must have. While busy there is no audio to send; n is 0
// in the pause between two keys.
func (s *Sender) Next(buf []byte, ts uint32) (n int, marker bool, start uint32, busy bool) {
	frame := s.clock / uint32(time.Second/period)
	if s.rest > 0 {
		s.rest -= period
		return 0, false, 0, true
	}
	if !s.active {
		select {
		case s.now = <-s.queue:
		default:
			return 0, false, 0, false
		}
		s.active, s.start, s.length, s.ended, marker = true, ts, 0, 0, true
	}
	tone := uint32(uint64(s.now.tone) * uint64(s.clock) / uint64(time.Second))
	s.length = min(s.length+frame, max(tone, frame), 0xffff)
	p := Packet{Event: s.now.event, Volume: volume, Duration: uint16(s.length)}
	if s.length >= min(tone, 0xffff) {
		p.End = true
		if s.ended++; s.ended == ends {
			s.active, s.rest = false, pause
		}
	}
	return p.Marshal(buf), marker, s.start, true
}

// Busy reports whether Next would have something to say; for the goroutine of Next.
func (s *Sender) Busy() bool { return s.active || s.rest > 0 || len(s.queue) > 0 }
