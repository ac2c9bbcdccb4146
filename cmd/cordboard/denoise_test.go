package main

import (
	"bytes"
	"context"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/denoise"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/wav"
	"github.com/cordboard/cordboard/mixer"
)

// party is one end of a room: it says the frames of a recording and keeps the frames that are encoded for it.
type party struct {
	rate  pcm.Rate
	say   []int16
	heard []int16
}

func (p *party) Rate() pcm.Rate               { return p.rate }
func (p *party) WriteFrame(media.OutFrame)    {}
func (p *party) Reset()                       {}
func (p *party) Configure(media.Format) error { return nil }

func (p *party) Format() media.Format {
	return media.Format{Codec: map[pcm.Rate]media.Codec{pcm.Rate8k: media.PCMU, pcm.Rate16k: media.G722, pcm.Rate48k: media.Opus}[p.rate]}
}

func (p *party) ReadFrame(f *pcm.Frame) media.Kind {
	f.Reset(f.Rate())
	n := copy(f.Samples(), p.say)
	p.say = p.say[n:]
	if n == 0 {
		return media.Silence
	}
	return media.Audio
}

func (p *party) Encode(_ []byte, f *pcm.Frame) (int, error) {
	if f.Rate() == p.rate {
		p.heard = append(p.heard, f.Samples()...)
	}
	return 0, nil
}

