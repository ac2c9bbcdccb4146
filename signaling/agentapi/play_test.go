package agentapi

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/pcm"
)

// TestPlayFile plays announcements of the prompt folder and nothing from outside of it.
func TestPlayFile(t *testing.T) {
	dir := t.TempDir()
	prompts := filepath.Join(dir, "prompts")
	tone := testaudio.EncodeWAV(testaudio.Tone(440, 16000, 1600, -10), 16000, 1)
	stereo := testaudio.EncodeWAV(make([]int16, 320), 8000, 2)
	odd := testaudio.EncodeWAV(make([]int16, 320), 44100, 1)
	for name, b := range map[string][]byte{"secret.wav": tone, "prompts/welcome.wav": tone, "prompts/de/welcome.wav": tone, "prompts/stereo.wav": stereo, "prompts/odd.wav": odd, "prompts/text.wav": []byte("hello")} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "secret.wav"), filepath.Join(prompts, "link.wav")); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(c *Config, _ *Deps) { c.Prompts = prompts })
	admin := f.token("", "admin:*")
	for name, want := range map[string]int{
		"welcome.wav": 201, "de/welcome.wav": 201, "": 422, "gone.wav": 422, "../secret.wav": 422, "link.wav": 422,
		filepath.Join(dir, "secret.wav"): 422, ".": 422, "de": 422, "stereo.wav": 422, "odd.wav": 422, "text.wav": 422,
	} {
		for _, path := range []string{"/v1/legs/" + customer + "/play", "/v1/rooms/" + roomID + "/play"} {
			if w := f.ask(admin, "POST", path, fmt.Sprintf(`{"source":"file","file":%q,"loop":true}`, name)); w.Code != want {
				t.Errorf("%s with %q: %d, want %d: %s", path, name, w.Code, want, w.Body)
			}
		}
	}
	if w := f.ask(admin, "POST", "/v1/legs/"+customer+"/play", `{"source":"beep","to":["leg_a"]}`); w.Code != 422 {
		t.Errorf("a leg's playback to another: %d", w.Code)
	}
	f = newFixture(t)
	if p := problemOf(t, f.ask(f.token("", "admin:*"), "POST", "/v1/legs/"+customer+"/play", `{"source":"file","file":"welcome.wav"}`)); p.Code != "prompts_off" {
		t.Errorf("without a folder: %+v", p)
	}
}

// FuzzReadWAV: whatever is read fits into what was given, at a rate a room has.
func FuzzReadWAV(f *testing.F) {
	good := testaudio.EncodeWAV(testaudio.Tone(440, 8000, 160, -10), 8000, 1)
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(bytes.Replace(good, []byte("data"), []byte("junk"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		samples, rate, err := readWAV(b)
		if err != nil {
			if samples != nil {
				t.Error("samples and an error")
			}
			return
		}
		if !rate.Valid() || rate == pcm.Rate(0) || len(samples) == 0 || 2*len(samples) > len(b)-44+8 {
			t.Errorf("%d samples at %v out of %d bytes", len(samples), rate, len(b))
		}
	})
}

// TestOverloaded: a refusal for load is 503 and says when to come back.
func TestOverloaded(t *testing.T) {
	f := newFixture(t)
	f.calls.err = &problem.Error{Status: 503, Code: "overloaded", Detail: "the server has no room for another call now", RetryAfter: 5}
	w := f.ask(f.token("", "admin:*"), "POST", "/v1/rooms", `{}`)
	if p := problemOf(t, w); p.Status != 503 || p.Code != "overloaded" || p.RetryAfter != 5 || w.Header().Get("Retry-After") != "5" {
		t.Errorf("%+v, %v", p, w.Header())
	}
}
