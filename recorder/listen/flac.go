package listen

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"github.com/cordboard/cordboard/media/pcm"
)

// flacBlock is the samples of one channel in a FLAC frame, all but the last. 4096 is what players of every kind
// are used to; the streamable subset (RFC 9639 section 7) allows no more than 4608 below 48 kHz.
const flacBlock = 4096

// flacSink writes a FLAC file (RFC 9639) whose length is known from the start. The hash of the samples in its head
// stays empty, which says "not known": it would be known only at the end, and nobody seeks in what is uploaded.
type flacSink struct {
	w     *bufio.Writer // hides the writer's Close and Seek, which the encoder would use
	enc   *flac.Encoder
	frame frame.Frame
	left  int64 // samples of one channel still to come
}

func newFLAC(w io.Writer, o Options, total int64) (*flacSink, error) {
	channels := o.channels()
	s := &flacSink{w: bufio.NewWriter(w), left: total * int64(o.Rate.Samples())}
	info := &meta.StreamInfo{
		BlockSizeMin: flacBlock, BlockSizeMax: flacBlock, SampleRate: uint32(o.Rate), NChannels: uint8(channels), BitsPerSample: 16,
		NSamples: uint64(s.left),
	}
	var err error
	if s.enc, err = flac.NewEncoder(s.w, info, flacComment(o.Comment)...); err != nil {
		return nil, fmt.Errorf("listen: write: %w", err)
	}
	s.frame.Header = frame.Header{HasFixedBlockSize: true, SampleRate: uint32(o.Rate), BitsPerSample: 16, Channels: frame.ChannelsMono}
	if channels == 2 {
		s.frame.Channels = frame.ChannelsLR // two people have nothing in common that would save bits
	}
	for range channels {
		s.frame.Subframes = append(s.frame.Subframes, &frame.Subframe{Samples: make([]int32, 0, flacBlock+pcm.MaxSamples)})
	}
	return s, nil
}

// flacComment puts comments like "TITLE=a call" into a block of their own.
func flacComment(list []string) []*meta.Block {
	c := &meta.VorbisComment{Vendor: "cordboard"}
	for _, line := range list {
		if name, value, ok := strings.Cut(line, "="); ok {
			c.Tags = append(c.Tags, [2]string{name, value})
		}
	}
	if len(c.Tags) == 0 {
		return nil
	}
	return []*meta.Block{{Header: meta.Header{Type: meta.TypeVorbisComment}, Body: c}}
}

func (s *flacSink) frame20(channels [][]int16) error {
	for i, c := range channels {
		f := s.frame.Subframes[i]
		for _, x := range c {
			f.Samples = append(f.Samples, int32(x))
		}
	}
	s.left -= int64(len(channels[0]))
	if len(s.frame.Subframes[0].Samples) < flacBlock {
		return nil
	}
	return s.block(flacBlock)
}

// block writes the first n samples that wait.
func (s *flacSink) block(n int) error {
	waiting := make([][]int32, len(s.frame.Subframes))
	s.frame.BlockSize = uint16(n)
	for i, f := range s.frame.Subframes {
		waiting[i] = f.Samples
		// "Verbatim" asks the encoder to look for what is shortest.
		f.SubHeader, f.NSamples, f.Samples, f.RiceSubframe = frame.SubHeader{Pred: frame.PredVerbatim}, n, f.Samples[:n], nil
	}
	err := s.enc.WriteFrame(&s.frame)
	if err != nil { // the encoder's errors hide what they are about
		err = errors.Join(s.w.Flush(), err)
	}
	for i, f := range s.frame.Subframes {
		f.Samples = waiting[i][:copy(waiting[i], waiting[i][n:])]
	}
	return err
}

func (s *flacSink) close() error {
	if s.left != 0 {
		return fmt.Errorf("listen: %d samples more were announced than made", s.left)
	}
	if n := len(s.frame.Subframes[0].Samples); n > 0 {
		if err := s.block(n); err != nil {
			return err
		}
	}
	return s.w.Flush()
}
