package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/wave"
	"github.com/cordboard/cordboard/signaling/wire"
)

// phone is a party that sends G.711: each frame is other bytes than the one before.
type phone struct {
	leg    string
	law    media.Codec
	rate   pcm.Rate // the room reads it at
	at     int
	frame  pcm.Frame
	packet [wave.FrameSize]byte
}

// tapped is the phone's next frame, as the room gives it.
func (p *phone) tapped() media.Tapped {
	for i := range p.packet {
		p.packet[i] = byte(0x80 | (p.at*31+i*7)&0x7f) // both laws: nothing that decodes as something else does
	}
	p.at++
	if p.rate == 0 {
		p.rate = pcm.Rate8k
	}
	p.frame.Reset(p.rate)
	for i := range p.frame.Samples() {
		p.frame.Samples()[i] = g711.Table(p.law)[p.packet[i*8000/int(p.rate)]]
	}
	return media.Tapped{Member: p.leg, Kind: media.Audio, In: &p.frame, Sent: p.law, Samples: p.packet[:]}
}

// tape is what a track of samples holds.
type tape struct {
	law     media.Codec
	samples []byte
}

func readTape(t *testing.T, b []byte) tape {
	t.Helper()
	law, n, err := wave.ReadHead(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return tape{law, b[n:]}
}

// frames is the tape from one frame to another.
func (p tape) frames(from, to int) []byte {
	return p.samples[min(len(p.samples), from*wave.FrameSize):min(len(p.samples), to*wave.FrameSize)]
}

func (p tape) silent(from, to int) bool {
	b := p.frames(from, to)
	return len(b) == (to-from)*wave.FrameSize && bytes.Count(b, []byte{wave.Silence(p.law)}) == len(b)
}

// tick gives a recording one frame of each party, and writes out as often as when ticks take their time.
func tick(rec *Recording, at *uint64, frames ...media.Tapped) {
	rec.Tick(*at, frames)
	*at++
	if *at%20 == 0 {
		rec.mu.Lock()
		rec.lastFlush = time.Time{}
		rec.mu.Unlock()
		rec.write(time.Now())
	}
}

// TestSamplesAreKept: between silence the track has what the party sent, byte for byte: from a late start, over
// silence that it says and packets that never come, a pause, and the end. Nothing is encoded.
func TestSamplesAreKept(t *testing.T) {
	for _, law := range []media.Codec{media.PCMU, media.PCMA} {
		for _, sealed := range []bool{false, true} {
			t.Run(fmt.Sprint(law, sealed), func(t *testing.T) {
				cfg := testConfig(t.TempDir())
				if sealed {
					cfg.Keys = sealedConfig(t).Keys
				}
				g := newRig(t, cfg)
				rec := start(t, g, customer)
				p := &phone{leg: "leg_c", law: law, rate: pcm.Rate48k}
				var at uint64
				var want []byte
				quiet := bytes.Repeat([]byte{wave.Silence(law)}, wave.FrameSize)
				say := func(n int) {
					for range n {
						tick(rec, &at, p.tapped())
						want = append(want, p.packet[:]...)
					}
				}
				instead := func(n int, f media.Tapped) {
					f.Member = "leg_c"
					for range n {
						tick(rec, &at, f)
						want = append(want, quiet...)
					}
				}
				instead(30, media.Tapped{Kind: media.Absent})
				say(100)
				instead(5, media.Tapped{Kind: media.Silence, Sent: law})
				say(20)
				instead(7, media.Tapped{Kind: media.Absent, Sent: law})
				instead(7, media.Tapped{Kind: media.Audio, Sent: law, In: &p.frame, Samples: p.packet[:], Muted: true})
				// A frame that counts as silence is kept as it came, too.
				f := p.tapped()
				f.Kind = media.Silence
				tick(rec, &at, f)
				want = append(want, p.packet[:]...)
				say(20)
				if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil {
					t.Fatal(err)
				}
				for range 100 { // said in the pause
					tick(rec, &at, p.tapped())
					want = append(want, quiet...)
				}
				if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
					t.Fatal(err)
				}
				say(60)
				w, err := rec.Stop(t.Context(), "hangup")
				if err != nil {
					t.Fatal(err)
				}
				g.await(t, "recording.stored", w.ID)
				name := "customer-1.wav"
				if sealed {
					name += sealedSuffix
				}
				if len(w.Tracks) != 1 || w.Tracks[0].Object != name || w.Tracks[0].Codec != strings.ToLower(law.String()) ||
					w.Tracks[0].OffsetMS != 0 || w.Tracks[0].DurationMS != w.DurationMS {
					t.Fatalf("tracks %+v of %d ms", w.Tracks, w.DurationMS)
				}
				in, size, kind, err := g.OpenTrack(t.Context(), w.ID, "customer-1")
				if err != nil || kind != "audio/wav" {
					t.Fatalf("open: %q, %v", kind, err)
				}
				b, err := io.ReadAll(in)
				if err = errors.Join(err, in.Close()); err != nil || int64(len(b)) != size {
					t.Fatalf("%d of %d bytes, %v", len(b), size, err)
				}
				got := readTape(t, b)
				if got.law != law || !bytes.Equal(got.samples, want) {
					for i := range min(len(want), len(got.samples)) {
						if want[i] != got.samples[i] {
							t.Fatalf("%v: %d bytes for %d, the first difference in frame %d", got.law, len(got.samples), len(want), i/wave.FrameSize)
						}
					}
					t.Fatalf("%v: %d bytes for %d", got.law, len(got.samples), len(want))
				}
				m, err := readManifest(filepath.Dir(g.archived(w, ManifestName)))
				if err != nil || m.Version != 2 || m.Counters.Encoded != 0 || m.Counters.Companded != 0 || m.Counters.Reused != 201 {
					t.Errorf("manifest: version %d, %+v, %v", m.Version, m.Counters, err)
				}
			})
		}
	}
}

