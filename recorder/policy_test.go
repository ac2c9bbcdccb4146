package recorder

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestRecordPolicyFor(t *testing.T) {
	c := Defaults()
	c.Policy.Keep = Keep{For: time.Hour}
	c.Policies = []QueuePolicy{{Queue: "sales", PolicyConfig: PolicyConfig{Voice: wire.VoiceBoth, CopyFormat: wire.CopyFLAC, Keep: Keep{Forever: true}, Parties: []wire.Role{wire.RoleCustomer}}}}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, queue string
		call        *wire.RecordingPolicy
		want        PolicyConfig
	}{
		{"general", "service", nil, c.Policy},
		{"no queue", "", nil, c.Policy},
		{"queue", "sales", nil, PolicyConfig{Record: RecordOn, Voice: wire.VoiceBoth, Copy: CopyStereo, CopyFormat: wire.CopyFLAC, Keep: Keep{Forever: true}, Parties: []wire.Role{wire.RoleCustomer}}},
		{
			"call", "sales", &wire.RecordingPolicy{Record: wire.RecordOff, Copy: wire.CopyMono, CopyFormat: wire.CopyNone, Parties: []wire.Role{wire.RoleAgent}},
			PolicyConfig{Record: wire.RecordOff, Voice: wire.VoiceBoth, Copy: wire.CopyMono, CopyFormat: wire.CopyNone, Keep: Keep{Forever: true}, Parties: []wire.Role{wire.RoleAgent}},
		},
	} {
		got := c.PolicyFor(x.queue, x.call)
		if got.Record != x.want.Record || got.Voice != x.want.Voice || got.Copy != x.want.Copy || got.CopyFormat != x.want.CopyFormat || got.Keep != x.want.Keep || !slices.Equal(got.Parties, x.want.Parties) {
			t.Errorf("%s: %+v, want %+v", x.name, got, x.want)
		}
	}
	for text, want := range map[string]Keep{"": {}, "forever": {Forever: true}, "90d": {For: 90 * 24 * time.Hour}, "48h": {For: 48 * time.Hour}, "90m": {For: 90 * time.Minute}} {
		var k Keep
		if err := k.UnmarshalText([]byte(text)); err != nil || k != want {
			t.Errorf("%q: %+v, %v", text, k, err)
		}
		b, err := k.MarshalText()
		var again Keep
		if err = errors.Join(err, again.UnmarshalText(b)); err != nil || again != k {
			t.Errorf("%q: written as %q: %+v, %v", text, b, again, err)
		}
	}
	for _, text := range []string{"0d", "-1d", "x", "1", "0s", "-5h", "99999999d"} {
		if err := new(Keep).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestRecordRawAndProcessed: with both voices a party has two tracks on one time line, the one as it came
// and the one as the others hear it; who is not in the policy has none; the copy is made of one voice each.
func TestRecordRawAndProcessed(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Policies = []QueuePolicy{{Queue: "sales", PolicyConfig: PolicyConfig{Voice: wire.VoiceBoth, Parties: []wire.Role{wire.RoleCustomer}, Copy: wire.CopyMono, Keep: Keep{For: time.Hour}}}}
	g := newRig(t, cfg)
	rec, err := g.Start(t.Context(), StartRequest{CallID: "call_1", Queue: "sales", Variables: map[string]string{"order": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if !rec.WantsRaw() {
		t.Error("the room is not told to give voices as they came")
	}
	rec.AddParty(customer)
	rec.AddParty(Party{LegID: "leg_a", Role: wire.RoleAgent, Agent: "maja"})
	before, after := newVoice(t, "leg_c", 500, pcm.Rate16k, false), newVoice(t, "leg_c", 1500, pcm.Rate16k, false)
	agent := newVoice(t, "leg_a", 900, pcm.Rate16k, false)
	for tick := range uint64(150) {
		c := after.tapped(t)
		c.RawIn = before.tapped(t).In
		a := agent.tapped(t)
		a.RawIn = a.In
		rec.Tick(tick+1, []media.Tapped{c, a})
		if tick%20 == 19 {
			rec.mu.Lock()
			rec.drain()
			rec.mu.Unlock()
		}
	}
	rec.SetVariables(map[string]string{"order": "2"})
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	w := g.await(t, "recording.stored", rec.ID())
	if len(w.Tracks) != 2 || w.Tracks[0].ID != "customer-1" || w.Tracks[1].ID != "customer-2-raw" || w.Tracks[1].Voice != wire.VoiceRaw {
		t.Fatalf("tracks: %+v", w.Tracks)
	}
	if w.Agent != "maja" || w.Variables["order"] != "2" || w.KeepUntil == nil || !w.KeepUntil.Equal(w.Ended.Add(time.Hour)) || !slices.Equal(w.Archives, []string{"folder"}) {
		t.Errorf("recording: %+v", w)
	}
	for track, hz := range map[string]float64{"customer-1.ogg": 1500, "customer-2-raw.ogg": 500} {
		s := decode(t, readFile(t, g.archived(w, track)))
		if len(s) < 2*8000 || power(s[4000:16000], hz) < -20 || power(s[4000:16000], 2000-hz) > -45 || power(s[4000:16000], 900) > -45 {
			t.Errorf("%s: %d samples, %.0f dB, other voice %.0f dB, agent %.0f dB", track, len(s), power(s[4000:], hz), power(s[4000:], 2000-hz), power(s[4000:], 900))
		}
	}
	m, err := readManifest(filepath.Dir(g.archived(w, ManifestName)))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Parties) != 3 || m.Parties[2].Role != wire.RoleAgent || m.Parties[2].Track != "" || m.Variables["order"] != "2" {
		t.Errorf("parties: %+v", m.Parties)
	}
	path := filepath.Join(t.TempDir(), "copy.wav")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	open := func(tr wire.Track) (io.ReadCloser, error) { return os.Open(g.archived(w, tr.Object)) }
	if err := errors.Join(WriteCopy(t.Context(), out, m, open, listen.Options{Format: listen.WAV, Rate: pcm.Rate8k}, PauseSilence, false), out.Close()); err != nil {
		t.Fatal(err)
	}
	mono, rate, channels, err := testaudio.DecodeWAV(readFile(t, path))
	if err != nil || channels != 1 || rate != 8000 {
		t.Fatalf("mono copy: %d channels at %d Hz, %v", channels, rate, err)
	}
	if power(mono[4000:16000], 1500) < -20 || power(mono[4000:16000], 500) > -45 {
		t.Errorf("mono copy: %.0f dB, raw voice %.0f dB", power(mono[4000:16000], 1500), power(mono[4000:16000], 500))
	}
}

// TestRecordFallback: when the first archive has refused for long enough the next one gets what waits, the
// recording says where it is, and it is found there; the first one is used again when it works again.
func TestRecordFallback(t *testing.T) {
	s := archivetest.NewGateway(t)
	cfg := s3Config(t.TempDir(), s)
	cfg.Archive.Mode, cfg.Archive.FallbackAfter, cfg.Archive.Order = ArchiveFirst, time.Second, []string{"s3", "folder"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	g := newRig(t, cfg)
	record := func() wire.Recording {
		rec := start(t, g, customer)
		r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false)}}
		r.run(t, rec, 50)
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		return g.await(t, "recording.stored", rec.ID())
	}
	began := time.Now()
	w := record()
	if took := time.Since(began); took < time.Second || !slices.Equal(w.Archives, []string{"folder"}) {
		t.Errorf("stored in %v after %v", w.Archives, took)
	}
	if _, err := os.Stat(g.archived(w, ManifestName)); err != nil {
		t.Error(err)
	}
	if a := g.Archives(); a[0].Name != "s3" || a[0].OK || a[0].Waiting != 0 {
		t.Errorf("archives: %+v", a)
	}
	s.Start(t)
	g.uploads[0].mu.Lock()
	g.uploads[0].next = time.Now()
	g.uploads[0].mu.Unlock()
	w2 := record()
	if !slices.Equal(w2.Archives, []string{"s3"}) {
		t.Errorf("with the first one back: stored in %v", w2.Archives)
	}
	if _, err := os.Stat(g.archived(w2, ManifestName)); !os.IsNotExist(err) {
		t.Errorf("it is in the second one too: %v", err)
	}
	for _, w := range []wire.Recording{w, w2} {
		f, size, _, err := g.OpenTrack(t.Context(), w.ID, "customer-1")
		if err != nil || size == 0 {
			t.Fatalf("open %s: %d, %v", w.ID, size, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	// A lost index learns again where each is.
	g.stop(t)
	if err := os.Remove(filepath.Join(cfg.SpoolDir, indexName)); err != nil {
		t.Fatal(err)
	}
	g = newRig(t, cfg)
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		a, errA := g.Get(w.ID)
		b, errB := g.Get(w2.ID)
		if errA == nil && errB == nil && slices.Equal(a.Archives, []string{"folder"}) && slices.Equal(b.Archives, []string{"s3"}) {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("rebuilt: %v %v, %v %v", a.Archives, errA, b.Archives, errB)
		}
	}
}

func TestRecordArchiveConfig(t *testing.T) {
	for want, set := range map[string]func(*Config){
		"archive.mode":                                    func(c *Config) { c.Archive.Mode = "some" },
		"archive.fallback_after":                          func(c *Config) { c.Archive.FallbackAfter = 0 },
		"archive.order: [\"x\"] does not name each":       func(c *Config) { c.Archive.Order = []string{"x"} },
		"archive.more[0].name":                            func(c *Config) { c.Archive.More = []MoreArchive{{Name: "A b", Folder: "x"}} },
		"archive.more[0].folder: set either":              func(c *Config) { c.Archive.More = []MoreArchive{{Name: "x"}} },
		"archive.more: the name \"folder\" is used twice": func(c *Config) { c.Archive.More = []MoreArchive{{Name: "folder", Folder: "x"}} },
		"archive.more[0].bucket":                          func(c *Config) { c.Archive.More = []MoreArchive{{Name: "x", S3Config: S3Config{Endpoint: "h"}}} },
		"archive.s3.lock_for: 0s is under a minute": func(c *Config) {
			c.Archive.S3 = S3Config{Endpoint: "h", Bucket: "b", AccessKey: "a", SecretKey: "s", Lock: "compliance"}
		},
		"archive.s3.encryption: \"x\"": func(c *Config) {
			c.Archive.S3 = S3Config{Endpoint: "h", Bucket: "b", AccessKey: "a", SecretKey: "s", Encryption: "x"}
		},
		"archive.s3.customer_key_file": func(c *Config) {
			c.Archive.S3 = S3Config{Endpoint: "h", Bucket: "b", AccessKey: "a", SecretKey: "s", TLS: true, Encryption: "c"}
		},
		"archive.s3.tags: \"x\" is not a tag": func(c *Config) {
			c.Archive.S3 = S3Config{Endpoint: "h", Bucket: "b", AccessKey: "a", SecretKey: "s", Tags: []string{"x"}}
		},
		"policy.record: \"maybe\" is none of on, off":                         func(c *Config) { c.Policy.Record = "maybe" },
		"recorder.copy.format: listening copies cannot be made as mp3":        func(c *Config) { c.Copy.Format = "mp3" },
		"recorder.policy.copy_format: listening copies cannot be made as mp3": func(c *Config) { c.Policy.CopyFormat = "mp3" },
		"recorder.policies[0].copy_format: \"aac\"": func(c *Config) {
			c.Policies = []QueuePolicy{{Queue: "sales", PolicyConfig: PolicyConfig{CopyFormat: "aac"}}}
		},
		"recorder.copy.format: \"aac\" is none of opus, wav and flac": func(c *Config) { c.Copy.Format = "aac" },
		"policy.voice":                                       func(c *Config) { c.Policy.Voice = "" },
		"policy.keep: must be \"forever\"":                   func(c *Config) { c.Policy.Keep = Keep{} },
		"policies[0].queue: \"\" is empty":                   func(c *Config) { c.Policies = []QueuePolicy{{}} },
		"policies[1].queue: \"q\" is empty or named twice":   func(c *Config) { c.Policies = []QueuePolicy{{Queue: "q"}, {Queue: "q"}} },
		"policies[0].copy: \"left\" is none of stereo, mono": func(c *Config) { c.Policies = []QueuePolicy{{Queue: "q", PolicyConfig: PolicyConfig{Copy: "left"}}} },
		"policies[0].parties: \"ghost\" is no role": func(c *Config) {
			c.Policies = []QueuePolicy{{Queue: "q", PolicyConfig: PolicyConfig{Parties: []wire.Role{"ghost"}}}}
		},
	} {
		c := Defaults()
		set(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got: %v", want, err)
		}
	}
}

// TestCopyFormatByPolicy: queue and call choose the format of the listening copy, or that there is none by itself.
func TestCopyFormatByPolicy(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Copy.Format, cfg.Copy.CPUPercent = "opus", 100
	cfg.Policies = []QueuePolicy{
		{Queue: "sales", PolicyConfig: PolicyConfig{CopyFormat: wire.CopyFLAC}},
		{Queue: "quiet", PolicyConfig: PolicyConfig{CopyFormat: wire.CopyNone}},
	}
	g := newRig(t, cfg)
	for _, c := range []struct {
		queue  string
		call   wire.CopyFormat
		object string // "": none by itself
		magic  string
		typ    string
	}{
		{"", "", "copy.ogg", "OggS", "audio/ogg; codecs=opus"},
		{"sales", "", "copy.flac", "fLaC", "audio/flac"},
		{"sales", wire.CopyWAV, "copy.wav", "RIFF", "audio/wav"},
		{"sales", wire.CopyNone, "", "OggS", "audio/ogg; codecs=opus"},
		{"quiet", "", "", "OggS", "audio/ogg; codecs=opus"},
		{"quiet", wire.CopyOpus, "copy.ogg", "OggS", "audio/ogg; codecs=opus"},
	} {
		name := c.queue + "/" + string(c.call)
		rec, err := g.Start(t.Context(), StartRequest{CallID: "call_1", Queue: c.queue, Policy: &wire.RecordingPolicy{CopyFormat: c.call}})
		if err != nil {
			t.Fatal(err)
		}
		rec.AddParty(customer)
		r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false)}}
		r.run(t, rec, 60)
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		w := g.await(t, "recording.stored", rec.ID())
		if c.object == "" && g.wantedCopy(w) != "" {
			t.Errorf("%s: gets a copy by itself: %+v", name, w.Policy)
		}
		if c.object != "" {
			for end := time.Now().Add(20 * time.Second); !exists(g.archived(w, c.object)); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s: no %s by itself", name, c.object)
				}
			}
		}
		if body := g.copy(t, w.ID); !strings.HasPrefix(string(body), c.magic) {
			t.Errorf("%s: copy begins with %.4q", name, body)
		}
		f, _, typ, err := g.OpenTrack(t.Context(), w.ID, CopyTrack)
		if err != nil || typ != c.typ {
			t.Fatalf("%s: %q, %v", name, typ, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
