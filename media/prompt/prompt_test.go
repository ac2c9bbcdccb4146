package prompt_test

import (
	"hash/fnv"
	"math"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/prompt"
)

var rates = []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k}

// play reads up to d of a source.
func play(s prompt.Source, r pcm.Rate, d time.Duration) (out []int16, kinds []media.Kind) {
	var f pcm.Frame
	for range int(d / pcm.Period) {
		f.SetRate(r)
		kinds = append(kinds, s.ReadFrame(&f))
		out = append(out, f.Samples()...)
	}
	return out, kinds
}

func TestRingback(t *testing.T) {
	for _, c := range []struct {
		country string
		freqs   []float64
		on      time.Duration
		off     time.Duration
	}{
		{"de", []float64{425}, time.Second, 4 * time.Second},
		{"US", []float64{440, 480}, 2 * time.Second, 4 * time.Second},
		{"GB", []float64{400, 450}, 400 * time.Millisecond, 200 * time.Millisecond},
	} {
		for _, r := range rates {
			s := prompt.Ringback(c.country)
			out, kinds := play(s, r, 12*time.Second)
			on := int(c.on.Seconds() * float64(r))
			for _, f := range c.freqs {
				if got := testaudio.Level(out[on/4:on/4*3], f, float64(r)); got < -20 || got > -15 {
					t.Errorf("%s at %v: %v Hz at %.1f dB", c.country, r, f, got)
				}
			}
			off := int(c.off.Seconds() * float64(r))
			if !pcm.Silent(out[on:on+off]) || pcm.Silent(out[on+off:on+off+int(r)/5]) {
				t.Errorf("%s at %v: wrong cadence", c.country, r)
			}
			if kinds[0] != media.Audio || kinds[int((c.on+c.off/2)/pcm.Period)] != media.Silence || s.Done() {
				t.Errorf("%s at %v: kinds %v, done %v", c.country, r, kinds[:4], s.Done())
			}
		}
	}
}

func TestOneShotsEnd(t *testing.T) {
	clip := prompt.NewPCM(testaudio.Tone(500, 8000, 1000, -10), pcm.Rate8k, false)
	for name, c := range map[string]struct {
		source prompt.Source
		want   time.Duration
	}{
		"beep": {prompt.Beep(), 200 * time.Millisecond}, "entry": {prompt.Entry(), 300 * time.Millisecond},
		"exit": {prompt.Exit(), 300 * time.Millisecond}, "clip": {clip, 140 * time.Millisecond},
		"nothing": {prompt.NewPCM(nil, pcm.Rate8k, true), 0}, "no tone": {prompt.NewTone(-10, true), 0},
	} {
		out, kinds := play(c.source, pcm.Rate16k, time.Second)
		n := int(c.want / pcm.Period)
		if !c.source.Done() || kinds[n] != media.Absent || n > 0 && kinds[n-1] != media.Audio {
			t.Errorf("%s: done %v, kinds %v", name, c.source.Done(), kinds[:n+1])
		}
		if !pcm.Silent(out[n*320:]) {
			t.Errorf("%s: sound after the end", name)
		}
	}
}

// Whatever changes its rate in the middle goes on without a click and without a shift.
func TestRateChanges(t *testing.T) {
	sources := map[string]func() prompt.Source{
		"tone": func() prompt.Source {
			return prompt.NewTone(-10, true, prompt.Step{Freqs: [2]float64{400}, For: 10 * time.Second})
		},
		"clip": func() prompt.Source {
			return prompt.NewPCM(testaudio.Tone(400, 16000, 16000, -10), pcm.Rate16k, true)
		},
	}
	for name, make := range sources {
		for _, from := range rates {
			for _, to := range rates {
				s := make()
				play(s, from, 200*time.Millisecond)
				got, _ := play(s, to, 200*time.Millisecond)
				steady, _ := play(make(), to, 400*time.Millisecond)
				for i, want := range steady[len(got):] {
					if d := int(got[i]) - int(want); d > 3 || d < -3 {
						t.Fatalf("%s, %v to %v: sample %d is %d, want %d", name, from, to, i, got[i], want)
					}
				}
			}
		}
	}
}

func TestMusic(t *testing.T) {
	m := prompt.NewMusic()
	out, _ := play(m, pcm.Rate16k, 64*time.Second)
	h := fnv.New64a()
	half := len(out) / 2
	for i, s := range out[:half] {
		if s != out[half+i] {
			t.Fatalf("the second round differs at %d", i)
		}
		h.Write([]byte{byte(s), byte(s >> 8)})
	}
	again, _ := play(prompt.NewMusic(), pcm.Rate16k, 32*time.Second)
	if _, likeness := testaudio.Align(again, out, 0); likeness < 0.99999 {
		t.Error("two players differ")
	}
	if got := testaudio.RMS(out); math.Abs(got+24) > 0.5 {
		t.Errorf("level %.1f dB, want -24", got)
	}
	peak := int16(0)
	for _, s := range out {
		peak = max(peak, s, -s)
	}
	if peak > 12000 {
		t.Errorf("peak %d", peak)
	}
	if gaps := testaudio.Gaps(out, 30, 1600); len(gaps) > 0 {
		t.Errorf("gaps %v", gaps)
	}
	if clicks := testaudio.Clicks(out[31*16000:33*16000], 16000, 6); len(clicks) > 0 {
		t.Errorf("clicks at %v", clicks)
	}
	var high float64 // nothing where a telephone has nothing
	for f := 3600.0; f < 8000; f += 400 {
		high = max(high, testaudio.Level(out[:16000], f, 16000)+100)
	}
	if high > 20 {
		t.Errorf("sound above 3600 Hz at %.1f dB", high-100)
	}
	t.Logf("hash %x, peak %d", h.Sum64(), peak)
}

func TestNoAllocation(t *testing.T) {
	for name, s := range map[string]prompt.Source{"music": prompt.NewMusic(), "ringback": prompt.Ringback("us")} {
		var f pcm.Frame
		i := 0
		if n := testing.AllocsPerRun(60, func() {
			f.SetRate(rates[i/20%3])
			i++
			s.ReadFrame(&f)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkMusic(b *testing.B) {
	for _, r := range rates {
		b.Run(r.String(), func(b *testing.B) {
			m := prompt.NewMusic()
			var f pcm.Frame
			f.SetRate(r)
			b.ReportAllocs()
			for b.Loop() {
				m.ReadFrame(&f)
			}
		})
	}
}
