package mixer

import (
	"fmt"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// codecs is the number of values of media.Codec, for arrays by codec.
const codecs = media.Opus + 1

// stream is an encoder at work. It belongs to the shard.
type stream struct {
	encoder   codec.Encoder
	resampler *pcm.Resampler          // where the mix has another rate than the encoder takes
	effort    int32                   // the engine's effort the encoder is set to
	ran       uint64                  // the room's tick in which it last encoded
	resampled uint64                  // the room's tick in which the resampler last ran
	past      *[primers + 1]pcm.Frame // what it encoded last; nil for codecs that remember nothing
	kept      int                     // frames in past since the last reset, the next one goes to kept % len(past)
}

// primers is how many of the frames a listener heard last an encoder is given that it moves to. In the
// three frames after a move, speech has this segmental SNR against an encoder that was never left (SILK
// and CELT, 8 and 48 kHz): 11 to 16 dB with none, 12 to 20 with one, 19 to 28 with two. Two encoders of
// the same speech agree no better than that anywhere, so more gain nothing.
const primers = 2

func newStream(enc codec.Encoder, k key) *stream {
	s := &stream{encoder: enc, resampler: k.resampler()}
	if k.format.Codec == media.Opus {
		s.past = new([primers + 1]pcm.Frame)
	}
	return s
}

// keep remembers a frame that was encoded. There is room for one more than is asked for, since an encoder
// may have gone on by the time a listener that left it needs what it heard.
func (s *stream) keep(f *pcm.Frame) {
	if s.past == nil {
		return
	}
	k := &s.past[s.kept%len(s.past)]
	k.SetRate(f.Rate())
	copy(k.Samples(), f.Samples())
	s.kept++
}

// before gives what was encoded right before a tick, oldest first, and reports whether that is known. ran
// is the last tick before it.
func (s *stream) before(tick, ran uint64) (past [primers]*pcm.Frame, ok bool) {
	end := s.kept
	switch s.ran {
	case tick:
		end--
	case ran:
	default:
		return past, false
	}
	if end < primers {
		return past, false
	}
	for i := range past {
		past[i] = &s.past[(end-primers+i)%len(s.past)]
	}
	return past, true
}

// Under DTX a silent listener gets a few frames of silence, so that what its decoder goes on with is
// silence even if one is lost, and from then on one now and then, which keeps bindings in routers alive.
const (
	firstQuiet   = 3
	refreshQuiet = 20 // ticks: 400 ms, as Opus encoders do
)

// opusSilence is 20 ms of digital silence: fullband CELT, mono (RFC 6716 section 3.1), with the silence
// flag set (section 4.3) and no more.
var opusSilence = []byte{0xf8, 0xff, 0xfe}

// can prepares the payload of silence for each codec. For those that code every frame in as many bits it
// is what their encoder settles on.
func (e *Engine) can() error {
	e.canned[media.Opus] = opusSilence
	for _, c := range []media.Codec{media.PCMU, media.PCMA, media.G722} {
		enc, err := e.cfg.NewEncoder(media.Format{Codec: c}, c.Rate())
		if err != nil {
			return fmt.Errorf("mixer: encode silence: %w", err)
		}
		var silence pcm.Frame
		silence.Reset(c.Rate())
		payload := make([]byte, codec.MaxPayload)
		var n int
		for range 10 {
			if n, err = enc.Encode(payload, &silence); err != nil {
				return fmt.Errorf("mixer: encode silence: %w", err)
			}
		}
		e.canned[c] = payload[:n:n]
		e.cfg.PutEncoder(enc)
	}
	return nil
}

// music is the engine's hold music in one codec, played once on each shard for all who are held there.
type music struct {
	source  media.Source
	encoder codec.Encoder
	tick    uint64 // the shard's tick the payload is for
	frame   pcm.Frame
	buf     [codec.MaxPayload]byte
	payload []byte
	level   uint8
}

// musicFor finds or starts the shard's hold music in a codec; nil where the engine has none. The caller is
// not the shard.
func (s *shard) musicFor(e *Engine, c media.Codec) (*music, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m := s.music[c].Load(); m != nil || e.cfg.Music == nil {
		return m, nil
	}
	m := &music{source: e.cfg.Music()}
	rate := c.Rate()
	f := media.Format{Codec: c}
	if c == media.Opus {
		rate = m.source.Rate()
		f.Bitrate, f.Complexity = 32000, 5
	}
	var err error
	if m.encoder, err = e.cfg.NewEncoder(f, rate); err != nil {
		return nil, fmt.Errorf("mixer: encode hold music: %w", err)
	}
	m.frame.Reset(rate)
	s.music[c].Store(m)
	return m, nil
}

// play gives the payload of the shard's tick, encoding it when it is the first to ask.
func (m *music) play(sc *scratch) {
	if m.tick == sc.tick {
		sc.counts.shared++
		return
	}
	m.tick = sc.tick
	m.source.ReadFrame(&m.frame)
	m.level = pcm.Level(m.frame.Samples())
	n, err := m.encoder.Encode(m.buf[:], &m.frame)
	sc.counts.encodes++
	if err != nil {
		sc.counts.encodeErrors++
		n = 0
	}
	m.payload = m.buf[:n]
}
