// Package listen makes the copy of a recording that people hear: the customer left, everybody else right, or
// all on one channel, in one file of a usual format. It is made of the tracks after the call, by a Worker that leaves most of
// the machine to the calls that run. The tracks stay what counts; a copy can be made again at any time.
//
//	tracks > decoders > one time line > edits (pauses) > left and right > Ogg Opus, WAV or FLAC
package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/ogg"
)

// Format is the format of a copy.
type Format string

// The formats.
const (
	Opus Format = "opus" // Ogg Opus, 48 kHz
	WAV  Format = "wav"  // 16-bit linear
	FLAC Format = "flac" // 16-bit, without loss
)

// ErrMP3 says why there are no copies in MP3.
var ErrMP3 = errors.New("listening copies cannot be made as mp3: no MP3 encoder may be linked into this program " +
	"(docs/adr/0014); use opus, or convert a flac or wav copy")

// Check reports whether copies can be made in a format; its error says which formats there are.
func (f Format) Check() error {
	switch f {
	case Opus, WAV, FLAC:
		return nil
	case "mp3":
		return ErrMP3
	}
	return fmt.Errorf("%q is none of %s, %s and %s", string(f), Opus, WAV, FLAC)
}

// Type is the format's media type.
func (f Format) Type() string {
	switch f {
	case WAV:
		return "audio/wav"
	case FLAC:
		return "audio/flac"
	}
	return "audio/ogg; codecs=opus"
}

// Suffix is what names of files in the format end with.
func (f Format) Suffix() string {
	switch f {
	case WAV:
		return ".wav"
	case FLAC:
		return ".flac"
	}
	return ".ogg"
}

// Track is one party's track: Ogg Opus, or samples of G.711 in a WAV file.
type Track struct {
	Left     bool          // the customer's; all others go right
	Offset   time.Duration // of its begin on the recording's time line
	Duration time.Duration // audio behind it is left out
	Open     func() (io.ReadCloser, error)
}

// Edit changes the time line of the copy at a place in the tracks.
type Edit struct {
	At     time.Duration // in the tracks
	Skip   time.Duration // of the tracks, left out
	Insert time.Duration // silence in their place
	Marker bool          // a short soft tone that says: here something is missing
}

// Options say how the copy is made. The zero Options make Ogg Opus.
type Options struct {
	Format  Format
	Mono    bool     // all parties on one channel, the only one of the file
	Rate    pcm.Rate // 0: 48 kHz for Opus, 16 kHz for WAV and FLAC
	Bitrate int      // of Opus, in bits a second for all channels; 0: 48000 for two, 32000 for one
	Edits   []Edit   // in any order
	Comment []string // comments of an Opus or FLAC file, as "TITLE=..."
	Serial  uint32   // of the Opus stream
	// Pace, when there is one, is called after each 200 ms of audio; it may wait. Its error ends the copy.
	Pace func(context.Context) error
}

// Info describes a copy.
type Info struct {
	Duration time.Duration
	Format   Format
}

// pacing is how many frames are made between two calls of Pace.
const pacing = 10

// copier is a copy in the making.
type copier struct {
	rate   pcm.Rate
	tracks []*source
	out    sink
	pace   func(context.Context) error
	made   int64 // frames
	beep   []int16
	mixed  [][]int16 // a frame of each channel: of one, or of the left and the right one
}

// sink takes frames of one or two channels, 20 ms long, and does not keep them.
type sink interface {
	frame20(channels [][]int16) error
	close() error
}

// Make writes a copy of the tracks to w. Times are rounded to 20 ms. The error is ctx's, Pace's, w's, or that
// of a track that cannot be opened or is of no form there is; where a track is merely damaged there is silence.
func Make(ctx context.Context, w io.Writer, tracks []Track, o Options) (info Info, err error) {
	if err := o.complete(); err != nil {
		return Info{}, err
	}
	c := &copier{rate: o.Rate, pace: o.Pace, beep: beep(o.Rate)}
	for range o.channels() {
		c.mixed = append(c.mixed, make([]int16, o.Rate.Samples()))
	}
	defer func() {
		for _, t := range c.tracks {
			err = errors.Join(err, t.close())
		}
	}()
	var end int64
	for i, t := range tracks {
		s, err := openSource(t, o.Rate)
		if err != nil {
			return Info{}, fmt.Errorf("listen: track %d: %w", i, err)
		}
		c.tracks = append(c.tracks, s)
		end = max(end, s.end)
	}
	edits, total := plan(o.Edits, end)
	if c.out, err = newSink(w, o, total); err != nil {
		return Info{}, err
	}
	at := int64(0)
	for _, e := range edits {
		if err := c.copy(ctx, at, e.at); err != nil {
			return Info{}, err
		}
		if err := c.edit(ctx, e); err != nil {
			return Info{}, err
		}
		at = e.at + e.skip
	}
	if err := c.copy(ctx, at, end); err != nil {
		return Info{}, err
	}
	if err := c.out.close(); err != nil {
		return Info{}, fmt.Errorf("listen: write: %w", err)
	}
	return Info{Duration: time.Duration(c.made) * pcm.Period, Format: o.Format}, nil
}

