// Package load is the outside of a media server: parties that send prepared speech and listen to what comes
// back. A Generator keeps the 20 ms rhythm of all of them from one goroutine on slots of a millisecond, so
// that packets reach the server spread over the tick as they do in life, and from one socket, so that
// generating costs little. It measures what a party would notice: packets that never came, holes, the delay
// of a burst from its first sample sent to its first sample received, frames in which a steady tone is gone.
// It also measures itself: how late its own slots began, since a late generator says nothing about a server.
//
// The time line of a probe, with d what is reported:
//
//	sent      ______|burst|______________________   onset in our own packet, decoded by our own decoder
//	received  ______________|burst|______________   onset in the decoded packet that came back
//	                <---d--->
package load

import (
	"fmt"
	"math"

	"github.com/hraban/opus"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
)

// Codec is how a party's audio travels.
type Codec struct {
	Name string // as in SDP and in cordboard's API
	PT   uint8
	Step uint32 // RTP clock ticks in 20 ms
	Rate pcm.Rate
}

// The codecs a party can speak.
var (
	Opus = Codec{Name: "opus", PT: 111, Step: 960, Rate: pcm.Rate48k}
	PCMU = Codec{Name: "pcmu", PT: 0, Step: 160, Rate: pcm.Rate8k}
)

// ParseCodec finds a codec by name.
func ParseCodec(name string) (Codec, error) {
	for _, c := range []Codec{Opus, PCMU} {
		if c.Name == name {
			return c, nil
		}
	}
	return Codec{}, fmt.Errorf("load: no codec %q, it is opus or pcmu", name)
}

// Stream is a party's voice, encoded beforehand: payloads of 20 ms, played round and round. Read-only once
// made, so that all parties share it.
type Stream struct {
	Codec   Codec
	Packets [][]byte
	// onsets says for each packet at which sample, counted at 48 kHz, a burst begins in it; -1 for none. Nil
	// for a stream without bursts.
	onsets []int
}

const (
	frames      = 50 // a second
	burstPeriod = 1.0
	burstFrom   = 0.4
	burstTo     = 0.46
	burstHz     = 1000
	burstPeak   = 12000
	toneHz      = 800
	tonePeak    = 10000
	onsetLevel  = 3000 // a sample beyond it, after quiet, is an onset
	onsetQuiet  = 5    // frames
	opusBitrate = 32000
	opusEffort  = 8 // complexity of what we send; decoding it costs the server the same at any
)

// Voices are the streams of one codec.
type Voices struct {
	Speech, Comfort, Bursts, Tone *Stream
}

// NewVoices encodes all streams of a codec from real speech at 16 kHz. fec is the loss in percent the Opus
// encoder is told to expect; 0 leaves in-band FEC out.
func NewVoices(c Codec, speech []int16, fec int) (*Voices, error) {
	v := new(Voices)
	for _, s := range []struct {
		to      **Stream
		samples []int16
	}{
		{&v.Speech, resample(speech, pcm.Rate16k, c.Rate)},
		{&v.Comfort, synth(c.Rate, 10, comfort)},
		{&v.Bursts, synth(c.Rate, 10, burst)},
		{&v.Tone, synth(c.Rate, 10, tone)},
	} {
		st, err := encode(c, s.samples, fec)
		if err != nil {
			return nil, err
		}
		*s.to = st
	}
	return v, v.Bursts.findOnsets()
}

func tone(t float64) float64 { return tonePeak * math.Sin(2*math.Pi*toneHz*t) }

func burst(t float64) float64 {
	if p := math.Mod(t, burstPeriod); p < burstFrom || p >= burstTo {
		return 0
	}
	return burstPeak * math.Sin(2*math.Pi*burstHz*t)
}

// comfort is noise of a few units, the same in every run: a quiet room on a good microphone.
func comfort(t float64) float64 {
	x := math.Sin(t*12.9898e3) * 43758.5453
	return math.Floor((x-math.Floor(x))*9) - 4
}

func synth(r pcm.Rate, seconds int, f func(t float64) float64) []int16 {
	s := make([]int16, int(r)*seconds)
	for i := range s {
		s[i] = int16(f(float64(i) / float64(r)))
	}
	return s
}

