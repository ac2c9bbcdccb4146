package listen

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/recorder/wave"
)

// lawDelay is how much later a decoder of G.711 gives its audio, 1.75 ms in samples at 48 kHz (codec's promise).
const lawDelay = 84

// Packets reads a track, in whichever form it is, as payloads for a decoder.
type Packets struct {
	Codec media.Codec
	Skip  int // samples at 48 kHz that a decoder gives before the first of the track
	in    interface{ Next() ([]byte, error) }
	tail  []byte // a payload behind the last, which has the decoder give the rest
}

// NewPackets reads the beginning. The error is ogg.ErrNotOpus or wave.ErrNotWave for what is no track, else the reader's.
func NewPackets(r io.Reader) (*Packets, error) {
	in := bufio.NewReader(r)
	if head, err := in.Peek(4); err == nil && bytes.Equal(head, []byte("RIFF")) {
		w, err := wave.NewPackets(in)
		if err != nil {
			return nil, err
		}
		return &Packets{w.Codec, lawDelay, w, bytes.Repeat([]byte{wave.Silence(w.Codec)}, wave.FrameSize)}, nil
	}
	o, err := ogg.NewPackets(in)
	if err != nil {
		return nil, err
	}
	return &Packets{media.Opus, int(o.Head.PreSkip), o, nil}, nil
}

// Next returns the next payload, of 20 ms where it is not Opus, borrowed until the next call, or io.EOF.
// G.711 has one of silence at its end.
func (p *Packets) Next() ([]byte, error) {
	b, err := p.in.Next()
	if errors.Is(err, io.EOF) && p.tail != nil {
		b, p.tail = p.tail, nil
		return b, nil
	}
	return b, err
}
