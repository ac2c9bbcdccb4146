package prompt

import (
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// Sequence plays sources one after the other, each from the frame after the one in which the one before
// ended. Not safe for concurrent use.
type Sequence struct {
	rest []Source
	rate pcm.Rate
}

// NewSequence makes a player of sources, which it then owns. At least one is needed; its rate is the
// sequence's.
func NewSequence(first Source, more ...Source) *Sequence {
	return &Sequence{rest: append([]Source{first}, more...), rate: first.Rate()}
}

// Rate implements media.Source.
func (s *Sequence) Rate() pcm.Rate { return s.rate }

// Done implements Source.
func (s *Sequence) Done() bool {
	for len(s.rest) > 0 && s.rest[0].Done() {
		s.rest = s.rest[1:]
	}
	return len(s.rest) == 0
}

// ReadFrame implements media.Source: what the source under way gives, and Absent after the last.
func (s *Sequence) ReadFrame(dst *pcm.Frame) media.Kind {
	if s.Done() {
		dst.Reset(dst.Rate())
		return media.Absent
	}
	return s.rest[0].ReadFrame(dst)
}