// TestMadeUpSamples: what the jitter buffer has stretched or made up is in the track as the room heard it, at whatever
// rate that was; behind a pause it is silence.
func TestMadeUpSamples(t *testing.T) {
	for _, rate := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k} {
		g := newRig(t, testConfig(t.TempDir()))
		rec := start(t, g, customer)
		v := newVoice(t, "leg_c", 500, rate, false)
		law := make([]byte, wave.FrameSize)
		var at uint64
		say := func(n int, kind media.Kind, whole bool) {
			for range n {
				f := v.tapped(t)
				f.Sent, f.Kind = media.PCMU, kind
				if whole {
					for i := range law {
						var b [1]byte
						g711.EncodeMu(b[:], f.In.Samples()[i*int(rate)/8000:][:1])
						law[i] = b[0]
					}
					f.Samples = law
				}
				tick(rec, &at, f)
			}
		}
		say(50, media.Audio, true)
		say(3, media.Concealed, false)
		say(47, media.Audio, true)
		say(50, media.Audio, false) // stretched, as it were
		if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil {
			t.Fatal(err)
		}
		say(20, media.Audio, true)
		if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
			t.Fatal(err)
		}
		say(5, media.Concealed, false)
		say(45, media.Audio, true)
		w, err := rec.Stop(t.Context(), "hangup")
		if err != nil {
			t.Fatal(err)
		}
		g.await(t, "recording.stored", w.ID)
		if len(w.Tracks) != 1 {
			t.Fatalf("%v: %+v", rate, w.Tracks)
		}
		got := readTape(t, readFile(t, g.archived(w, "customer-1.wav")))
		pcmu := make([]int16, len(got.samples))
		g711.Decode(pcmu, got.samples, g711.Table(media.PCMU))
		for i := 0; i < 150; i += 2 {
			if p := power(pcmu[i*160:(i+2)*160], 500); p < -14 || p > -11 {
				t.Errorf("%v: %.1f dB in frame %d", rate, p, i)
			}
		}
		if !got.silent(150, 175) || got.silent(176, 177) {
			t.Errorf("%v: the pause and what was made up behind it are not silence, or more is", rate)
		}
		m, err := readManifest(filepath.Dir(g.archived(w, ManifestName)))
		if err != nil || m.Counters.Companded != 53 || m.Counters.Encoded != 0 {
			t.Errorf("%v: %+v, %v", rate, m.Counters, err)
		}
		g.stop(t)
	}
}

