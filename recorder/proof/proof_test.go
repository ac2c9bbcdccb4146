package proof

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// site is a recorder's folders and keys.
type site struct {
	cfg    recorder.Config
	public []ed25519.PublicKey
	keeper seal.Keeper // nil: not sealed
}

func newSite(t testing.TB, sealed bool) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{cfg: recorder.Defaults()}
	s.cfg.SpoolDir, s.cfg.Archive.Folder = filepath.Join(dir, "spool"), filepath.Join(dir, "archive")
	s.cfg.Keys.SignFile = filepath.Join(dir, "sign.pem")
	if sealed {
		s.cfg.Keys.SealFile = filepath.Join(dir, "seal.keys")
		if err := seal.CreateRing(s.cfg.Keys.SealFile); err != nil {
			t.Fatal(err)
		}
		k, err := s.cfg.Keys.Keeper()
		if err != nil {
			t.Fatal(err)
		}
		s.keeper = k
	}
	signer, err := seal.OpenSigner(s.cfg.Keys.SignFile)
	if err != nil {
		t.Fatal(err)
	}
	s.public = []ed25519.PublicKey{signer.Public()}
	return s
}

func (s *site) archive() archive.Archive { return archive.NewFolder(s.cfg.Archive.Folder) }

// start runs a recorder; the function stops it.
func (s *site) start(t testing.TB) (*recorder.Recorder, *event.Bus, func()) {
	t.Helper()
	bus := event.New(1024, 1, time.Now)
	r, err := recorder.New(s.cfg, recorder.Deps{Bus: bus, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("run: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return r, bus, stop
}

func stored(t testing.TB, bus *event.Bus, recID string) wire.Recording {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for cursor := uint64(0); ; {
		list, err := bus.After(ctx, cursor, nil, 100)
		if err != nil {
			t.Fatalf("not stored: %v", err)
		}
		for _, e := range list {
			cursor = e.Seq
			if w, ok := e.Data.(wire.Recording); ok && e.Type == "recording.stored" && w.ID == recID {
				return w
			}
		}
	}
}

// talk gives a recording d of a customer at 500 Hz and an agent at 900 Hz, in real time, so that pages go out
// as they do.
func talk(rec *recorder.Recording, d time.Duration) {
	a, b := testaudio.Tone(500, 16000, 16000, -12), testaudio.Tone(900, 16000, 16000, -12)
	next := time.Now()
	for tick := range uint64(d / pcm.Period) {
		var fa, fb pcm.Frame
		fa.Reset(pcm.Rate16k)
		fb.Reset(pcm.Rate16k)
		at := int(tick) % 50 * 320
		copy(fa.Samples(), a[at:])
		copy(fb.Samples(), b[at:])
		rec.Tick(tick+1, []media.Tapped{{Member: "leg_c", Kind: media.Audio, In: &fa}, {Member: "leg_a", Kind: media.Audio, In: &fb}})
		next = next.Add(pcm.Period)
		time.Sleep(time.Until(next))
	}
}

func begin(t testing.TB, r *recorder.Recorder) *recorder.Recording {
	t.Helper()
	rec, err := r.Start(t.Context(), recorder.StartRequest{CallID: "call_1", From: "+49301234567"})
	if err != nil {
		t.Fatal(err)
	}
	rec.AddParty(recorder.Party{LegID: "leg_c", Role: wire.RoleCustomer})
	rec.AddParty(recorder.Party{LegID: "leg_a", Role: wire.RoleAgent, Agent: "alice"})
	return rec
}

// record makes a recording of two parties and returns its folder in the archive.
func (s *site) record(t testing.TB, d time.Duration) (wire.Recording, string) {
	t.Helper()
	r, bus, stop := s.start(t)
	rec := begin(t, r)
	talk(rec, d)
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	w := stored(t, bus, rec.ID())
	stop()
	list, err := Find(t.Context(), s.archive(), "")
	i := slices.IndexFunc(list, func(f string) bool { return strings.Contains(f, w.ID) })
	if err != nil || i < 0 {
		t.Fatalf("found %q, %v", list, err)
	}
	return w, list[i]
}

func copyTree(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
}

// chunks splits a track by its chain.
func chunks(t testing.TB, dir, track, object string) [][]byte {
	t.Helper()
	c, err := chain.Read(bytes.NewReader(read(t, filepath.Join(dir, track+".chain"))))
	if err != nil || c.Torn {
		t.Fatalf("chain of %s: torn %v, %v", track, c.Torn, err)
	}
	b := read(t, filepath.Join(dir, object))
	var list [][]byte
	for _, l := range c.Links {
		list, b = append(list, b[:l.Length]), b[l.Length:]
	}
	if len(b) != 0 {
		t.Fatalf("%d bytes of %s are in no chunk", len(b), object)
	}
	return list
}

// TestVerifyNamesTheChunk flips, drops, swaps and truncates every chunk of a stored recording.
func TestVerifyNamesTheChunk(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		t.Run(fmt.Sprintf("sealed %v", sealed), func(t *testing.T) {
			s := newSite(t, sealed)
			w, folder := s.record(t, 3*time.Second)
			dir := filepath.Join(s.cfg.Archive.Folder, folder)
			r, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public})
			if err != nil || !r.Signed || r.Sealed != sealed || r.Tracks != 2 || r.Chunks < 10 || r.Recording != w.ID || len(r.Remarks) != 0 {
				t.Fatalf("verify: %+v, %v", r, err)
			}
			damages := map[string]func(c [][]byte, k int) [][]byte{
				"flip": func(c [][]byte, k int) [][]byte {
					c[k] = bytes.Clone(c[k])
					c[k][len(c[k])*3/4] ^= 0x10
					return c
				},
				"drop": func(c [][]byte, k int) [][]byte { return slices.Delete(c, k, k+1) },
				"swap": func(c [][]byte, k int) [][]byte {
					if k+1 == len(c) {
						return nil
					}
					c[k], c[len(c)-1] = c[len(c)-1], c[k]
					return c
				},
				"truncate": func(c [][]byte, k int) [][]byte {
					c[k] = c[k][:len(c[k])/2]
					return c[:k+1]
				},
			}
			n := 0
			for _, tr := range w.Tracks {
				good := chunks(t, dir, tr.ID, tr.Object)
				path := filepath.Join(dir, tr.Object)
				for what, damage := range damages {
					for k := range good {
						b := damage(slices.Clone(good), k)
						if b == nil {
							continue
						}
						write(t, path, bytes.Join(b, nil))
						_, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public})
						var f *chain.Fault
						if !errors.Is(err, ErrBad) || !errors.As(err, &f) || f.Chunk != k || f.Name != w.ID+"/"+tr.Object {
							t.Errorf("%s chunk %d of %s: %v", what, k, tr.Object, err)
						}
						n++
					}
				}
				write(t, path, bytes.Join(good, nil))
			}
			t.Logf("%d damages named", n)
			if _, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public}); err != nil {
				t.Errorf("healed: %v", err)
			}
		})
	}
}

