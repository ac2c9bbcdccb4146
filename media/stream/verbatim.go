package stream

import (
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// verbatim is the bytes behind the end of the fifo where they are G.711 as it came: packets of any length, cut into
// frames. What was made up, stretched or shrunk has no bytes, and neither has what stands before it in the fifo.
type verbatim struct {
	codec  media.Codec
	buf    []byte // as long as was ever needed
	n      int    // bytes, up to the fifo's end
	packet []byte // just put into the fifo as it is
}

func isLaw(c media.Codec) bool { return c == media.PCMU || c == media.PCMA }

// whole notes a packet that has gone into the fifo as it is.
func (v *verbatim) whole(c media.Codec, packet []byte) {
	if !isLaw(c) {
		return
	}
	if c != v.codec {
		v.forget()
		v.codec = c
	}
	v.packet = packet
}

// follow brings the bytes up to date with a fifo that an item has been put into.
func (v *verbatim) follow() {
	p := v.packet
	v.packet = nil
	if p == nil {
		v.forget()
		return
	}
	if need := v.n + len(p); need > len(v.buf) {
		old := v.buf
		v.buf = make([]byte, need)
		copy(v.buf, old)
		clear(old)
	}
	v.n += copy(v.buf[v.n:], p)
}

// frame is the bytes of the fifo's first frame, nil where there are not bytes for all of the fifo. samples is how
// much there is in it.
func (v *verbatim) frame(samples int, rate pcm.Rate) []byte {
	const size = int(pcm.Rate8k) / 50
	if v.n < size || v.n*int(rate) < samples*int(pcm.Rate8k) {
		return nil
	}
	return v.buf[:size]
}

// begin drops the bytes of the frame that was taken out last; samples is how much is left in the fifo. Until then
// they are that frame's payload.
func (v *verbatim) begin(samples int, rate pcm.Rate) {
	if rate != 0 && v.n > 0 {
		v.keep(samples * int(pcm.Rate8k) / int(rate))
	}
}

// keep drops all but the last n bytes, and overwrites what it drops.
func (v *verbatim) keep(n int) {
	if n < v.n {
		copy(v.buf, v.buf[v.n-n:v.n])
		clear(v.buf[n:v.n])
		v.n = n
	}
}

func (v *verbatim) forget() { v.keep(0) }