// TestPartyChangesItsVoice: noise suppression in the middle of a call, another codec, and back. Each kind of voice has
// a track, all on one time line; the listening copy has all of them.
func TestPartyChangesItsVoice(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	p := &phone{leg: "leg_c", law: media.PCMU}
	wide, opus := newVoice(t, "leg_c", 700, pcm.Rate16k, false), newVoice(t, "leg_c", 900, pcm.Rate48k, true)
	var at uint64
	var first, last []byte
	for range 50 {
		tick(rec, &at, p.tapped())
		first = append(first, p.packet[:]...)
	}
	for range 50 { // suppressed
		f := wide.tapped(t)
		f.Sent, f.Processed, f.Samples = media.PCMU, true, p.packet[:]
		tick(rec, &at, f)
	}
	for range 50 {
		tick(rec, &at, p.tapped())
		last = append(last, p.packet[:]...)
	}
	for range 50 { // Opus by a re-INVITE
		f := opus.tapped(t)
		f.Sent = media.Opus
		tick(rec, &at, f)
	}
	p.law = media.PCMA
	for range 50 {
		tick(rec, &at, p.tapped())
	}
	w, err := rec.Stop(t.Context(), "hangup")
	if err != nil {
		t.Fatal(err)
	}
	g.await(t, "recording.stored", w.ID)
	var said []string
	for _, tr := range w.Tracks {
		said = append(said, fmt.Sprintf("%s %s %d+%d", tr.Object, tr.Codec, tr.OffsetMS, tr.DurationMS))
	}
	if got, want := strings.Join(said, ", "), "customer-1.wav pcmu 0+3000, customer-1-2.ogg opus 1000+3000, customer-1-3.wav pcma 4000+1000"; got != want {
		t.Fatalf("tracks: %s\nwant    %s", got, want)
	}
	mu := readTape(t, readFile(t, g.archived(w, "customer-1.wav")))
	if !bytes.Equal(mu.frames(0, 50), first) || !mu.silent(50, 100) || !bytes.Equal(mu.frames(100, 150), last) {
		t.Error("the samples are not those of the time without suppression")
	}
	opusinfo(t, g.archived(w, "customer-1-2.ogg"))
	s := decode(t, readFile(t, g.archived(w, "customer-1-2.ogg")))
	if a, b := power(stretch(s, 100*time.Millisecond, 900*time.Millisecond), 700), power(stretch(s, 2100*time.Millisecond, 2900*time.Millisecond), 900); a < -20 || b < -20 {
		t.Errorf("%.1f dB while suppressed, %.1f dB of Opus", a, b)
	}
	if x := peak(stretch(s, 1100*time.Millisecond, 1900*time.Millisecond)); x > 10 {
		t.Errorf("the Opus track is not silent meanwhile: %d", x)
	}
	if a := readTape(t, readFile(t, g.archived(w, "customer-1-3.wav"))); a.law != media.PCMA || len(a.samples) != 50*wave.FrameSize {
		t.Errorf("the last second: %v, %d bytes", a.law, len(a.samples))
	}
	m, err := readManifest(filepath.Dir(g.archived(w, ManifestName)))
	if err != nil || len(m.Parties) != 1 || m.Parties[0].Track != "customer-1" || len(m.Chains) != 3 {
		t.Errorf("manifest: %+v, %v", m, err)
	}
	peaks, err := g.Peaks(t.Context(), w.ID)
	if err != nil || len(peaks.Tracks) != 3 || len(peaks.Tracks[0].Peaks) != 30 || peaks.Tracks[0].Peaks[15] > 1 || peaks.Tracks[0].Peaks[25] < 20 {
		t.Errorf("waveforms: %+v, %v", peaks, err)
	}
	copied := decode(t, g.copy(t, w.ID)) // its two channels as one
	if len(copied) < 8*4990 || peak(stretch(copied, 200*time.Millisecond, 800*time.Millisecond)) < 1000 || power(stretch(copied, 1200*time.Millisecond, 1800*time.Millisecond), 700) < -26 {
		t.Errorf("the copy of %d samples lacks something", len(copied))
	}
}

// TestSamplesOrOpus: the policy says whether samples are kept, for a queue and for a call.
func TestSamplesOrOpus(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Policies = []QueuePolicy{{Queue: "support", PolicyConfig: PolicyConfig{G711: wire.G711Opus}}}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	g := newRig(t, cfg)
	for _, c := range []struct {
		queue string
		call  wire.G711Mode
		want  string
	}{{"support", "", "opus"}, {"sales", "", "pcma"}, {"support", wire.G711Samples, "pcma"}, {"sales", wire.G711Opus, "opus"}} {
		rec, err := g.Start(t.Context(), StartRequest{CallID: "call_1", Queue: c.queue, Policy: &wire.RecordingPolicy{G711: c.call}})
		if err != nil {
			t.Fatal(err)
		}
		rec.AddParty(customer)
		p := &phone{leg: "leg_c", law: media.PCMA}
		var at uint64
		for range 50 {
			tick(rec, &at, p.tapped())
		}
		w, err := rec.Stop(t.Context(), "hangup")
		if err != nil || len(w.Tracks) != 1 || w.Tracks[0].Codec != c.want {
			t.Errorf("%+v: %+v, %v", c, w.Tracks, err)
		}
	}
	cfg.Policy.G711 = "flac"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "policy.g711") {
		t.Errorf("validate: %v", err)
	}
}

