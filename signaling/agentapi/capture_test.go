package agentapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// keyed is a server on a real board, with a recorded call between a customer, whose keys the test presses, and an agent.
type keyed struct {
	*fixture
	call     string
	rec      string
	admin    string
	customer *fakeLeg
}

func newKeyed(t *testing.T) *keyed {
	t.Helper()
	k := &keyed{}
	ctx, cancel := context.WithCancel(context.Background())
	engine, err := mixer.New(mixer.Config{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var board *call.Board
	k.fixture = newFixture(t, func(_ *Config, d *Deps) {
		rc := recorder.Defaults()
		rc.SpoolDir, rc.Archive.Folder = filepath.Join(t.TempDir(), "spool"), filepath.Join(t.TempDir(), "archive")
		rec, err := recorder.New(rc, recorder.Deps{Bus: d.Bus, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if board, err = call.New(call.DefaultConfig(), call.Deps{Engine: engine, Recorder: rec, Bus: d.Bus, Log: slog.New(slog.DiscardHandler)}); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { _ = engine.Run(ctx) })
		wg.Go(func() { _ = rec.Run(ctx) })
		d.Calls, d.Recordings = board, rec
		d.RTP = RTPFunc(func(context.Context, RTPRequest) (media.Leg, netip.AddrPort, error) {
			l := newFakeLeg()
			l.events = make(chan media.Event, 16)
			if k.customer == nil {
				k.customer = l
			}
			return l, netip.MustParseAddrPort("127.0.0.1:10000"), nil
		})
	})
	t.Cleanup(func() {
		if err := board.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		cancel()
		wg.Wait()
	})
	k.admin = k.token("", "admin:*")
	var room wire.Room
	k.must(k.admin, "POST", "/v1/rooms", `{}`, 201, &room)
	k.call = room.CallID
	for _, role := range []string{"customer", "agent"} {
		k.must(k.admin, "POST", "/v1/legs", `{"kind":"rtp","call_id":"`+k.call+`","address":"127.0.0.1:4000","codec":"PCMU","role":"`+role+`"}`, 201, nil)
	}
	var rec wire.Recording
	k.must(k.admin, "POST", "/v1/calls/"+k.call+"/recordings", "", 201, &rec)
	k.rec = rec.ID
	return k
}

// must asks for something that has to be answered with a status.
func (k *keyed) must(token, method, path, body string, status int, out any) {
	k.t.Helper()
	w := k.ask(token, method, path, body)
	if w.Code != status {
		k.t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
		k.t.Fatal(err)
	}
}

// program is a token of a program with a name.
func (k *keyed) program(name string, grants ...string) string {
	k.t.Helper()
	tok, _, err := k.keys.Mint(auth.Claims{Grants: grants, RegisteredClaims: jwt.RegisteredClaims{Subject: name}})
	if err != nil {
		k.t.Fatal(err)
	}
	return tok
}

func (k *keyed) press(keys string) {
	for _, key := range []byte(keys) {
		k.customer.events <- media.Event{Kind: media.EventDigit, Digit: key, Duration: 100 * time.Millisecond}
	}
}

// until waits for a state of a capture.
func (k *keyed) until(id string, state wire.CaptureState) (w wire.Capture) {
	k.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // one token may ask 50 times a second
		if k.must(k.admin, "GET", "/v1/captures/"+id, "", 200, &w); w.State == state {
			return w
		}
	}
	k.t.Fatalf("the capture is %s, want %s", w.State, state)
	return w
}

func (k *keyed) refused(what, token, method, path, body string, status int, code string) wire.Problem {
	k.t.Helper()
	p := problemOf(k.t, k.ask(token, method, path, body))
	if p.Status != status || p.Code != code {
		k.t.Errorf("%s: %d %s, want %d %s", what, p.Status, p.Code, status, code)
	}
	return p
}

// TestCaptureAPI: a capture from its beginning to its digits, with what is refused in each of its states.
func TestCaptureAPI(t *testing.T) {
	k := newKeyed(t)
	app := k.program("payments", "capture:digits")
	begin := "/v1/calls/" + k.call + "/capture"
	w := k.ask(app, "POST", begin, `{"max_digits":4,"max_seconds":60}`)
	var c wire.Capture
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("begin: %d %s", w.Code, w.Body)
	}
	path := "/v1/captures/" + c.ID
	if got := w.Header().Get("Location"); got != path {
		t.Errorf("Location %q, want %q", got, path)
	}
	if c.State != wire.CaptureOpen || c.CallID != k.call || c.Voice != wire.CaptureMute || c.Count != 0 || time.Until(c.Deadline) > time.Minute || time.Until(c.Deadline) < 30*time.Second {
		t.Errorf("begun: %+v", c)
	}
	var now wire.Call
	if k.must(k.admin, "GET", "/v1/calls/"+k.call, "", 200, &now); now.Capture == nil || now.Capture.ID != c.ID {
		t.Errorf("the call shows %+v", now.Capture)
	}
	var rec wire.Recording
	if k.must(k.admin, "GET", "/v1/recordings/"+k.rec, "", 200, &rec); rec.State != wire.RecordingPaused {
		t.Errorf("the recording is %s", rec.State)
	}

	p := k.refused("a second one", app, "POST", begin, `{}`, 409, "capture_open")
	if p.State != "open" || len(p.Allowed) != 1 || p.Allowed[0] != "cancel" {
		t.Errorf("of a second one: state %q, allowed %q", p.State, p.Allowed)
	}
	k.refused("digits before the end", app, "POST", path+"/take", "", 409, "capture_open")
	k.refused("resume in a capture", k.admin, "POST", "/v1/recordings/"+k.rec+"/resume", "", 409, "capture_open")

	k.press("4129")
	if c = k.until(c.ID, wire.CaptureComplete); c.Count != 4 || c.Ended == nil {
		t.Errorf("complete: %+v", c)
	}
	if k.must(k.admin, "GET", "/v1/recordings/"+k.rec, "", 200, &rec); rec.State != wire.RecordingActive {
		t.Errorf("after the capture the recording is %s", rec.State)
	}
	k.refused("digits for another program", k.program("other", "capture:digits"), "POST", path+"/take", "", 404, "capture_not_found")
	k.refused("digits for an administrator", k.admin, "POST", path+"/take", "", 404, "capture_not_found")
	if p := problemOf(t, k.ask(app, "POST", path+"/take", "", "Idempotency-Key", "once")); p.Code != "not_idempotent" || p.Status != 400 {
		t.Errorf("with an Idempotency-Key: %d %s", p.Status, p.Code)
	}
	w = k.ask(app, "POST", path+"/take", "")
	text, rest := w.Body.String(), ""
	if i := strings.IndexByte(text, '}'); i > 0 {
		text, rest = text[:i+1], text[i+1:]
	}
	if w.Code != 200 || text != `{"digits":"4129"}` || strings.TrimSpace(rest) != "" {
		t.Errorf("taken: %d %q", w.Code, text)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != typeJSON {
		t.Errorf("headers of the digits: %v", w.Header())
	}
	if p := k.refused("digits twice", app, "POST", path+"/take", "", 409, "capture_gone"); p.State != "taken" {
		t.Errorf("of digits that were taken: state %q", p.State)
	}
	k.refused("the end of what is over", app, "POST", path+"/cancel", "", 409, "capture_over")
	k.must(app, "POST", begin, `{}`, 201, &c)
	k.must(app, "POST", "/v1/captures/"+c.ID+"/cancel", "", 200, &c)
	if c.State != wire.CaptureCancelled {
		t.Errorf("cancelled: %+v", c)
	}
	k.refused("digits of what was cancelled", app, "POST", "/v1/captures/"+c.ID+"/take", "", 409, "capture_gone")
	k.refused("an earlier capture", app, "POST", path+"/take", "", 404, "capture_not_found")
}

// TestCaptureAPITimeout: a capture ends when its time is over or no key comes, and gives what there is.
func TestCaptureAPITimeout(t *testing.T) {
	k := newKeyed(t)
	app := k.program("payments", "capture:digits")
	for _, body := range []string{`{"silent_seconds":1}`, `{"max_seconds":1,"terminator":"none"}`} {
		var c wire.Capture
		k.must(app, "POST", "/v1/calls/"+k.call+"/capture", body, 201, &c)
		k.press("77")
		if c = k.until(c.ID, wire.CaptureTimedOut); c.Count != 2 {
			t.Errorf("%s: %d keys", body, c.Count)
		}
		var d wire.CaptureDigits
		if k.must(app, "POST", "/v1/captures/"+c.ID+"/take", "", 200, &d); d.Digits != "77" {
			t.Errorf("%s: %q", body, d.Digits)
		}
	}
}

// TestCaptureAPIRefused: who may not, and what cannot be.
func TestCaptureAPIRefused(t *testing.T) {
	k := newKeyed(t)
	app, reads := k.program("payments", "capture:digits"), k.program("reads", "call:read")
	begin := "/v1/calls/" + k.call + "/capture"
	var c wire.Capture
	k.must(app, "POST", begin, `{}`, 201, &c)
	path := "/v1/captures/" + c.ID
	for _, tc := range []struct {
		name, token, method, path, body string
		status                          int
		code, pointer                   string
	}{
		{"no token", "", "POST", begin, "", 401, "unauthorized", ""},
		{"an agent", k.token("alice"), "POST", begin, "", 403, "forbidden", ""},
		{"who may pause only", k.program("pauses", "recording:pause"), "POST", begin, "", 403, "forbidden", ""},
		{"an agent who wants the digits", k.token("alice"), "POST", path + "/take", "", 403, "forbidden", ""},
		{"who may read only, and wants the digits", reads, "POST", path + "/take", "", 403, "forbidden", ""},
		{"who may read only, and ends it", reads, "POST", path + "/cancel", "", 403, "forbidden", ""},
		{"an agent of another call", k.token("bob"), "GET", path, "", 403, "forbidden", ""},
		{"who may capture only, and reads", app, "GET", path, "", 403, "forbidden", ""},
		{"no such call", app, "POST", "/v1/calls/call_0/capture", "", 404, "call_not_found", ""},
		{"no such capture", app, "POST", "/v1/captures/cap_0/take", "", 404, "capture_not_found", ""},
		{"no JSON", app, "POST", begin, `{"max_digits"`, 400, "malformed_json", ""},
		{"words for a number", app, "POST", begin, `{"max_digits":"four"}`, 400, "wrong_type", "/max_digits"},
		{"unknown field", app, "POST", begin, `{"digits":"4111"}`, 422, "unknown_field", "/digits"},
		{"too many digits", app, "POST", begin, `{"max_digits":33}`, 422, "invalid_field", "/max_digits"},
		{"fewer than none", app, "POST", begin, `{"max_digits":-1}`, 422, "invalid_field", "/max_digits"},
		{"too long", app, "POST", begin, `{"max_seconds":601}`, 422, "invalid_field", "/max_seconds"},
		{"silent for too long", app, "POST", begin, `{"silent_seconds":601}`, 422, "invalid_field", "/silent_seconds"},
		{"strange voice", app, "POST", begin, `{"voice":"loud"}`, 422, "invalid_field", "/voice"},
		{"strange terminator", app, "POST", begin, `{"terminator":"##"}`, 422, "invalid_field", "/terminator"},
	} {
		p := k.refused(tc.name, tc.token, tc.method, tc.path, tc.body, tc.status, tc.code)
		if tc.pointer != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != tc.pointer) {
			t.Errorf("%s: errors %+v, want one at %s", tc.name, p.Errors, tc.pointer)
		}
	}
	if k.must(k.admin, "GET", path, "", 200, &c); c.State != wire.CaptureOpen || c.Count != 0 {
		t.Errorf("after all that: %+v", c)
	}
	k.must(app, "POST", path+"/cancel", "", 200, nil)
	k.refused("no such leg", app, "POST", begin, `{"leg_id":"leg_0"}`, 404, "leg_not_found")
}