func TestVerifyManifest(t *testing.T) {
	s := newSite(t, true)
	w, folder := s.record(t, time.Second)
	dir := filepath.Join(s.cfg.Archive.Folder, folder)
	verify := func() error {
		_, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public})
		return err
	}
	stranger := newSite(t, false)
	if _, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: stranger.public}); !errors.Is(err, seal.ErrSigner) || !errors.Is(err, ErrBad) {
		t.Errorf("another's key: %v", err)
	}
	if r, err := Verify(t.Context(), s.archive(), folder, Trust{}); err != nil || r.Signed || r.Key != seal.KeyID(s.public[0]) {
		t.Errorf("without a key: %+v, %v", r, err)
	}
	path := filepath.Join(dir, recorder.ManifestName)
	good := read(t, path)
	for what, bad := range map[string][]byte{
		"a number changed": bytes.Replace(good, []byte("+49301234567"), []byte("+49301234568"), 1),
		"cut":              good[:len(good)/2],
		"unsigned":         bytes.Replace(good, []byte(`"signature"`), []byte(`"signatory"`), 1),
		"empty":            nil,
	} {
		write(t, path, bad)
		if err := verify(); !errors.Is(err, ErrBad) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := verify(); !errors.Is(err, ErrUnfinished) || errors.Is(err, ErrBad) {
		t.Errorf("no manifest: %v", err)
	}
	track := filepath.Join(dir, w.Tracks[0].Object)
	whole := read(t, track)
	b := bytes.Clone(whole)
	b[len(b)/2] ^= 1
	write(t, track, b)
	if err := verify(); !errors.Is(err, ErrBad) {
		t.Errorf("no manifest and a flipped bit: %v", err)
	}
	write(t, track, whole)
	write(t, path, good)

	if err := os.Remove(filepath.Join(dir, "key.json")); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public}); err != nil || len(r.Remarks) != 1 || !strings.Contains(r.Remarks[0], "erased") {
		t.Errorf("erased: %+v, %v", r, err) // that it was not changed can still be told
	}
	for _, name := range []string{w.Tracks[0].ID + ".chain", w.Tracks[1].Object} {
		path := filepath.Join(dir, name)
		kept := read(t, path)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := verify(); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "missing") {
			t.Errorf("%s gone: %v", name, err)
		}
		write(t, path, kept)
	}
	if _, err := Verify(t.Context(), s.archive(), "nowhere/", Trust{}); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("nothing there: %v", err)
	}
}

