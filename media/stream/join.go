package stream

import (
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
)

// G.711 has no overlap between packets, so where forwarding takes the place of mixing, or mixing that of
// forwarding, the wave itself would jump by what decoder and encoder delay it. The join carries the old wave
// on by its own period for 5 ms and fades from it into the new one. Opus and G.722 need none: what the one
// overlaps, the other's predictor smooths.

const (
	joinFade = 40  // samples, 5 ms
	joinPast = 160 // samples that the period is looked for in
	joinLow  = 20  // the shortest period, 400 Hz and its multiples
)

// join is what a Sender keeps for it.
type join struct {
	next bool   // the next packet is the first of another origin
	last []byte // what was sent last, where that is past enough; borrowed until the next packet
	n    int
	past [joinPast]byte // the last of what was sent, but for last
	out  [480]byte      // 60 ms
}

// note keeps the end of a packet that has been sent. Most need not be copied, for they are not asked for before
// the next one takes their place.
func (j *join) note(payload []byte) {
	if len(payload) >= joinPast {
		if j.n > 0 {
			clear(j.past[:])
			j.n = 0
		}
		j.last = payload[len(payload)-joinPast:]
		return
	}
	j.keep()
	keep := min(j.n, joinPast-len(payload))
	copy(j.past[:], j.past[j.n-keep:j.n])
	j.n = keep + copy(j.past[keep:], payload)
}

// keep copies what was sent last, before its buffer is used for something else than the next packet of audio.
func (j *join) keep() {
	if j.last != nil {
		j.n, j.last = copy(j.past[:], j.last), nil
	}
}

// over is the payload with its beginning joined to what was sent before it.
func (j *join) over(c media.Codec, payload []byte) []byte {
	if j.n < joinPast || len(payload) < joinFade || len(payload) > len(j.out) {
		return payload
	}
	var was [joinPast]int16
	var now [joinFade]int16
	table := g711.Table(c)
	g711.Decode(was[:], j.past[:], table)
	g711.Decode(now[:], payload[:joinFade], table)
	lag := joinLow
	best := int64(-1 << 62)
	for l := joinLow; l <= joinPast-joinFade; l++ {
		var diff int64
		for i := joinPast - joinFade; i < joinPast; i++ {
			d := int64(was[i]) - int64(was[i-l])
			diff -= d * d
		}
		if diff > best {
			best, lag = diff, l
		}
	}
	for i := range now {
		old := int32(was[joinPast-lag+i%lag])
		now[i] = pcm.Clip16((old*int32(joinFade-i) + int32(now[i])*int32(i)) / joinFade)
	}
	clear(was[:]) // the stack keeps it otherwise
	out := j.out[:copy(j.out[:], payload)]
	if c == media.PCMA {
		g711.EncodeA(out, now[:])
	} else {
		g711.EncodeMu(out, now[:])
	}
	return out
}
