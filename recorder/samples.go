package recorder

import (
	"bytes"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/wave"
)

// A track of samples holds what a party that sends G.711 has sent, byte for byte, where no processor has changed it
// (docs/adr/0019). Between that stand silence and, where the jitter buffer has stretched, shrunk or made up audio,
// what the room heard, in the same law. It is written to as time goes on, also in a pause: silence takes as many bytes
// as speech, and those of a long pause must not be written at once.

// quietFrames are 20 ms of silence by law.
var quietFrames = func() (f [media.PCMA + 1][wave.FrameSize]byte) {
	for _, law := range []media.Codec{media.PCMU, media.PCMA} {
		copy(f[law][:], bytes.Repeat([]byte{wave.Silence(law)}, wave.FrameSize))
	}
	return f
}()

// samples writes a frame in the track's law.
func (t *track) samples(p []byte, from made) error {
	t.last, t.primed = from, false
	t.next++
	return t.wave.Samples(p)
}

// putSamples writes one party's share of the tick to a track of samples.
func (rec *Recording) putSamples(t *track, b block) error {
	c := &rec.counters
	switch b.kind {
	case formSamples: // no encoder has looked ahead, and so none of it is of a pause
		c.Reused++
		t.behind = false
		return t.samples(payload(rec.scratch[:], b.body, b.detail), madeReused)
	case formPrime:
		samples(&rec.frame, b.body, b.detail)
		t.lead(&rec.frame)
		return nil
	case formConceal:
		if t.behind { // what is made up behind a pause is made of the pause
			return t.silence(c)
		}
		fallthrough
	case formPCM:
		samples(&rec.frame, b.body, b.detail)
		c.Companded++
		t.behind = false
		return t.samples(t.compand(&rec.frame, rec.scratch[:]), madeOwn)
	}
	return t.silence(c)
}

// downward brings frames of any rate to 8 kHz.
type downward struct {
	resampler pcm.Resampler
	narrow    pcm.Frame
}

// wipe forgets all audio.
func (d *downward) wipe() {
	if d != nil {
		*d = downward{}
	}
}

// lead lets the resampler hear a frame that has been written as it came, if it is about to be needed.
func (t *track) lead(f *pcm.Frame) {
	if t.last != madeOwn && f.Rate() != pcm.Rate8k {
		t.resample(f)
		t.primed = true
	}
}

func (t *track) resample(f *pcm.Frame) *pcm.Frame {
	if t.down == nil {
		t.down = new(downward)
	}
	d := t.down
	if d.resampler.From() != f.Rate() || t.last != madeOwn && !t.primed {
		d.resampler.Reset(f.Rate(), pcm.Rate8k)
	}
	d.narrow.SetRate(pcm.Rate8k)
	d.resampler.ProcessFrame(&d.narrow, f)
	return &d.narrow
}

// compand makes samples in the track's law of a frame. They lie in buf.
func (t *track) compand(f *pcm.Frame, buf []byte) []byte {
	if f.Rate() != pcm.Rate8k {
		f = t.resample(f)
	}
	n := 0
	if t.law == media.PCMA {
		n = g711.EncodeA(buf, f.Samples())
	} else {
		n = g711.EncodeMu(buf, f.Samples())
	}
	return buf[:n]
}
