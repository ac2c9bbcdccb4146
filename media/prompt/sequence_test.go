package prompt_test

import (
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/prompt"
)

func TestSequence(t *testing.T) {
	clip := func(v int16, frames int) *prompt.Clip {
		s := make([]int16, frames*pcm.Rate16k.Samples())
		for i := range s {
			s[i] = v
		}
		return prompt.NewPCM(s, pcm.Rate16k, false)
	}
	s := prompt.NewSequence(clip(100, 2), clip(0, 0), clip(200, 1))
	var f pcm.Frame
	for i, want := range []int16{100, 100, 200} {
		f.Reset(pcm.Rate16k)
		if k := s.ReadFrame(&f); k != media.Audio || f.Samples()[7] != want {
			t.Fatalf("frame %d: %v, %d, want %d", i, k, f.Samples()[7], want)
		}
	}
	f.Reset(pcm.Rate16k)
	if k := s.ReadFrame(&f); k != media.Absent || !s.Done() {
		t.Fatalf("after the end: %v", k)
	}
	long := prompt.NewSequence(clip(1, 300), clip(2, 300))
	if n := testing.AllocsPerRun(200, func() { f.Reset(pcm.Rate16k); long.ReadFrame(&f) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