func TestVerifyS3(t *testing.T) {
	g := archivetest.NewGateway(t)
	s := newSite(t, true)
	o := g.Options()
	s.cfg.Archive.S3 = recorder.S3Config{
		Endpoint: o.Endpoint, Bucket: o.Bucket, Region: o.Region, Prefix: "calls", AccessKey: o.AccessKey, SecretKey: o.SecretKey, PathStyle: true,
	}
	w, folder := s.record(t, 2*time.Second)
	o.Prefix = "calls"
	a, err := archive.NewS3(o)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := Find(t.Context(), a, ""); err != nil || len(list) != 1 || list[0] != folder {
		t.Fatalf("found %q, %v", list, err)
	}
	if r, err := Verify(t.Context(), a, folder, Trust{Keys: s.public}); err != nil || r.Tracks != 2 {
		t.Errorf("verify: %+v, %v", r, err)
	}
	if files, err := Export(t.Context(), a, folder, Trust{Keeper: s.keeper}, t.TempDir(), ExportOptions{}); err != nil || len(files) != 3 {
		t.Errorf("export: %q, %v", files, err)
	}
	// Somebody with access to the bucket's disk.
	path := filepath.Join(g.Dir, archivetest.Bucket, "calls", folder, w.Tracks[0].Object)
	b := read(t, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0) // in place, the object's attributes stay
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{b[len(b)-3] ^ 1}, int64(len(b)-3))
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(t.Context(), a, folder, Trust{Keys: s.public})
	var fault *chain.Fault
	c := chunks(t, filepath.Join(s.cfg.Archive.Folder, folder), w.Tracks[0].ID, w.Tracks[0].Object)
	if !errors.As(err, &fault) || fault.Chunk != len(c)-1 {
		t.Errorf("last chunk flipped: %+v, %v", r, err)
	}
}

// tone is the level of a frequency in an exported file's channel.
func tone(t testing.TB, path string, hz float64) float64 {
	t.Helper()
	all, rate, channels, err := testaudio.ReadWAV(path)
	if err != nil || channels != 2 {
		t.Fatalf("%s: %d channels, %v", path, channels, err)
	}
	var left []int16
	for i := 0; i < len(all); i += 2 {
		left = append(left, all[i])
	}
	return testaudio.Level(left[rate/2:rate], hz, float64(rate))
}

