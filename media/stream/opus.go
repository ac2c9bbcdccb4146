package stream

import "github.com/cordboard/cordboard/media/pcm"

const (
	bandDown   = 50 // packets a narrower Opus bandwidth must last before the rate follows
	bandUp     = 2  // packets a wider one must last
	lossWindow = 250
)

// follow adapts the rate to the bandwidth in an Opus packet's TOC byte (RFC 6716 section 3.1): up at
// once, down only when it stays narrower for a while.
func (r *Receiver) follow(toc byte) {
	band := bandwidth(toc)
	now := r.Rate()
	if band == now {
		r.banded = 0
		return
	}
	if band != r.band {
		r.band, r.banded = band, 0
	}
	r.banded++
	if band > now && r.banded >= bandUp || band < now && r.banded >= bandDown || !r.heard {
		r.stats.rate.Store(int32(band))
		r.banded = 0
	}
}

// bandwidth is the frame rate that holds what an Opus packet with this TOC byte carries.
func bandwidth(toc byte) pcm.Rate {
	switch cfg := toc >> 3; {
	case cfg < 4, cfg >= 16 && cfg < 20:
		return pcm.Rate8k
	case cfg < 12, cfg >= 20 && cfg < 24:
		return pcm.Rate16k
	default:
		return pcm.Rate48k
	}
}

// note keeps the recent loss in view: where packets are lost and the next ones carry a copy, a packet's
// worth of extra delay lets that copy be used.
func (r *Receiver) note(lost bool) {
	r.recent++
	if lost {
		r.holes++
	}
	if r.recent < lossWindow {
		return
	}
	switch {
	case r.copies > lossWindow/10 && r.holes > lossWindow/100:
		r.jb.Lookahead(pcm.Period)
	case r.holes == 0 || r.copies == 0:
		r.jb.Lookahead(0)
	}
	r.recent, r.holes, r.copies = 0, 0, 0
}

// carriesCopy reports whether an Opus packet holds forward error correction for its predecessor: the LBRR
// flag of its first SILK frame (RFC 6716 section 4.2.3).
func carriesCopy(b []byte) bool {
	if len(b) < 2 || b[0] >= 16<<3 || b[0]&3 != 0 {
		return false
	}
	frames := 1
	if b[0]>>3 < 12 { // SILK only: 10, 20, 40 or 60 ms
		frames = max(int(b[0]>>3&3), 1)
	}
	return b[1]&(0x80>>frames) != 0
}
