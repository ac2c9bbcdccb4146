package recorder

import (
	"math"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/recorder/wave"
)

// ringWords is the size of a recording's ring: 256 kB, 1.3 s of two parties at 48 kHz, 0.3 s of eight.
const ringWords = 128 << 10

// A record of the ring is one tick: a header and one block per party that gave audio.
//
//	header: tick (4 words, low first), ticks dropped before (1), flags (1), blocks (1)
//	block:  party and voiceBit (1), form and law (1), length in words (1), bytes or rate (1), words
const (
	headWords  = 7
	blockWords = 4
)

// voiceBit in a block's party says that the frame holds speech.
const voiceBit = 1 << 8

// lookback is how much more than its age says a frame must be younger than a pause: noise suppression and
// level control hold frames back.
const lookback = pcm.Period

// maxAge bounds the ages that matter, in ticks: ten seconds.
const maxAge = 500

// opened is how long audio has been let in since the last pause. It is the smaller of two counts. Ticks that are
// made up for run at once, and would count more time than has passed; a process that stands still between the
// reading of a frame and its recording has the clock count what the frame did not wait.
type opened struct {
	ticks int64 // up to maxAge, where nothing is asked any more
	first time.Duration
	since time.Duration
}

// neverPaused is that of a recording before its first pause.
var neverPaused = opened{ticks: maxAge}

// tick counts one more that has audio; uptime is read where it matters.
func (o *opened) tick(uptime func() time.Duration) {
	switch {
	case o.ticks >= maxAge:
		return
	case o.ticks == 0:
		o.first, o.since = uptime(), 0
	default:
		o.since = min(time.Duration(o.ticks)*pcm.Period, uptime()-o.first)
	}
	o.ticks++
}

// stale reports whether a frame of this tick was spoken in the pause: it has waited in a socket, in a jitter buffer or
// on the way since. When the tick came that first had audio, the pause had ended.
func (o *opened) stale(age time.Duration) bool {
	return o.ticks < maxAge && age > 0 && o.since < age+lookback
}

const flagGated = 1 // the recording was paused when the tick ran

// form says what a block holds.
type form int16

const (
	formPresent form = iota + 1 // the party is there and silent: nothing follows
	formAbsent                  // held, muted or gone: digital silence
	formOpus                    // an Opus payload of 20 ms
	formPCM                     // 20 ms of samples
	formConceal                 // as formPCM, but made up for a lost packet
	formLost                    // a packet that never came, of a party whose packets are taken: nothing follows
	formPrime                   // as formPCM: a frame before this tick, kept as a payload then, to warm up an encoder with
	formSamples                 // 20 ms of G.711 as it came
)

// The law of a block is in its form's word: media.PCMU or media.PCMA for a voice as it came of a party that sends
// that, where its samples are to be kept; lawOpen where they would be, but nobody knows yet what it sends; else 0.
const (
	lawShift = 8
	lawOpen  = media.Codec(0x7f)
)

// maxTapped bounds the members of one tick, twice what a room may hold.
const maxTapped = 16

// take puts a tick into the ring, without audio where it is gated.
func (rec *Recording) take(tick uint64, frames []media.Tapped, gated bool) {
	if !rec.ticking.CompareAndSwap(false, true) {
		rec.dropped.Add(1)
		return
	}
	defer rec.ticking.Store(false)
	if rec.over.Load() {
		return
	}
	seats := *rec.seats.Load()
	frames = frames[:min(len(frames), maxTapped)]
	need := headWords
	if !gated {
		for i := range frames {
			for at := find(seats, frames[i].Member, i); at >= 0 && at < len(seats) && seats[at].leg == frames[i].Member; at++ {
				f := seats[at].view(&frames[i])
				need += blockWords + blockSize(&f, seats[at].keeps) + seats[at].past.size(formOf(&f, seats[at].keeps))
			}
		}
	}
	out := rec.ring.begin(need)
	if out == nil {
		rec.missed++
		rec.dropped.Add(1)
		rec.lastTick.Store(tick)
		return
	}
	for i := range 4 {
		out[i] = int16(tick >> (16 * i))
	}
	out[4], out[5] = int16(min(rec.missed, math.MaxInt16)), 0
	rec.missed = 0
	n, blocks := headWords, int16(0)
	if !gated {
		rec.opened.tick(rec.rec.uptime)
	}
	if gated {
		rec.opened = opened{}
		out[5] = flagGated
		for i := range seats {
			seats[i].past.wipe()
		}
	} else {
		for i := range frames {
			for at := find(seats, frames[i].Member, i); at >= 0 && at < len(seats) && seats[at].leg == frames[i].Member; at++ {
				s := &seats[at]
				f := s.view(&frames[i])
				kind, law := formOf(&f, s.keeps), int16(lawOf(&f, s.keeps))<<lawShift
				if rec.opened.stale(f.Age) {
					kind = formAbsent
				}
				for k := range s.past.due(kind) {
					out[n], out[n+1] = int16(s.party), int16(formPrime)|law
					n += writeSamples(out[n:], s.past.at(k))
					blocks++
				}
				s.past.follow(kind, f.In)
				out[n], out[n+1] = int16(s.party), int16(kind)|law
				if f.Voice && (at == 0 || seats[at-1].leg != s.leg) && kind != formAbsent {
					out[n] |= voiceBit
				}
				n += writeBlock(out[n:], kind, &f)
				blocks++
			}
		}
	}
	out[6] = blocks
	rec.ring.commit(n)
	rec.lastTick.Store(tick)
	if rec.ring.used() > ringWords/2 {
		select {
		case rec.scribe.wake <- struct{}{}:
		default:
		}
	}
}