func TestExport(t *testing.T) {
	s := newSite(t, true)
	w, folder := s.record(t, 2*time.Second)
	dir := filepath.Join(s.cfg.Archive.Folder, folder)
	err := filepath.WalkDir(s.cfg.Archive.Folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && bytes.Contains(read(t, path), []byte("Opus")) {
			t.Errorf("%s is in clear", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	out := t.TempDir()
	files, err := Export(t.Context(), s.archive(), folder, Trust{Keeper: s.keeper}, out, ExportOptions{Copy: listen.WAV})
	if err != nil || len(files) != 4 {
		t.Fatalf("export: %q, %v", files, err)
	}
	for _, tr := range w.Tracks {
		if b := read(t, filepath.Join(out, w.ID, tr.ID+".ogg")); !bytes.HasPrefix(b, []byte("OggS")) {
			t.Errorf("%s is not Ogg", tr.ID)
		}
	}
	copied := filepath.Join(out, w.ID, "copy.wav")
	if own, other := tone(t, copied, 500), tone(t, copied, 900); own < -15 || other > -50 {
		t.Errorf("left channel: 500 Hz at %.1f dB, 900 Hz at %.1f dB", own, other)
	}
	if _, err := Export(t.Context(), s.archive(), folder, Trust{Keeper: s.keeper}, out, ExportOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another: %v", err)
	}
	other := newSite(t, true)
	left := func(what string, keeper seal.Keeper, want error) {
		t.Helper()
		out := t.TempDir()
		_, err := Export(t.Context(), s.archive(), folder, Trust{Keeper: keeper}, out, ExportOptions{})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		if list, err := os.ReadDir(out); err != nil || len(list) != 0 {
			t.Errorf("%s left %v behind", what, list)
		}
	}
	left("another's key", other.keeper, seal.ErrUnknownKey)
	left("no key", nil, seal.ErrUnknownKey)

	// Keys are rotated: a new one in front, then without the old one.
	old := read(t, s.cfg.Keys.SealFile)
	fresh := seal.GenerateKey()
	both, err := seal.ParseRing(fresh + "\n" + string(old))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Rewrap(t.Context(), s.archive(), "", both, nil); err != nil || r != (Rewrapped{Done: 1}) {
		t.Errorf("rewrap: %+v, %v", r, err)
	}
	if r, err := Rewrap(t.Context(), s.archive(), "", both, nil); err != nil || r != (Rewrapped{Before: 1}) {
		t.Errorf("rewrap again: %+v, %v", r, err)
	}
	left("the old key", s.keeper, seal.ErrUnknownKey)
	alone, err := seal.ParseRing(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), s.archive(), folder, Trust{Keeper: alone}, t.TempDir(), ExportOptions{}); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if _, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public}); err != nil {
		t.Errorf("verify after the rotation: %v", err)
	}

	path := filepath.Join(dir, w.Tracks[1].Object)
	b := read(t, path)
	b[len(b)/2] ^= 1
	write(t, path, b)
	left("damaged", alone, ErrBad)
	if err := os.Remove(filepath.Join(dir, "key.json")); err != nil {
		t.Fatal(err)
	}
	left("erased", alone, recorder.ErrErased)
}

