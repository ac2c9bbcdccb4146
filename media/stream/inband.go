package stream

import (
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/dtmf"
	"github.com/cordboard/cordboard/media/pcm"
)

// inband hears keys in the audio of a party that did not agree to telephone events.
type inband struct {
	ear  dtmf.Detector
	down pcm.Resampler
	buf  [160]int16 // a frame at 8 kHz; silent when silence is heard
}

// hear takes a frame that was just read.
func (b *inband) hear(k media.Kind, samples []int16, r pcm.Rate) (media.Event, bool) {
	switch {
	case k == media.Absent || k == media.Silence:
		clear(b.buf[:])
		samples = b.buf[:]
	case r != pcm.Rate8k:
		if b.down.From() != r {
			b.down.Reset(r, pcm.Rate8k)
		}
		samples = b.buf[:b.down.Process(b.buf[:], samples)]
	}
	return b.ear.Push(samples)
}

// listen looks for keys in the frame at the head of the fifo.
func (r *Receiver) listen(k media.Kind) {
	if r.inband == nil || r.types.Load().eventPT != 0 {
		return
	}
	if e, ok := r.inband.hear(k, r.fifo[:r.rate.Samples()], r.rate); ok {
		e.Inband, e.At = true, r.clock().Add(-r.Age())
		r.emit(e)
	}
}