// TestDenoiseIsTheServer: the command gives a file, sample for sample, what somebody in a room hears of a party with the
// same voice, 10 ms earlier. The room switches suppression on in the party's first frame, and has done so 60 ms later.
func TestDenoiseIsTheServer(t *testing.T) {
	for _, rate := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k} {
		n := int(rate)
		said := testaudio.Noise(3, 2*n, -25)
		for i, v := range testaudio.Speech(4, float64(rate), len(said), -20) {
			said[i] += v
		}
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.wav")
		if err := os.WriteFile(in, wav.Encode(wav.Sound{Rate: n, Channels: 1, Samples: said}), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (denoiseCmd{In: in, Out: out, Level: 60, Quiet: true}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		file, err := wav.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		speaker, listener := &party{rate: rate, say: said}, &party{rate: rate}
		synctest.Test(t, func(t *testing.T) {
			e, err := mixer.New(mixer.Config{
				Shards: 1, NewEncoder: func(media.Format, pcm.Rate) (codec.Encoder, error) { return listener, nil }, PutEncoder: func(codec.Encoder) {},
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { _ = e.Run(ctx) }()
			r, err := e.NewRoom("r")
			if err != nil {
				t.Fatal(err)
			}
			listener.heard = nil // of what the engine prepared
			if err := r.Do(ctx, mixer.Join{ID: "l", Leg: listener}, mixer.Join{ID: "s", Leg: speaker},
				mixer.Suppress{ID: "s", By: denoise.New(denoise.Settings{Level: 60})}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
			cancel()
			synctest.Wait()
		})
		late := n / 100
		if len(listener.heard) < len(said) {
			t.Fatalf("%v: %d samples heard of %d", rate, len(listener.heard), len(said))
		}
		for i := 5 * late; i < len(said)-3*late; i++ {
			if file.Samples[i] != listener.heard[i+late] {
				t.Fatalf("%v: sample %d is %d in the file, %d in the room", rate, i, file.Samples[i], listener.heard[i+late])
			}
		}
	}
}

// TestDenoise: both channels of a file come out quieter, of the length and at the rate they came in with.
func TestDenoise(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.wav")
	g := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []int{8000, 16000, 44100, 48000} {
		s := wav.Sound{Rate: rate, Channels: 2, Samples: make([]int16, 2*rate)}
		for i := range s.Samples {
			s.Samples[i] = int16(g.NormFloat64() * 1000)
		}
		if err := os.WriteFile(in, wav.Encode(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (denoiseCmd{In: in, Out: out, Level: 100, Quiet: true}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wav.Decode(b)
		if err != nil || got.Rate != rate || got.Channels != 2 || len(got.Samples) != len(s.Samples) {
			t.Fatalf("%d Hz: %d samples in %d channels at %d Hz, %v", rate, len(got.Samples), got.Channels, got.Rate, err)
		}
		for c := range 2 {
			var sum float64
			for i := rate + c; i < len(got.Samples); i += 2 {
				sum += float64(got.Samples[i]) * float64(got.Samples[i])
			}
			if rms := math.Sqrt(sum / float64(rate/2)); rms > 500 {
				t.Errorf("%d Hz, channel %d: noise of 1000 is still %.0f", rate, c, rms)
			}
		}
	}
	if err := (denoiseCmd{In: in, Out: out, Level: 101}).Run(t.Context()); err == nil {
		t.Error("level 101 was accepted")
	}
	if err := (denoiseCmd{In: filepath.Join(dir, "none.wav"), Out: out}).Run(t.Context()); err == nil {
		t.Error("a file that is not there was accepted")
	}
}

// TestDenoisePipes: a file that comes in through a pipe and whose writer could not fill in its length goes out through
// another, the same as from disk to disk, and nothing else is written there.
func TestDenoisePipes(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.wav")
	file := wav.Encode(wav.Sound{Rate: 44100, Channels: 2, Samples: testaudio.Noise(3, 2*44100, -25)})
	if err := os.WriteFile(in, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (denoiseCmd{In: in, Out: out, Level: 100}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	copy(file[4:8], "\xff\xff\xff\xff")
	copy(file[40:44], "\xff\xff\xff\xff")
	stdin, give, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	take, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	wasIn, wasOut := os.Stdin, os.Stdout
	os.Stdin, os.Stdout = stdin, stdout
	defer func() { os.Stdin, os.Stdout = wasIn, wasOut }()
	go func() {
		_, _ = give.Write(file)
		_ = give.Close()
	}()
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(take)
		got <- b
	}()
	err = (denoiseCmd{In: "-", Out: "-", Level: 100}).Run(t.Context())
	_ = stdout.Close()
	if b := <-got; err != nil || !bytes.Equal(b, want) {
		t.Errorf("%v; %d bytes through pipes, %d from disk to disk, or others", err, len(b), len(want))
	}
}

// TestDenoiseErrors: whoever gives it something wrong is told so in one sentence.
func TestDenoiseErrors(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := put("good.wav", wav.Encode(wav.Sound{Rate: 8000, Channels: 1, Samples: make([]int16, 800)}))
	for _, c := range []struct {
		name string
		cmd  denoiseCmd
		want string
	}{
		{"no such file", denoiseCmd{In: filepath.Join(dir, "none.wav")}, "none.wav cannot be read: no such file or directory"},
		{"a folder", denoiseCmd{In: dir}, "cannot be read: is a directory"},
		{"nothing in it", denoiseCmd{In: put("empty.wav", nil)}, "empty.wav is empty"},
		{"another kind of file", denoiseCmd{In: put("song.mp3", []byte("ID3\x04 and so on and on"))}, "song.mp3 is not a WAV file with plain samples"},
		{"a rate nobody has", denoiseCmd{In: put("slow.wav", wav.Encode(wav.Sound{Rate: 100, Channels: 1, Samples: make([]int16, 8)}))}, "slow.wav: its sample rate of 100 Hz does not lie between 4 and 192 kHz"},
		{"nowhere to write", denoiseCmd{In: good, Out: filepath.Join(dir, "none", "out.wav"), Level: 100}, "the result was not written: "},
		{"too much", denoiseCmd{In: good, Level: 101}, "0 to 100"},
	} {
		if err := c.cmd.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestProgressBar: the bar grows, is drawn once for each percent, and ends its line.
func TestProgressBar(t *testing.T) {
	var b bytes.Buffer
	bar := progressBar(&b)
	for i := range 1001 {
		bar(float64(i) / 1000)
	}
	bar(1)
	steps := strings.Split(b.String(), "\r")[1:]
	if len(steps) != 101 || !strings.Contains(steps[50], "[====================                    ]  50 %") || steps[100] != "["+strings.Repeat("=", 40)+"] 100 %\n" {
		t.Errorf("%d steps, in the middle %q, at the end %q", len(steps), steps[len(steps)/2], steps[len(steps)-1])
	}
}
