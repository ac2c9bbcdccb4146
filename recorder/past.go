package recorder

import "github.com/cordboard/cordboard/media/pcm"

// primers is how many frames an encoder is warmed up with before it takes over from another one; the mixer's
// figures for its own encoders say that more gain nothing.
const primers = 2

// past is the last frames of a party whose payloads are kept as they are. When the payloads stop coming, our
// encoder is given these frames first: without them it would begin from silence, which is heard as a hole
// of its look-ahead, 6.5 ms. It belongs to the goroutine that runs the tick.
type past struct {
	frames [primers]pcm.Frame
	oldest int
	kept   int // of those, frames that follow each other up to now
}

// follow takes what is kept of the party in this tick.
func (p *past) follow(kind form, in *pcm.Frame) {
	if kind != formOpus && kind != formSamples && kind != formConceal || in == nil {
		p.kept = 0
		return
	}
	if p.kept > 0 && p.frames[(p.oldest+primers-1)%primers].Rate() != in.Rate() {
		p.kept = 0
	}
	f := &p.frames[p.oldest]
	f.SetRate(in.Rate())
	copy(f.Samples(), in.Samples())
	p.oldest = (p.oldest + 1) % primers
	p.kept = min(p.kept+1, primers)
}

// due is how many frames to hand on before a frame of this form, at(0) first.
func (p *past) due(kind form) int {
	if kind != formPCM || p.kept < primers {
		return 0
	}
	return primers
}

func (p *past) at(i int) *pcm.Frame { return &p.frames[(p.oldest+i)%primers] }

// size is the words the blocks of due take.
func (p *past) size(kind form) int {
	return p.due(kind) * (blockWords + len(p.frames[0].Samples()))
}

// wipe forgets all audio.
func (p *past) wipe() {
	if p.oldest != 0 || p.kept != 0 || p.frames[0].Rate() != 0 {
		*p = past{}
	}
}