// TestRecoveredVerifies cuts a running recording's files at random places, as a crash does; what a restart
// makes of them is whole, signed and loses no more than what was cut.
func TestRecoveredVerifies(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		t.Run(fmt.Sprintf("sealed %v", sealed), func(t *testing.T) {
			s := newSite(t, sealed)
			r, _, stop := s.start(t)
			rec := begin(t, r)
			talk(rec, 3*time.Second)
			crashed := filepath.Join(s.cfg.SpoolDir, rec.ID())
			snapshot := t.TempDir()
			copyTree(t, crashed, filepath.Join(snapshot, rec.ID()))
			if _, err := Verify(t.Context(), archive.NewFolder(snapshot), rec.ID()+"/", Trust{}); !errors.Is(err, ErrUnfinished) || errors.Is(err, ErrBad) {
				t.Errorf("while it runs: %v", err)
			}
			stop()
			suffix := ".ogg"
			if sealed {
				suffix = ".ogg.sealed"
			}
			for n, tear := range []func(t *testing.T, dir string){
				func(*testing.T, string) {},
				func(t *testing.T, dir string) { cut(t, filepath.Join(dir, "customer-1"+suffix), 7) },
				func(t *testing.T, dir string) { cut(t, filepath.Join(dir, "customer-1"+suffix), 1500) },
				func(t *testing.T, dir string) { cut(t, filepath.Join(dir, "customer-1.chain"), 10) },
				func(t *testing.T, dir string) { cut(t, filepath.Join(dir, "agent-2.chain"), 200) },
				func(t *testing.T, dir string) {
					if err := os.Remove(filepath.Join(dir, "agent-2.chain")); err != nil {
						t.Fatal(err)
					}
				},
				func(t *testing.T, dir string) {
					f, err := os.OpenFile(filepath.Join(dir, "agent-2"+suffix), os.O_APPEND|os.O_WRONLY, 0)
					if err != nil {
						t.Fatal(err)
					}
					_, err = f.WriteString("OggS\x00 and rubbish CBS1")
					if err = errors.Join(err, f.Close()); err != nil {
						t.Fatal(err)
					}
				},
			} {
				again := *s
				base := t.TempDir()
				again.cfg.SpoolDir, again.cfg.Archive.Folder = filepath.Join(base, "spool"), filepath.Join(base, "archive")
				copyTree(t, snapshot, again.cfg.SpoolDir)
				tear(t, filepath.Join(again.cfg.SpoolDir, rec.ID()))
				_, bus, stop := again.start(t)
				w := stored(t, bus, rec.ID())
				stop()
				list, err := Find(t.Context(), again.archive(), "")
				if err != nil || len(list) != 1 {
					t.Fatalf("tear %d: found %q, %v", n, list, err)
				}
				r, err := Verify(t.Context(), again.archive(), list[0], Trust{Keys: s.public})
				if err != nil || !r.Recovered || len(r.Remarks) != 0 || r.Sealed != sealed {
					t.Errorf("tear %d: %+v, %v", n, r, err)
				}
				for _, tr := range w.Tracks {
					if tr.DurationMS < 1400 {
						t.Errorf("tear %d: %s has %d ms of 3 s", n, tr.ID, tr.DurationMS)
					}
				}
				if _, err := Export(t.Context(), again.archive(), list[0], Trust{Keeper: s.keeper}, t.TempDir(), ExportOptions{Copy: listen.Opus}); err != nil {
					t.Errorf("tear %d: export: %v", n, err)
				}
			}

			// Not a crash but a hand: a chunk before the end is another one than the chain says.
			if !sealed {
				again := *s
				base := t.TempDir()
				again.cfg.SpoolDir, again.cfg.Archive.Folder = filepath.Join(base, "spool"), filepath.Join(base, "archive")
				copyTree(t, snapshot, again.cfg.SpoolDir)
				path := filepath.Join(again.cfg.SpoolDir, rec.ID(), "agent-2.chain")
				lines := bytes.SplitAfter(read(t, path), []byte("\n"))
				last := &lines[4][len(lines[4])-2] // a digit of the sum of chunk 3
				if *last == '0' {
					*last = '1'
				} else {
					*last = '0'
				}
				write(t, path, bytes.Join(lines, nil))
				_, bus, stop := again.start(t)
				stored(t, bus, rec.ID())
				stop()
				list, err := Find(t.Context(), again.archive(), "")
				if err != nil {
					t.Fatal(err)
				}
				r, err := Verify(t.Context(), again.archive(), list[0], Trust{Keys: s.public})
				if err != nil || len(r.Remarks) != 1 || !strings.Contains(r.Remarks[0], "chunk 3") {
					t.Errorf("a hand in the spool: %+v, %v", r, err)
				}
			}
		})
	}
}

// cut takes n bytes off the end of a file.
func cut(t *testing.T, path string, n int64) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, max(0, st.Size()-n)); err != nil {
		t.Fatal(err)
	}
}

func TestErase(t *testing.T) {
	s := newSite(t, true)
	w, folder := s.record(t, time.Second)
	if _, err := Export(t.Context(), s.archive(), folder, Trust{Keeper: s.keeper}, t.TempDir(), ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	if id, err := Erase(t.Context(), s.archive(), folder); err != nil || id != w.ID {
		t.Errorf("erase: %s, %v", id, err)
	}
	if _, err := Erase(t.Context(), s.archive(), folder); !errors.Is(err, recorder.ErrErased) {
		t.Errorf("erase again: %v", err)
	}
	if _, err := Export(t.Context(), s.archive(), folder, Trust{Keeper: s.keeper}, t.TempDir(), ExportOptions{}); !errors.Is(err, recorder.ErrErased) {
		t.Errorf("export: %v", err)
	}
	clear := newSite(t, false)
	_, folder = clear.record(t, time.Second)
	if _, err := Erase(t.Context(), clear.archive(), folder); !errors.Is(err, ErrClear) {
		t.Errorf("a clear recording: %v", err)
	}
	if _, err := Erase(t.Context(), clear.archive(), "nowhere/"); !errors.Is(err, ErrUnfinished) {
		t.Errorf("nothing: %v", err)
	}
}
