package recorder

import (
	"math"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// TestRoomsPayload gives a G.711 party's voice with and without the Opus payload that the room made of it for
// a listener, in turns. The party's tone has no hole at any change, and nothing in it is a click. Without frames
// to warm our encoder up with, what is not the tone comes to -22 dB at 8 kHz (SILK) and to -18 dB at 48 (CELT).
func TestRoomsPayload(t *testing.T) {
	for rate, limit := range map[pcm.Rate]struct {
		peak          int
		hole, residue float64
	}{pcm.Rate8k: {11500, -16.5, -25}, pcm.Rate48k: {9500, -14, -36}} {
		g := newRig(t, testConfig(t.TempDir()))
		rec := start(t, g, customer)
		v := newVoice(t, "leg_c", 440, rate, true)
		r := &room{voices: []*voice{v}}
		const turns, length = 12, 25
		for i := range turns {
			v.opus = i%2 == 0
			r.run(t, rec, length)
		}
		w, err := rec.Stop(t.Context(), "hangup")
		if err != nil {
			t.Fatal(err)
		}
		if c := rec.counters; c.Reused != turns/2*length || c.Encoded != turns/2*length {
			t.Errorf("%v: %+v", rate, c)
		}
		w = g.await(t, "recording.stored", w.ID)
		s := decode(t, readFile(t, g.archived(w, "customer-1.ogg")))
		loudest, weakest, worst := 0, math.Inf(1), math.Inf(-1)
		for at := 100 * time.Millisecond; at < 5900*time.Millisecond; at += 5 * time.Millisecond {
			loudest = max(loudest, peak(stretch(s, at, at+5*time.Millisecond)))
			tone := stretch(s, at, at+10*time.Millisecond)
			weakest = min(weakest, power(tone, 440))
			worst = max(worst, residue(tone, 440))
		}
		t.Logf("%v: tone of 8000 at -12.2 dB: peaks %d, weakest 10 ms %.1f dB, what is not the tone at most %.1f dB", rate, loudest, weakest, worst)
		if loudest > limit.peak || weakest < limit.hole || worst > limit.residue {
			t.Errorf("%v: a tone of 8000 at -12.2 dB has peaks of %d, holes of %.1f dB and clicks of %.1f dB", rate, loudest, weakest, worst)
		}
	}
}

// residue is the level of what is left of s at 8 kHz without its share of hz, in dB of full scale.
func residue(s []int16, hz float64) float64 {
	var cc, ss, cs, xc, xs float64 // least squares of a sine and a cosine
	for i, v := range s {
		a := 2 * math.Pi * hz * float64(i) / 8000
		c, n := math.Cos(a), math.Sin(a)
		cc, ss, cs, xc, xs = cc+c*c, ss+n*n, cs+c*n, xc+float64(v)*c, xs+float64(v)*n
	}
	det := cc*ss - cs*cs
	p, q := (xc*ss-xs*cs)/det, (xs*cc-xc*cs)/det
	var sum float64
	for i, v := range s {
		a := 2 * math.Pi * hz * float64(i) / 8000
		d := float64(v) - p*math.Cos(a) - q*math.Sin(a)
		sum += d * d
	}
	return 10*math.Log10(2*sum/float64(len(s))) - 20*math.Log10(32768)
}

// TestPayloadWithoutSamples: a party that is handed on undecoded has a payload and no samples.
func TestPayloadWithoutSamples(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	v := newVoice(t, "leg_c", 440, pcm.Rate48k, true)
	for tick := range uint64(50) {
		f := v.tapped(t)
		f.In = nil
		if tick == 25 { // and one that is lost on the way to us is left to the listener's decoder
			f.Kind, f.Codec, f.Payload = media.Concealed, 0, nil
		}
		rec.Tick(tick, []media.Tapped{f})
	}
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	if c := rec.counters; c.Reused != 49 || c.Encoded != 0 || c.Concealed != 1 || c.Silent != 0 {
		t.Errorf("%+v", c)
	}
}

// TestConcealedPayload: where the room encoded a concealed frame for a listener, that packet is kept.
func TestConcealedPayload(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	v := newVoice(t, "leg_c", 440, pcm.Rate8k, true)
	for tick := range uint64(50) {
		f := v.tapped(t)
		if tick%5 == 0 {
			f.Kind = media.Concealed
		}
		rec.Tick(tick, []media.Tapped{f})
	}
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	if c := rec.counters; c.Reused != 50 || c.Encoded+c.Concealed+c.Silent != 0 {
		t.Errorf("%+v", c)
	}
}

// TestSilenceCostsNoEncode: a silent party is written without an encoder, which is not even made.
func TestSilenceCostsNoEncode(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	v := newVoice(t, "leg_c", 0, pcm.Rate8k, false)
	v.kind = media.Silence
	r := &room{voices: []*voice{v}}
	r.run(t, rec, 100)
	rec.mu.Lock()
	if rec.tracks[0].enc != nil {
		t.Error("silence has an encoder")
	}
	rec.mu.Unlock()
	v.opus, v.kind = true, media.Audio // the party's own packets, then silence again
	e, err := codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}, pcm.Rate8k)
	if err != nil {
		t.Fatal(err)
	}
	defer codec.PutEncoder(e)
	v.enc = e
	r.run(t, rec, 10)
	v.kind = media.Silence
	r.run(t, rec, 90)
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	if c := rec.counters; c.Encoded != 0 || c.Reused != 10 || c.Concealed != maxMissing || c.Silent != 200-10-maxMissing {
		t.Errorf("%+v", c)
	}
}

