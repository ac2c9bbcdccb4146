package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/seal"
)

// recorded makes n sealed recordings and returns the archive's folder and the configuration they were made
// with, a file.
func recorded(t *testing.T, n int, extra string) (folder, config string) {
	t.Helper()
	dir := t.TempDir()
	if err := seal.CreateRing(filepath.Join(dir, "seal.keys")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "audit"), 0o700); err != nil { // as a server does
		t.Fatal(err)
	}
	config = filepath.Join(dir, "cordboard.toml")
	text := fmt.Sprintf("audit_dir = %q\nkey_dir = %q\n[recorder]\nspool_dir = %q\n[recorder.keys]\nseal_file = %q\n[recorder.archive]\nfolder = %q\n%s",
		filepath.Join(dir, "audit"), filepath.Join(dir, "keys"), filepath.Join(dir, "spool"), filepath.Join(dir, "seal.keys"), filepath.Join(dir, "archive"), extra)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configFlag{config}.recorder()
	if err != nil {
		t.Fatal(err)
	}
	r, err := recorder.New(cfg, recorder.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for range n {
		rec, err := r.Start(ctx, recorder.StartRequest{CallID: "call_1"})
		if err != nil {
			t.Fatal(err)
		}
		rec.AddParty(recorder.Party{LegID: "leg_c", Role: "customer"})
		var f pcm.Frame
		f.Reset(pcm.Rate8k)
		for tick := range uint64(150) {
			for i := range f.Samples() {
				f.Samples()[i] = int16(tick)*37*int16(i) | 1
			}
			rec.Tick(tick+1, []media.Tapped{{Member: "leg_c", Kind: media.Audio, In: &f}})
			if tick%25 == 24 {
				time.Sleep(150 * time.Millisecond) // so that it is written
			}
		}
		if _, err := rec.Stop(ctx, "hangup"); err != nil {
			t.Fatal(err)
		}
	}
	for limit := time.Now().Add(20 * time.Second); r.Stats().Waiting > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("not stored")
		}
	}
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return filepath.Join(dir, "archive"), config
}

