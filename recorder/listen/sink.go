package listen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	libopus "github.com/hraban/opus"

	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/ogg"
)

func newSink(w io.Writer, o Options, total int64) (sink, error) {
	switch o.Format {
	case WAV:
		return newWAV(w, o, total)
	case FLAC:
		return newFLAC(w, o, total)
	}
	return newOpus(w, o)
}

// opusSink writes Ogg Opus of one or two channels.
type opusSink struct {
	out   *ogg.Writer
	enc   *libopus.Encoder
	mixed []int16 // the channels' samples by turns
	buf   [2*codec.MaxPayload + 2]byte
	quiet int // silent frames in a row
}

// tail is how many silent frames the encoder is given before silence is written without it. Calls have long
// silences: one party listens, both hold.
const tail = 5

func newOpus(w io.Writer, o Options) (*opusSink, error) {
	// A frame of two channels costs 2.0 ms as VoIP and 0.2 ms as Audio, which leaves out SILK.
	enc, err := libopus.NewEncoder(int(o.Rate), o.channels(), libopus.AppAudio)
	if err == nil {
		err = errors.Join(enc.SetBitrate(o.Bitrate), enc.SetComplexity(3))
	}
	if err != nil {
		return nil, fmt.Errorf("listen: opus encoder: %w", err)
	}
	s := &opusSink{enc: enc, mixed: make([]int16, o.channels()*o.Rate.Samples())}
	s.out, err = ogg.NewWriter(w, o.Serial, ogg.Head{Channels: uint8(o.channels()), PreSkip: ogg.PreSkip, InputRate: uint32(o.Rate)}, o.Comment, 48000)
	return s, err
}

func (s *opusSink) frame20(channels [][]int16) error {
	var loud int16
	for k, c := range channels {
		for i, x := range c {
			s.mixed[len(channels)*i+k] = x
			loud |= x
		}
	}
	if loud != 0 {
		s.quiet = 0
	} else if s.quiet++; s.quiet > tail {
		return s.out.Packet(ogg.Silence[:], ogg.PacketDuration)
	}
	n, err := s.enc.Encode(s.mixed, s.buf[:])
	if err != nil {
		return err
	}
	return s.out.Packet(s.buf[:n], ogg.PacketDuration)
}

func (s *opusSink) close() error { return s.out.Close() }

// wavSink writes a WAV file whose length is known from the start.
type wavSink struct {
	w    io.Writer
	buf  []byte
	left int64 // frames still to come
}

const wavHead = 44

func newWAV(w io.Writer, o Options, total int64) (*wavSink, error) {
	both := 2 * o.channels() // bytes of one sample of each channel
	size := total * int64(o.Rate.Samples()*both)
	if size > math.MaxUint32-wavHead {
		return nil, errors.New("listen: the recording is too long for a WAV file")
	}
	le := binary.LittleEndian
	b := append(make([]byte, 0, wavHead), "RIFF"...)
	b = le.AppendUint32(b, uint32(wavHead-8+size))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1) // linear
	b = le.AppendUint16(b, uint16(o.channels()))
	b = le.AppendUint32(b, uint32(o.Rate))
	b = le.AppendUint32(b, uint32(o.Rate)*uint32(both))
	b = le.AppendUint16(b, uint16(both))
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(size))
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("listen: write: %w", err)
	}
	return &wavSink{w: w, buf: make([]byte, 0, o.Rate.Samples()*both), left: total}, nil
}

func (s *wavSink) frame20(channels [][]int16) error {
	s.buf = s.buf[:0]
	for i := range channels[0] {
		for _, c := range channels {
			s.buf = binary.LittleEndian.AppendUint16(s.buf, uint16(c[i]))
		}
	}
	s.left--
	_, err := s.w.Write(s.buf)
	return err
}

func (s *wavSink) close() error {
	if s.left != 0 {
		return fmt.Errorf("listen: %d frames more were announced than made", s.left)
	}
	return nil
}

// beepFrames is how long the marker is.
const beepFrames = 10

// beep is the marker: 440 Hz at -26 dBFS for 200 ms with soft edges, whole frames long.
func beep(r pcm.Rate) []int16 {
	out := make([]int16, beepFrames*r.Samples())
	edge := float64(r) / 100
	for i := range out {
		fade := min(1, float64(i)/edge, float64(len(out)-1-i)/edge)
		out[i] = int16(1640 * fade * math.Sin(2*math.Pi*440*float64(i)/float64(r)))
	}
	return out
}