// TestSilentPartyHasATrack: a party of which nothing ever comes has one of silence, and one that comes late has one
// that begins when it came into the room or a little before it spoke.
func TestSilentPartyHasATrack(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer, agent)
	p := &phone{leg: "leg_a", law: media.PCMA}
	var at uint64
	for i := range 400 {
		c, a := media.Tapped{Member: "leg_c", Kind: media.Absent}, media.Tapped{Member: "leg_a", Kind: media.Absent}
		if i >= 350 {
			a = p.tapped()
		}
		tick(rec, &at, c, a)
	}
	w, err := rec.Stop(t.Context(), "hangup")
	if err != nil || len(w.Tracks) != 2 {
		t.Fatalf("%+v, %v", w.Tracks, err)
	}
	if c, a := w.Tracks[0], w.Tracks[1]; c.Codec != "opus" || c.OffsetMS != 0 || c.DurationMS != 8000 || a.Codec != "pcma" || a.OffsetMS != 2000 || a.DurationMS != 6000 {
		t.Errorf("tracks: %+v", w.Tracks)
	}
}

// TestLongSilenceIsNotWrittenAtOnce: a long pause goes to the disk as it passes; a party that comes back after an hour
// gets another track.
func TestLongSilenceIsNotWrittenAtOnce(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer, agent)
	c, a := &phone{leg: "leg_c", law: media.PCMU}, &phone{leg: "leg_a", law: media.PCMU}
	var at uint64
	for range 20 {
		tick(rec, &at, c.tapped(), a.tapped())
	}
	if _, err := rec.Pause(t.Context(), PauseRequest{Max: 10 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	rec.RemoveParty("leg_a")
	for range 4000 {
		tick(rec, &at, c.tapped())
		if n, _ := rec.spool.behind(time.Now()); n > 1<<20 {
			t.Fatalf("%d bytes at once", n)
		}
	}
	if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
		t.Fatal(err)
	}
	rec.AddParty(agent)
	for range 20 {
		tick(rec, &at, c.tapped(), a.tapped())
	}
	w, err := rec.Stop(t.Context(), "hangup")
	if err != nil {
		t.Fatal(err)
	}
	g.await(t, "recording.stored", w.ID)
	var said []string
	for _, tr := range w.Tracks {
		said = append(said, fmt.Sprintf("%s %d+%d", tr.ID, tr.OffsetMS, tr.DurationMS))
	}
	if got := strings.Join(said, ", "); got != "customer-1 0+80800, agent-2 0+400, agent-2-2 80400+400" {
		t.Errorf("tracks: %s", got)
	}
	if tr := readTape(t, readFile(t, g.archived(w, "customer-1.wav"))); !tr.silent(20, 4020) || tr.silent(4020, 4040) {
		t.Error("the pause is not silent, or more is")
	}
}

func TestTickOfSamplesAllocatesNothing(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	p := &phone{leg: "leg_c", law: media.PCMU}
	frames := []media.Tapped{p.tapped()}
	at := uint64(0)
	if n := testing.AllocsPerRun(500, func() { rec.Tick(at, frames); at++ }); n != 0 {
		t.Errorf("%v allocations per tick", n)
	}
	if _, err := rec.Stop(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
}

// TestOlderManifest: what version 1 wrote is read; what comes after 2 is not.
func TestOlderManifest(t *testing.T) {
	const rest = `,"recording":{"id":"rec_01JD0000000000000000000000","tracks":[{"id":"customer-1","codec":%q,"object":%q}]}}`
	for _, c := range []struct {
		version       int
		codec, object string
		ok            bool
	}{
		{1, "opus", "customer-1.ogg", true},
		{1, "opus", "customer-1.ogg.sealed", true},
		{2, "opus", "customer-1.ogg", true},
		{2, "pcmu", "customer-1.wav", true},
		{2, "pcma", "customer-1.wav.sealed", true},
		{2, "opus", "customer-1.wav", false},
		{2, "pcmu", "customer-1.ogg", false},
		{3, "opus", "customer-1.ogg", false},
		{0, "opus", "customer-1.ogg", false},
	} {
		m, err := ParseManifest(fmt.Appendf(nil, `{"version":%d`+rest, c.version, c.codec, c.object))
		if (err == nil) != c.ok {
			t.Errorf("%+v: %+v, %v", c, m, err)
		}
	}
}