// command runs a command line as main does and returns what it prints and its exit status.
func command(t *testing.T, args ...string) (string, string, int) {
	t.Helper()
	var c cli
	k, err := kong.New(&c, kong.Name("cordboard"), kong.Vars{"demodir": demoDir()}, kong.BindTo(t.Context(), (*context.Context)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	var out bytes.Buffer
	switch args[0] {
	case "verify":
		err = c.Verify.run(t.Context(), &out)
	case "export":
		err = c.Export.run(t.Context(), &out)
	case "erase":
		err = c.Erase.run(t.Context(), &out)
	case "rewrap":
		err = c.Rewrap.run(t.Context(), &out)
	}
	if err != nil {
		return out.String(), err.Error(), exitStatus(err)
	}
	return out.String(), "", 0
}

func TestVerifyCommand(t *testing.T) {
	folder, config := recorded(t, 2, "")
	out, _, status := command(t, "verify", "-c", config, folder)
	if status != 0 || strings.Count(out, ": good: 1 tracks") != 2 || !strings.Contains(out, "signed by") || strings.Contains(out, "not checked") {
		t.Fatalf("status %d: %s", status, out)
	}
	tracks, err := filepath.Glob(filepath.Join(folder, "*", "*", "*", "rec_*", "customer-1.ogg.sealed"))
	if err != nil || len(tracks) != 2 {
		t.Fatalf("%q, %v", tracks, err)
	}
	one := filepath.Dir(tracks[0])
	if out, _, status := command(t, "verify", "-c", config, one); status != 0 || strings.Count(out, "good") != 1 {
		t.Errorf("one: status %d: %s", status, out)
	}
	if out, msg, status := command(t, "verify", one); status != 1 || !strings.Contains(out, "not checked") || strings.Contains(out, "good") {
		t.Errorf("without a key: status %d: %s%s", status, out, msg)
	}
	if out, _, status := command(t, "verify", "-c", config, one); status != 0 || !strings.Contains(out, "opened by its key") {
		t.Errorf("with the keys that wrap: status %d: %s", status, out)
	}

	f, err := os.Open(filepath.Join(one, "customer-1.chain"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := chain.Read(f)
	if err = errors.Join(err, f.Close()); err != nil || len(c.Links) < 5 {
		t.Fatalf("%d chunks, %v", len(c.Links), err)
	}
	offset := 0
	for _, l := range c.Links[:4] {
		offset += l.Length
	}
	b, err := os.ReadFile(tracks[0])
	if err != nil {
		t.Fatal(err)
	}
	b[offset+40] ^= 1
	if err := os.WriteFile(tracks[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, msg, status := command(t, "verify", "-c", config, folder)
	if status != exitBad || !strings.Contains(out, fmt.Sprintf("customer-1.ogg.sealed: chunk 4 at byte %d has been changed", offset)) ||
		strings.Count(out, "good") != 1 || msg != "verify: 1 of 2 recordings are not what was recorded" {
		t.Errorf("flipped: status %d: %s%s", status, out, msg)
	}
	if _, msg, status := command(t, "export", "-c", config, "-o", t.TempDir(), one); status != exitBad || !strings.Contains(msg, "chunk 4") {
		t.Errorf("export of it: status %d: %s", status, msg)
	}
	if err := os.Remove(filepath.Join(one, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	b[offset+40] ^= 1
	if err := os.WriteFile(tracks[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, status := command(t, "verify", "-c", config, one); status != 1 || !strings.Contains(out, "no manifest") {
		t.Errorf("no manifest: status %d: %s", status, out)
	}
	for what, args := range map[string][]string{
		"no such folder":      {"verify", filepath.Join(folder, "none")},
		"no recording":        {"verify", t.TempDir()},
		"a file":              {"verify", tracks[0]},
		"no bucket":           {"verify", "s3://recordings/x"},
		"no such key":         {"verify", "--key", filepath.Join(folder, "none"), folder},
		"several":             {"export", "-c", config, folder},
		"several to erase":    {"erase", "--no-audit", "--yes", folder},
		"no seal key":         {"export", "--no-audit", "-o", t.TempDir(), filepath.Dir(tracks[1])},
		"nothing to wrap by":  {"rewrap", "--no-audit", folder},
		"not an s3 address":   {"verify", "s3://"},
		"no such config file": {"verify", "-c", filepath.Join(folder, "none"), folder},
	} {
		if _, msg, status := command(t, args...); status != 1 || msg == "" || strings.Contains(msg, "\n") {
			t.Errorf("%s: status %d: %q", what, status, msg)
		}
	}
}

func TestExportCommand(t *testing.T) {
	g := archivetest.NewGateway(t)
	folder, config := recorded(t, 1, fmt.Sprintf("[recorder.archive.s3]\nendpoint = %q\nbucket = %q\nprefix = \"calls\"\naccess_key = %q\nsecret_key = %q\ntls = false\n",
		g.Addr, archivetest.Bucket, archivetest.AccessKey, archivetest.SecretKey))
	for _, place := range []string{folder, "s3://" + archivetest.Bucket + "/calls", "s3://" + archivetest.Bucket} {
		if out, msg, status := command(t, "verify", "-c", config, place); status != 0 || !strings.Contains(out, "good") {
			t.Errorf("verify %s: status %d: %s%s", place, status, out, msg)
		}
		to := t.TempDir()
		out, msg, status := command(t, "export", "-c", config, "-o", to, "--copy", "wav", "--marker", place)
		files := strings.Fields(out)
		if status != 0 || len(files) != 3 {
			t.Fatalf("export %s: status %d: %s%s", place, status, out, msg)
		}
		for i, head := range []string{"OggS", "RIFF", "{"} {
			b, err := os.ReadFile(files[i])
			if err != nil || !bytes.HasPrefix(b, []byte(head)) {
				t.Errorf("%s: %.4q, %v", files[i], b, err)
			}
		}
		if out, _, status := command(t, "rewrap", "-c", config, place); status != 0 || out != "0 keys wrapped anew, 1 had the current key\n" {
			t.Errorf("rewrap %s: status %d: %s", place, status, out)
		}
	}
	for _, place := range []string{folder, "s3://" + archivetest.Bucket} {
		for _, want := range []string{"is erased here", "had been erased before"} {
			if out, msg, status := command(t, "erase", "-c", config, "--yes", place); status != 0 || !strings.Contains(out, want) {
				t.Errorf("erase %s: status %d: %s%s", place, status, out, msg)
			}
		}
		if _, msg, status := command(t, "export", "-c", config, "-o", t.TempDir(), place); status != 1 || !strings.Contains(msg, "erased") {
			t.Errorf("export of an erased recording: status %d: %s", status, msg)
		}
		if out, _, status := command(t, "verify", "-c", config, place); status != 0 || !strings.Contains(out, "note: the key of this recording has been erased") {
			t.Errorf("verify of an erased recording: status %d: %s", status, out)
		}
	}
}

// TestCommandsByID: a recording's id is enough for every command, and each leaves its line in the audit log.
func TestCommandsByID(t *testing.T) {
	folder, config := recorded(t, 2, "")
	dir := filepath.Dir(config)
	log, err := audit.Open(filepath.Join(dir, "audit"), nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := filepath.Glob(filepath.Join(folder, "*", "*", "*", "rec_*"))
	if err != nil || len(list) != 2 {
		t.Fatalf("%q, %v", list, err)
	}
	recID := filepath.Base(list[0])
	ring, err := os.ReadFile(filepath.Join(dir, "seal.keys"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "seal.keys"), append([]byte(seal.GenerateKey()+"\n"), ring...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		want   string
		action string
	}{
		{[]string{"verify", "-c", config, recID}, recID + ": good", "recording.verified"},
		{[]string{"export", "-c", config, "-o", t.TempDir(), recID}, recID, "recording.exported"},
		{[]string{"rewrap", "-c", config, recID}, "1 keys wrapped anew, 0 had", "recording.key_rewrapped"},
		{[]string{"erase", "-c", config, "--yes", recID}, recID + ": its key is erased", "recording.key_erased"},
	} {
		out, msg, status := command(t, c.args...)
		if status != 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s: status %d: %s%s", c.args[0], status, out, msg)
		}
		last, _, err := log.List(audit.Filter{Limit: 1})
		if err != nil || len(last) != 1 || last[0].Action != c.action || last[0].Object != recID || last[0].Actor == "" || last[0].From != "command line" {
			t.Errorf("%s: the audit log ends with %+v, %v", c.args[0], last, err)
		}
	}
	none := id.New(id.Recording)
	for _, name := range []string{"verify", "export", "rewrap"} {
		if _, msg, status := command(t, name, "-c", config, none); status != 1 || !strings.Contains(msg, "no recording "+none) {
			t.Errorf("%s of a recording that is not there: status %d: %s", name, status, msg)
		}
	}
}

// TestVerifyNeedsItsKey: a configured key that is not there does not pass for a check, nor does another recording in the
// folder that is named.
func TestVerifyNeedsItsKey(t *testing.T) {
	folder, config := recorded(t, 2, "")
	list, err := filepath.Glob(filepath.Join(folder, "*", "*", "*", "rec_*"))
	if err != nil || len(list) != 2 {
		t.Fatalf("%q, %v", list, err)
	}
	sign := filepath.Join(filepath.Dir(config), "keys", "recordings", "sign.pem")
	public := filepath.Join(t.TempDir(), "public.pem")
	keys, err := seal.LoadPublic(sign)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(public, seal.EncodePublic(keys[0]), 0o600), os.Rename(sign, sign+".away")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
	}{
		{[]string{"verify", "-c", config, list[0]}, 1},
		{[]string{"verify", "-c", config, "--key", public, list[0]}, 0},
		{[]string{"export", "-c", config, "-o", t.TempDir(), list[0]}, 1},
		{[]string{"export", "-c", config, "--key", public, "-o", t.TempDir(), list[0]}, 0},
	} {
		if out, msg, status := command(t, c.args...); status != c.status || status == 1 && !strings.Contains(msg, "--key") {
			t.Errorf("%q: status %d: %s%s", c.args, status, out, msg)
		}
	}
	if err := os.RemoveAll(list[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(list[0], os.DirFS(list[1])); err != nil {
		t.Fatal(err)
	}
	t.Chdir(list[0])
	for _, place := range []string{list[0], "."} {
		if out, _, status := command(t, "verify", "-c", config, "--key", public, place); status != exitBad || !strings.Contains(out, "holds the manifest of") {
			t.Errorf("another recording's folder as %s: status %d: %s", place, status, out)
		}
	}
}

// TestEraseAsksTheServer: a hold that no archive has heard of yet is in the spool, and counts.
func TestEraseAsksTheServer(t *testing.T) {
	folder, config := recorded(t, 1, "")
	list, err := filepath.Glob(filepath.Join(folder, "*", "*", "*", "rec_*"))
	if err != nil || len(list) != 1 {
		t.Fatalf("%q, %v", list, err)
	}
	recID := filepath.Base(list[0])
	custody := filepath.Join(filepath.Dir(config), "spool", "custody", recID+".json")
	text := fmt.Sprintf(`{"version":1,"recording":%q,"hold":{"by":"judge","since":"2026-03-01T10:00:00Z"}}`, recID)
	if err := os.WriteFile(custody, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{list[0], recID} {
		if out, msg, status := command(t, "erase", "-c", config, "--yes", place); status != 1 || !strings.Contains(msg, "legal hold") {
			t.Errorf("%s: status %d: %s%s", place, status, out, msg)
		}
	}
	if _, err := os.Stat(filepath.Join(list[0], "key.json")); err != nil {
		t.Error(err)
	}
	if err := os.Remove(custody); err != nil {
		t.Fatal(err)
	}
	if out, msg, status := command(t, "erase", "-c", config, "--yes", recID); status != 0 {
		t.Errorf("released: status %d: %s%s", status, out, msg)
	}
}

// TestCommandsAreAudited: what takes something out or away is written down before and after, and is not done where that
// cannot be.
func TestCommandsAreAudited(t *testing.T) {
	folder, config := recorded(t, 1, "")
	dir := filepath.Join(filepath.Dir(config), "audit")
	commands := [][]string{{"export", "-o", t.TempDir()}, {"rewrap"}, {"erase", "--yes"}}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		if out, msg, status := command(t, append(c, "-c", config, folder)...); status != 1 || !strings.Contains(msg, "--no-audit") {
			t.Errorf("%s: status %d: %s%s", c[0], status, out, msg)
		}
	}
	log, err := audit.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "lock"), 0o700); err != nil { // nothing can be written
		t.Fatal(err)
	}
	for _, c := range [][]string{commands[0], commands[2]} {
		if out, msg, status := command(t, append(c, "-c", config, folder)...); status != 1 || !strings.Contains(msg, "audit") {
			t.Errorf("%s: status %d: %s%s", c[0], status, out, msg)
		}
	}
	if out, msg, status := command(t, "verify", "-c", config, "--key", filepath.Join(filepath.Dir(config), "keys", "recordings", "sign.pem"), folder); status == 0 {
		t.Errorf("verify: status %d: %s%s", status, out, msg)
	}
	if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{commands[0], commands[2], {"export", "-o", t.TempDir()}} {
		want := 0
		if c[0] == "export" && c[2] != commands[0][2] {
			want = 1 // the key is gone
		}
		if out, msg, status := command(t, append(c, "-c", config, folder)...); status != want {
			t.Errorf("%s: status %d: %s%s", c[0], status, out, msg)
		}
	}
	list, _, err := log.List(audit.Filter{Limit: 10})
	var got []string
	for _, e := range list {
		got = append(got, e.Action)
	}
	want := "recording.exported_refused recording.export_asked recording.key_erased recording.erase_asked recording.exported recording.export_asked"
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("audit, newest first: %q, %v", got, err)
	}
}
