package stream

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
)

const digitNames = "0123456789*#ABCD" // RFC 4733 section 3.2, events 0 to 15

// digitReceiver gives each digit once: at the first packet with the end bit, or, when every end packet
// was lost, when the next event begins.
type digitReceiver struct {
	open     bool // an event is under way
	any      bool
	ts       uint32
	digit    byte
	duration uint16
	clock    uint32 // RTP clock rate of the events
}

func (d *digitReceiver) push(payload []byte, ts uint32) (media.Event, bool) {
	if len(payload) < 4 || int(payload[0]) >= len(digitNames) {
		return media.Event{}, false
	}
	digit, end := digitNames[payload[0]], payload[1]&0x80 != 0
	duration := binary.BigEndian.Uint16(payload[2:])
	if d.any && int32(ts-d.ts) < 0 {
		return media.Event{}, false // overtaken
	}
	if d.any && ts == d.ts {
		if !d.open {
			return media.Event{}, false // end packets come three times
		}
		d.duration = max(d.duration, duration)
		if end {
			d.open = false
			return d.event(), true
		}
		return media.Event{}, false
	}
	lost, before := d.open, d.event()
	d.open, d.any, d.ts, d.digit, d.duration = true, true, ts, digit, duration
	if end && !lost { // else the next of its three end packets tells
		d.open = false
		return d.event(), true
	}
	return before, lost
}

func (d *digitReceiver) event() media.Event {
	return media.Event{Kind: media.EventDigit, Digit: d.digit, Duration: time.Duration(d.duration) * time.Second / time.Duration(max(d.clock, 8000))}
}

// queuedDigit is one digit on its way out.
type queuedDigit struct {
	event uint8
	ticks uint16
}

// digitSender plays digits as RFC 4733 events, one packet a tick, three end packets and a pause of 60 ms.
type digitSender struct {
	allowed atomic.Bool
	waiting atomic.Pointer[chan queuedDigit]

	now   queuedDigit
	tick  uint16 // of the digit under way, 0 between digits
	pause uint8
	ts    uint32
	buf   [4]byte
}

const (
	digitQueue = 64
	endPackets = 3
	digitPause = 3 // ticks
	minTone    = 40 * time.Millisecond
	maxTone    = 1300 * time.Millisecond // the duration field is 16 bits at up to 48 kHz
)

func (d *digitSender) agreed(on bool) {
	if d.waiting.Load() == nil {
		c := make(chan queuedDigit, digitQueue)
		d.waiting.Store(&c)
	}
	d.allowed.Store(on)
}

func (d *digitSender) queue(digits string, tone time.Duration) error {
	if !d.allowed.Load() {
		return fmt.Errorf("stream: send digits: the party did not agree to telephone events")
	}
	ticks := uint16(min(max(tone, minTone), maxTone) / (20 * time.Millisecond))
	for i := range len(digits) {
		if strings.IndexByte(digitNames, digits[i]) < 0 {
			return fmt.Errorf("stream: send digits: %q is no digit", digits[i])
		}
	}
	c := *d.waiting.Load()
	if len(digits) > cap(c)-len(c) {
		return fmt.Errorf("stream: send digits: more than %d digits waiting", cap(c))
	}
	for i := range len(digits) {
		select {
		case c <- queuedDigit{uint8(strings.IndexByte(digitNames, digits[i])), ticks}:
		default:
			return fmt.Errorf("stream: send digits: more than %d digits waiting", cap(c))
		}
	}
	return nil
}

// next gives the event packet of this tick, if there is one, with its marker bit and timestamp.
func (d *digitSender) next(ts, perTick uint32) (payload []byte, marker bool, at uint32, ok bool) {
	if d.tick == 0 {
		if d.pause > 0 {
			d.pause--
			return nil, false, 0, false
		}
		select {
		case d.now = <-*d.waiting.Load():
			d.ts = ts
		default:
			return nil, false, 0, false
		}
	}
	d.tick++
	flags := byte(10) // -10 dBm0
	if d.tick > d.now.ticks {
		flags |= 0x80
	}
	duration := min(uint32(d.tick), uint32(d.now.ticks)) * perTick
	d.buf = [4]byte{d.now.event, flags}
	binary.BigEndian.PutUint16(d.buf[2:], uint16(min(duration, 0xffff)))
	marker = d.tick == 1
	if d.tick == d.now.ticks+endPackets {
		d.tick, d.pause = 0, digitPause
	}
	return d.buf[:], marker, d.ts, true
}