// TestPauseForgetsThePast: frames kept to warm an encoder up with do not outlive the first tick of a pause.
func TestPauseForgetsThePast(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	v := newVoice(t, "leg_c", 440, pcm.Rate8k, true)
	r := &room{voices: []*voice{v}}
	r.run(t, rec, 9)
	past := (*rec.seats.Load())[0].past
	if past.kept != primers {
		t.Fatalf("%d frames kept", past.kept)
	}
	if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil {
		t.Fatal(err)
	}
	r.run(t, rec, 1)
	if past.kept != 0 || past.frames != [primers]pcm.Frame{} {
		t.Error("a paused recording holds frames")
	}
}

// BenchmarkParty is what one party costs a recording in one tick, from the room's tap to the page.
func BenchmarkParty(b *testing.B) {
	var tone pcm.Frame
	tone.Reset(pcm.Rate8k)
	for i := range tone.Samples() {
		tone.Samples()[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	e, err := codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 24000, Complexity: 5}, pcm.Rate8k)
	if err != nil {
		b.Fatal(err)
	}
	defer codec.PutEncoder(e)
	payload := make([]byte, codec.MaxPayload)
	n, err := e.Encode(payload, &tone)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]media.Tapped{
		"payload": {Kind: media.Audio, In: &tone, Codec: media.Opus, Payload: payload[:n]},
		"silence": {Kind: media.Silence, In: &tone},
		"encode":  {Kind: media.Audio, In: &tone, Codec: media.PCMU, Payload: make([]byte, 160)},
	} {
		b.Run(name, func(b *testing.B) {
			rec := start(b, newRig(b, testConfig(b.TempDir())))
			const parties = 8
			frames := make([]media.Tapped, parties)
			for i := range frames {
				frames[i] = f
				frames[i].Member = string(rune('a' + i))
				rec.AddParty(Party{LegID: frames[i].Member, Role: "customer"})
			}
			b.ReportAllocs()
			b.ResetTimer()
			ticks := uint64(0)
			for ; ticks*parties < uint64(b.N); ticks++ {
				rec.Tick(ticks, frames)
				if ticks%5 == 4 {
					rec.mu.Lock()
					rec.drain()
					rec.mu.Unlock()
				}
			}
			b.StopTimer()
			if _, err := rec.Stop(b.Context(), "hangup"); err != nil || rec.dropped.Load() > 0 {
				b.Errorf("%d ticks dropped, %v", rec.dropped.Load(), err)
			}
		})
	}
}