// view is the voice the seat takes.
func (s *seat) view(f *media.Tapped) media.Tapped {
	v := *f
	if s.raw {
		v.In, v.Codec, v.Payload, v.Processed = f.RawIn, f.RawCodec, f.RawPayload, false
	}
	return v
}

// find is the index of the first seat with this leg id, -1 if there is none; near is where to look first. The
// seats of a leg follow each other.
func find(seats []seat, leg string, near int) int {
	if near < len(seats) && seats[near].leg == leg && (near == 0 || seats[near-1].leg != leg) {
		return near
	}
	for i := range seats {
		if seats[i].leg == leg {
			return i
		}
	}
	return -1
}

// formOf decides what is kept of a member's tick. An Opus payload of exactly the voice that the room hears,
// the party's own or one that the room made for a listener, is kept as it is; what the room does not hear
// is not kept. With keeps so is G.711 as it came, and nothing else then stands for it.
func formOf(f *media.Tapped, keeps bool) form {
	switch {
	case f.Held || f.Muted || f.Kind == media.Absent:
		return formAbsent
	case keeps && !f.Processed && len(f.Samples) == wave.FrameSize:
		return formSamples
	case f.Kind == media.Silence:
		return formPresent
	}
	if f.Codec == media.Opus && !wave.Law(lawOf(f, keeps)) && len(f.Payload) > 0 && len(f.Payload) <= codec.MaxPayload {
		if n, err := ogg.PacketSamples(f.Payload); err == nil && n == ogg.PacketDuration {
			return formOpus
		}
	}
	switch {
	case f.In == nil:
		return formLost
	case f.Kind == media.Concealed:
		return formConceal
	}
	return formPCM
}

// lawOf is the law of a member's tick.
func lawOf(f *media.Tapped, keeps bool) media.Codec {
	switch {
	case !keeps || f.Processed:
		return 0
	case wave.Law(f.Sent):
		return f.Sent
	case f.Sent == 0 && f.Kind == media.Absent:
		return lawOpen
	}
	return 0
}

// blockSize is the words writeBlock needs at most behind the block's head.
func blockSize(f *media.Tapped, keeps bool) int {
	switch formOf(f, keeps) {
	case formOpus:
		return (len(f.Payload) + 1) / 2
	case formSamples:
		return (len(f.Samples) + 1) / 2
	case formPCM, formConceal:
		return len(f.In.Samples())
	default:
		return 0
	}
}

// writeBlock fills b behind the party and the form and returns the words of the whole block.
func writeBlock(b []int16, kind form, f *media.Tapped) int {
	switch kind {
	case formPCM, formConceal:
		return writeSamples(b, f.In)
	case formOpus:
		return writeBytes(b, f.Payload)
	case formSamples:
		return writeBytes(b, f.Samples)
	default:
		b[2], b[3] = 0, 0
		return blockWords
	}
}

// writeBytes fills b behind the party and the form and returns the words of the whole block.
func writeBytes(b []int16, p []byte) int {
	body := b[blockWords:]
	n := (len(p) + 1) / 2
	for i := 0; i+1 < len(p); i += 2 {
		body[i/2] = int16(uint16(p[i]) | uint16(p[i+1])<<8)
	}
	if len(p)%2 == 1 {
		body[n-1] = int16(p[len(p)-1])
	}
	b[2], b[3] = int16(n), int16(len(p))
	return blockWords + n
}

// writeSamples fills b behind the party and the form and returns the words of the whole block.
func writeSamples(b []int16, f *pcm.Frame) int {
	n := copy(b[blockWords:], f.Samples())
	b[2], b[3] = int16(n), int16(f.Rate()/1000)
	return blockWords + n
}

// tickRecord is a record of the ring, decoded. It points into the ring.
type tickRecord struct {
	tick   uint64
	missed int // ticks dropped before this one
	gated  bool
	blocks int
	rest   []int16
}

func readRecord(w []int16) tickRecord {
	var t tickRecord
	for i := range 4 {
		t.tick |= uint64(uint16(w[i])) << (16 * i)
	}
	t.missed, t.gated, t.blocks, t.rest = int(w[4]), w[5]&flagGated != 0, int(w[6]), w[headWords:]
	return t
}

// block is one party's share of a tick. Its body is in the ring.
type block struct {
	party  int
	voice  bool
	kind   form
	law    media.Codec
	detail int // bytes or rate
	body   []int16
}

// next takes the next block off the record.
func (t *tickRecord) next() block {
	n := int(t.rest[2])
	b := block{
		party: int(t.rest[0] &^ voiceBit), voice: t.rest[0]&voiceBit != 0,
		kind: form(t.rest[1] & (1<<lawShift - 1)), law: media.Codec(t.rest[1] >> lawShift),
		detail: int(t.rest[3]), body: t.rest[blockWords : blockWords+n],
	}
	t.rest = t.rest[blockWords+n:]
	return b
}

// chooses reports whether the block says which of the party's tracks it is for. All others are for the one that the
// block before was for.
func (b block) chooses() bool {
	switch b.kind {
	case formOpus, formPCM, formConceal, formPrime, formSamples:
		return true
	}
	return false
}

// payload unpacks a block of n bytes into dst.
func payload(dst []byte, body []int16, n int) []byte {
	dst = dst[:0]
	for _, w := range body {
		dst = append(dst, byte(w), byte(uint16(w)>>8))
	}
	return dst[:n]
}

// samples unpacks a block of samples into dst.
func samples(dst *pcm.Frame, body []int16, khz int) {
	dst.SetRate(pcm.Rate(khz) * 1000)
	copy(dst.Samples(), body)
}