func (o *Options) complete() error {
	if o.Format == "" {
		o.Format = Opus
	}
	if err := o.Format.Check(); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if o.Rate == 0 {
		o.Rate = pcm.Rate16k
		if o.Format == Opus {
			o.Rate = pcm.Rate48k
		}
	}
	if !o.Rate.Valid() {
		return fmt.Errorf("listen: no such rate: %v", o.Rate)
	}
	if o.Bitrate == 0 {
		o.Bitrate = 48000
		if o.Mono {
			o.Bitrate = 32000
		}
	}
	return nil
}

func (o Options) channels() int {
	if o.Mono {
		return 1
	}
	return 2
}

// cut is an Edit in frames.
type cut struct {
	at, skip, insert int64
	marker           bool
}

func frames(d time.Duration) int64 { return max(0, int64((d+pcm.Period/2)/pcm.Period)) }

// plan puts the edits in order, keeps them off each other and inside the tracks, and tells the length of the
// copy in frames.
func plan(edits []Edit, end int64) (list []cut, total int64) {
	for _, e := range edits {
		list = append(list, cut{frames(e.At), frames(e.Skip), frames(e.Insert), e.Marker})
	}
	slices.SortStableFunc(list, func(a, b cut) int { return int(min(max(a.at-b.at, -1), 1)) })
	at := int64(0)
	total = end
	for i := range list {
		e := &list[i]
		stop := min(max(e.at+e.skip, at), end)
		e.at = min(max(e.at, at), end)
		e.skip = stop - e.at
		if e.marker {
			e.insert = max(e.insert, beepFrames)
		}
		at = stop
		total += e.insert - e.skip
	}
	return list, total
}

// copy writes the tracks from frame from to frame to.
func (c *copier) copy(ctx context.Context, from, to int64) error {
	n := c.rate.Samples()
	right := len(c.mixed) - 1 // which is the left one's place where there is only one
	for at := from; at < to; at++ {
		var sums [2][pcm.MaxSamples]int32
		for _, t := range c.tracks {
			place := right
			if t.left {
				place = 0
			}
			t.add(sums[place][:n], at)
		}
		for k, out := range c.mixed {
			for i := range out {
				out[i] = clip(sums[k][i])
			}
		}
		if err := c.write(ctx); err != nil {
			return err
		}
	}
	return nil
}

func clip(x int32) int16 { return int16(min(max(x, -32768), 32767)) }

// edit writes the silence and the marker that stand for what is skipped.
func (c *copier) edit(ctx context.Context, e cut) error {
	for i := range min(e.insert, 1<<40) {
		for _, out := range c.mixed {
			clear(out)
			if n := len(out); e.marker && int(i+1)*n <= len(c.beep) {
				copy(out, c.beep[int(i)*n:])
			}
		}
		if err := c.write(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) write(ctx context.Context) error {
	if err := c.out.frame20(c.mixed); err != nil {
		return fmt.Errorf("listen: write: %w", err)
	}
	c.made++
	if c.made%pacing != 0 {
		return nil
	}
	if c.pace != nil {
		return c.pace(ctx)
	}
	return ctx.Err()
}

// source is a track being read.
type source struct {
	left    bool
	start   int64 // frames on the time line
	end     int64
	rate    pcm.Rate
	file    io.Closer
	packets *Packets
	dec     codec.Decoder
	buf     []int16 // decoded and not yet given
	scratch []int16
	skip    int   // samples of the look-ahead still to drop
	at      int64 // frame that buf begins with
	over    bool
}

func openSource(t Track, rate pcm.Rate) (*source, error) {
	f, err := t.Open()
	if err != nil {
		return nil, err
	}
	p, err := NewPackets(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	d, err := codec.NewDecoder(p.Codec)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	start := frames(t.Offset)
	return &source{
		left: t.Left, start: start, end: start + frames(t.Duration), at: start, rate: rate, file: f, packets: p, dec: d,
		scratch: make([]int16, int(codec.MaxDuration/pcm.Period)*rate.Samples()), skip: p.Skip * int(rate) / 48000,
	}, nil
}

func (s *source) close() error {
	codec.PutDecoder(s.dec)
	return s.file.Close()
}

// add adds the track's frame at the time line's frame at to sum. Frames before it that nobody asked for are
// decoded and dropped, so that the decoder is in step.
func (s *source) add(sum []int32, at int64) {
	n := len(sum)
	if at < s.start || at >= s.end {
		return
	}
	for ; s.at <= at; s.at++ {
		s.fill(n)
		if s.at == at {
			for i, x := range s.buf[:min(n, len(s.buf))] {
				sum[i] += int32(x)
			}
		}
		s.buf = s.buf[:copy(s.buf, s.buf[min(n, len(s.buf)):])]
	}
}

// fill decodes until n samples are there or the file ends. A packet that cannot be decoded is silence.
func (s *source) fill(n int) {
	for len(s.buf) < n && !s.over {
		p, err := s.packets.Next()
		if err != nil {
			s.over = true // the end, or nothing behind can be read
			return
		}
		got, err := s.dec.Decode(s.scratch, p, s.rate)
		if err != nil {
			samples, err := ogg.PacketSamples(p)
			if err != nil || s.packets.Codec != media.Opus {
				samples = ogg.PacketDuration
			}
			got = min(samples*int(s.rate)/48000, len(s.scratch))
			clear(s.scratch[:got])
		}
		drop := min(s.skip, got)
		s.skip -= drop
		s.buf = append(s.buf, s.scratch[drop:got]...)
	}
}