func resample(s []int16, from, to pcm.Rate) []int16 {
	if from == to {
		return s
	}
	// The resampler knows 8 and 16 kHz to and from 48 kHz; 16 to 8 takes both steps.
	if from != pcm.Rate48k && to != pcm.Rate48k {
		return resample(resample(s, from, pcm.Rate48k), pcm.Rate48k, to)
	}
	r := pcm.NewResampler(from, to)
	var out []int16
	n := from.Samples()
	buf := make([]int16, to.Samples())
	for i := 0; i+n <= len(s); i += n {
		out = append(out, buf[:r.Process(buf, s[i:i+n])]...)
	}
	return out
}

func encode(c Codec, samples []int16, fec int) (*Stream, error) {
	s := &Stream{Codec: c}
	n := c.Rate.Samples()
	if c == PCMU {
		for i := 0; i+n <= len(samples); i += n {
			b := make([]byte, n)
			g711.EncodeMu(b, samples[i:i+n])
			s.Packets = append(s.Packets, b)
		}
		return s, nil
	}
	e, err := opus.NewEncoder(int(c.Rate), 1, opus.AppVoIP)
	if err != nil {
		return nil, fmt.Errorf("load: opus encoder: %w", err)
	}
	if err := e.SetBitrate(opusBitrate); err != nil {
		return nil, fmt.Errorf("load: opus bitrate: %w", err)
	}
	if err := e.SetComplexity(opusEffort); err != nil {
		return nil, fmt.Errorf("load: opus complexity: %w", err)
	}
	if fec > 0 {
		if err := e.SetInBandFEC(true); err != nil {
			return nil, fmt.Errorf("load: opus fec: %w", err)
		}
		if err := e.SetPacketLossPerc(fec); err != nil {
			return nil, fmt.Errorf("load: opus expected loss: %w", err)
		}
	}
	buf := make([]byte, 1500)
	for i := 0; i+n <= len(samples); i += n {
		k, err := e.Encode(samples[i:i+n], buf)
		if err != nil {
			return nil, fmt.Errorf("load: opus encode: %w", err)
		}
		s.Packets = append(s.Packets, append([]byte(nil), buf[:k]...))
	}
	return s, nil
}

// findOnsets decodes the stream as a listener would and notes where bursts begin, so that what the codec
// itself adds appears on both sides of a delay. It goes round twice, since at the seam of the loop a decoder
// has another past than at its start, and Opus makes up to a frame's difference of that.
func (s *Stream) findOnsets() error {
	e, err := newEars(s.Codec)
	if err != nil {
		return err
	}
	s.onsets = make([]int, len(s.Packets))
	for range 2 {
		for i, p := range s.Packets {
			s.onsets[i] = -1
			if at, ok := e.onset(e.decode(p)); ok {
				s.onsets[i] = at
			}
		}
	}
	return nil
}

// ears decode what a party hears and look for onsets in it. One goroutine at a time.
type ears struct {
	codec Codec
	opus  *opus.Decoder
	pcm   []int16
	quiet int // frames since the last loud one
}

func newEars(c Codec) (*ears, error) {
	e := &ears{codec: c, pcm: make([]int16, 5760), quiet: 100}
	if c == Opus {
		d, err := opus.NewDecoder(int(pcm.Rate48k), 1)
		if err != nil {
			return nil, fmt.Errorf("load: opus decoder: %w", err)
		}
		e.opus = d
	}
	return e, nil
}

// decode gives the samples of a payload, none of a bad one. The samples are valid until the next call.
func (e *ears) decode(payload []byte) []int16 {
	if e.opus == nil {
		n := g711.Decode(e.pcm, payload[:min(len(payload), len(e.pcm))], g711.Table(media.PCMU))
		return e.pcm[:n]
	}
	n, err := e.opus.Decode(payload, e.pcm)
	if err != nil {
		return nil
	}
	return e.pcm[:n]
}

// onset says where in the frame, in samples at 48 kHz, sound begins after a quiet stretch.
func (e *ears) onset(samples []int16) (at int, ok bool) {
	for i, v := range samples {
		if v > onsetLevel || v < -onsetLevel {
			ok = e.quiet > onsetQuiet
			e.quiet = 0
			return i * int(pcm.Rate48k) / int(e.codec.Rate), ok
		}
	}
	e.quiet++
	return 0, false
}

// gone says whether most of the tone is missing from a frame: less than 70 % of its level.
func gone(samples []int16) bool {
	if len(samples) == 0 {
		return true
	}
	var sum float64
	for _, v := range samples {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum/float64(len(samples))) < tonePeak/math.Sqrt2*0.7
}
