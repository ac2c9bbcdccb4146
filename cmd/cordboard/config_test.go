package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cordboard/cordboard/internal/conf"
	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/signaling/siptrunk"
)

const example = "../../cordboard.example.toml"

// TestExampleIsTheDefault: the example file, read over nothing, is the default configuration, and it names
// every setting there is.
func TestExampleIsTheDefault(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var got config
	if err := conf.Load(text, &got); err != nil {
		t.Fatal(err)
	}
	want := defaults()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(config{})); d != "" {
		t.Errorf("the example is not the default (-default +example):\n%s", d)
	}
	for _, key := range conf.Keys(&want) {
		name := key[strings.LastIndexByte(key, '.')+1:]
		if !regexp.MustCompile(`(?m)^` + name + ` = `).Match(text) {
			t.Errorf("the example lacks %s", key)
		}
	}
}

// TestExampleTables: the commented tables of the example can be used as they stand.
func TestExampleTables(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	plain := regexp.MustCompile(`(?m)^(trunks|queues|numbers|agents|policies|more|skills|calendars|stages|profiles|hooks|subscriptions|issuers|providers) = \[\]\n`).ReplaceAllString(string(text), "")
	plain = regexp.MustCompile(`(?m)^# (\[\[|[a-z_]+ = )`).ReplaceAllString(plain, "$1")
	var got config
	if err := conf.Load([]byte(plain), &got); err != nil {
		t.Fatal(err)
	}
	got.SIP.Trunks[0].PasswordFile = ""
	got.Webhooks.Subscriptions[0].SecretFile = secretFile(t)
	got.Auth.PublicURL, got.Auth.Issuers[0].Keys[0].File = "https://desk.example.com", secretFile(t)
	if err := got.complete(); err != nil {
		t.Error(err)
	}
	if len(got.SIP.Trunks) != 1 || len(got.Desk.Queues) != 1 || len(got.Desk.Numbers) != 1 || len(got.Desk.Agents) != 1 {
		t.Errorf("tables not read: %+v", got)
	}
}

func TestEnvironment(t *testing.T) {
	c, err := readConfig("", []string{"CORDBOARD_HTTP_LISTEN=127.0.0.1:9", "CORDBOARD_DESK_ENABLED=false", "CORDBOARD_RECORDER_MAX_PAUSE=3m", "PATH=/bin"})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Listen != "127.0.0.1:9" || c.Desk.Enabled || c.Recorder.MaxPause.Minutes() != 3 {
		t.Errorf("got %+v", c)
	}
	if _, err := readConfig("", []string{"CORDBOARD_HTTP_LISTN=x"}); err == nil || !strings.Contains(err.Error(), "CORDBOARD_HTTP_LISTEN") {
		t.Errorf("misspelt variable: %v", err)
	}
}

func TestDefaultsAreGood(t *testing.T) {
	c := defaults()
	if err := c.complete(); err != nil {
		t.Error(err)
	}
}

func TestFaultsAreOneLine(t *testing.T) {
	c := defaults()
	c.Log.Level = "loud"
	c.SIP.Trunks = []siptrunk.Trunk{{Name: "X"}}
	err := c.complete()
	if err == nil || !strings.Contains(flat(err).Error(), "log.level") || strings.Contains(flat(err).Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestDemoConfig(t *testing.T) {
	c, err := demoCmd{Dir: t.TempDir(), HTTP: 0, SIP: 0, WebRTC: 0}.config()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(c.HTTP.Listen, "127.0.0.1:") || !c.hasAgent(demoAgent) {
		t.Errorf("the demo listens on %s", c.HTTP.Listen)
	}
}

// secretFile holds a secret of webhooks.
func secretFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(hooksig.New().Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestMasterKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys", "webhooks.key")
	one, err := masterKey(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := masterKey(file)
	if err != nil || string(again) != string(one) {
		t.Errorf("read back: %v, the same %t", err, string(again) == string(one))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := masterKey(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key others can read: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := masterKey(bad); err == nil {
		t.Error("half a key was taken")
	}
}
