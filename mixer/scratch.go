package mixer

import (
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// scratch is what a tick needs while it runs, shared by all rooms of a shard since they run one by one.
type scratch struct {
	now    time.Time // when the shard's tick began
	tick   uint64
	gate   uint8
	effort int32
	shed   bool
	ago    time.Duration // how long ago the tick should have been that is made up for; 0: it is this one
	naps   int           // how often a room began to doze

	// The room's tick.
	needed   uint32 // sources that somebody hears in a mix
	playing  uint32 // sources that are there
	open     uint32 // of those, with an open gate
	voiced   uint32 // that speak
	sounding uint32 // whose frame holds anything but silence
	skipped  uint32 // that were not decoded

	frames  [maxSources]pcm.Frame // by source slot
	levels  [maxSources]uint8
	kinds   [maxSources]media.Kind
	recent  [MaxMembers][primers]pcm.Frame // what sources ended with that are no longer handed on
	recents [MaxMembers]int                // how many frames of it there are
	raw     [MaxMembers]pcm.Frame          // before processors, for the tap
	spoken  [MaxMembers]spoken
	classes [maxEars]class
	sum     [pcm.MaxSamples]int32
	total   struct { // of everything heard at one rate; mask is 0 where it does not pay
		mask uint32
		rate pcm.Rate
		sum  [pcm.MaxSamples]int32
	}
	mixed   pcm.Frame
	silence pcm.Frame
	coded   struct { // the mix at an encoder's rate, 0 where there is none yet
		to    pcm.Rate
		frame pcm.Frame
	}
	payload [codec.MaxPayload]byte
	counts  counts
}

// forgetEvery is how often, in ticks, audio is overwritten that no tick will need: half a second.
const forgetEvery = 25

// forget overwrites the audio of the last tick. What somebody said must not stay in memory because nobody
// has said anything since.
func (sc *scratch) forget() {
	clear(sc.frames[:])
	clear(sc.recent[:])
	clear(sc.raw[:])
	clear(sc.spoken[:])
	clear(sc.sum[:])
	clear(sc.total.sum[:])
	clear(sc.payload[:])
	sc.mixed, sc.coded.frame = pcm.Frame{}, pcm.Frame{}
}

// wipe forgets what a stream has heard. Its encoder is somebody else's.
func (s *stream) wipe() {
	if s.past != nil {
		*s.past = [primers + 1]pcm.Frame{}
	}
	if s.resampler != nil {
		s.resampler.Reset(s.resampler.From(), s.resampler.To())
	}
}

// forget makes the encoders forget what they heard that have had nothing to do for a while. An encoder may have gone
// on without its resampler, where another one's brought the same mix to the same rate.
func (p *plan) forget(tick uint64) {
	for i := range p.stock {
		s := p.stock[i].stream
		if s.resampler != nil && s.resampled != 0 && tick-s.resampled > forgetEvery {
			s.resampler.Reset(s.resampler.From(), s.resampler.To())
			s.resampled = 0
		}
		if s.ran != 0 && tick-s.ran > forgetEvery {
			s.encoder.Reset()
			s.ran, s.kept = 0, 0
			s.wipe()
		}
	}
}
