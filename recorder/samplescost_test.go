package recorder

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/recorder/wave"
	"github.com/cordboard/cordboard/signaling/wire"
)

// BenchmarkSamples is a party and second of G.711, speech over noise: kept as it came, and encoded.
func BenchmarkSamples(b *testing.B) {
	speech := telephone(b, "../cmd/cordboard/caller/caller.opus")
	for _, mode := range []wire.G711Mode{wire.G711Samples, wire.G711Opus} {
		b.Run(string(mode), func(b *testing.B) {
			g := newRig(b, testConfig(b.TempDir()))
			rec, err := g.Start(b.Context(), StartRequest{CallID: "call_1", Policy: &wire.RecordingPolicy{G711: mode}})
			if err != nil {
				b.Fatal(err)
			}
			rec.AddParty(customer)
			at, began := uint64(0), cpu(b)
			for b.Loop() {
				for range 50 {
					tick(rec, &at, speech[at%uint64(len(speech))])
				}
			}
			w, err := rec.Stop(b.Context(), "test")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64((cpu(b)-began).Microseconds())/float64(w.Tracks[0].DurationMS), "ms-cpu/s")
			b.ReportMetric(float64(w.Tracks[0].Bytes)*60/float64(w.Tracks[0].DurationMS), "kB/min")
		})
	}
}

// telephone is a voice from an Ogg Opus file as frames of a party that sends mu-law.
func telephone(b *testing.B, path string) (frames []media.Tapped) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	packets, err := ogg.NewPackets(f)
	if err != nil {
		b.Fatal(err)
	}
	d, err := codec.NewDecoder(media.Opus)
	if err != nil {
		b.Fatal(err)
	}
	defer codec.PutDecoder(d)
	buf := make([]int16, 8000)
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			b.Fatal(err)
		}
		in, samples := new(pcm.Frame), make([]byte, wave.FrameSize)
		in.Reset(pcm.Rate8k)
		if n, err := d.Decode(buf, p, pcm.Rate8k); err != nil || n != len(samples) {
			b.Fatalf("%d samples, %v", n, err)
		}
		g711.EncodeMu(samples, buf[:len(samples)])
		g711.Decode(in.Samples(), samples, g711.Table(media.PCMU))
		frames = append(frames, media.Tapped{Member: "leg_c", Kind: media.Audio, In: in, Sent: media.PCMU, Samples: samples})
	}
}
