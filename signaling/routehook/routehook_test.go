package routehook

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/egress"
	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var master = []byte("a master key of thirty-two bytes")

func hook(url string) floor.RoutingHook {
	return floor.RoutingHook{ID: "crm", URL: url, Timeout: floor.Duration{Duration: 200 * time.Millisecond}, Failures: 3, Pause: floor.Seconds(30)}
}

// TestRoute: every way an answer can be, over a real connection.
func TestRoute(t *testing.T) {
	var answer func(w http.ResponseWriter, q *http.Request)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		if err := hooksig.Verify(q.Header, body, time.Now(), Secret(master, "crm", 1)); err != nil {
			t.Error(err)
		}
		var in wire.RouteRequest
		if err := json.Unmarshal(body, &in); err != nil || in.CallID != "call_1" || in.To != "100" {
			t.Errorf("%s: %v", body, err)
		}
		answer(w, q)
	}))
	defer srv.Close()
	text := func(status int, s string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, s)
		}
	}
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		want   wire.RouteOutcome
	}{
		{"a queue", text(200, `{"queue":"vip","priority":3}`), wire.RouteChosen},
		{"an agent", text(200, `{"agent":"ana"}`), wire.RouteChosen},
		{"skills", text(200, `{"skills":[{"skill":"french","level":5,"relax_after_seconds":60}]}`), wire.RouteChosen},
		{"no skills", text(200, `{"skills":[]}`), wire.RouteUnchanged},
		{"a skill's field there is not", text(200, `{"skills":[{"id":"french"}]}`), wire.RouteFailed},
		{"an empty object", text(200, `{}`), wire.RouteUnchanged},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, wire.RouteUnchanged},
		{"a fault", text(500, `{"queue":"vip"}`), wire.RouteFailed},
		{"not there", text(404, ""), wire.RouteFailed},
		{"no JSON", text(200, "vip"), wire.RouteFailed},
		{"a field there is not", text(200, `{"que":"vip"}`), wire.RouteFailed},
		{"too large", text(200, `{"queue":"`+strings.Repeat("x", maxAnswer)+`"}`), wire.RouteFailed},
		{"a redirect", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.2:1/")
			w.WriteHeader(307)
		}, wire.RouteFailed},
		{"a stall", func(_ http.ResponseWriter, q *http.Request) {
			select {
			case <-q.Context().Done():
			case <-time.After(3 * time.Second):
			}
		}, wire.RouteTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			guard := egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
			client := guard.Client(5 * time.Second)
			defer client.CloseIdleConnections()
			answer = c.answer
			h := hook(srv.URL)
			if c.want != wire.RouteTimeout {
				h.Timeout = floor.Seconds(5) // on a busy machine only what should be late is late
			}
			r := New(client, master, nil).Route(t.Context(), h, wire.RouteRequest{CallID: "call_1", To: "100"})
			if r.Outcome != c.want || r.Hook != "crm" || r.CallID != "call_1" {
				t.Errorf("%+v, want %s", r, c.want)
			}
			if c.name == "a queue" && (r.Queue != "vip" || *r.Priority != 3) {
				t.Errorf("%+v", r)
			}
			if c.name == "skills" && !slices.Equal(r.Skills, []wire.RouteSkill{{Skill: "french", Level: 5, RelaxAfterSeconds: 60}}) {
				t.Errorf("%+v", r)
			}
			if c.want == wire.RouteFailed && (r.Queue != "" || r.Detail == "") {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestT11_RouteBlocked(t *testing.T) {
	client := egress.Config{}.Client(time.Second)
	defer client.CloseIdleConnections()
	r := New(client, master, nil).Route(t.Context(), hook("http://127.0.0.1:9/"), wire.RouteRequest{})
	if r.Outcome != wire.RouteFailed || !strings.Contains(r.Detail, "egress.allow") {
		t.Errorf("%+v", r)
	}
}

// Three failures in a row open the breaker; after the pause one request tries it, and a good one closes it.
func TestBreaker(t *testing.T) {
	var asked atomic.Int32
	good := false
	trip := roundTrip(func(*http.Request) (*http.Response, error) {
		asked.Add(1)
		status := 500
		if good {
			status = 204
		}
		return &http.Response{StatusCode: status, Body: http.NoBody}, nil
	})
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := New(&http.Client{Transport: trip}, master, func() time.Time { return now })
	ask := func() wire.RouteOutcome {
		return r.Route(context.Background(), hook("https://example.com"), wire.RouteRequest{}).Outcome
	}
	for i, want := range []wire.RouteOutcome{"failed", "failed", "failed", "skipped", "skipped"} {
		if got := ask(); got != want {
			t.Fatalf("request %d: %s, want %s", i, got, want)
		}
		if open := r.Stats().Open; (open == 1) != (i >= 2) {
			t.Errorf("after request %d %d are open", i, open)
		}
	}
	if s := r.Stats(); asked.Load() != 3 || s.Open != 1 || s.Skipped != 2 || s.Failures != 3 {
		t.Errorf("%d requests, %+v", asked.Load(), s)
	}
	now = now.Add(30 * time.Second)
	if a, b := ask(), ask(); a != "failed" || b != "skipped" {
		t.Errorf("after the pause %s, then %s", a, b)
	}
	good = true
	now = now.Add(30 * time.Second)
	if a, b := ask(), ask(); a != "unchanged" || b != "unchanged" {
		t.Errorf("well again: %s, then %s", a, b)
	}
	if s := r.Stats(); s.Open != 0 || s.Unchanged != 2 {
		t.Errorf("%+v", s)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// TestSecretIsChanged: until its time the old secret signs beside the new one, as the receivers of both need; then the
// new one alone, and a hook whose secret was never changed has one.
func TestSecretIsChanged(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	till := now.Add(time.Hour)
	for _, c := range []struct {
		name     string
		n        int
		till, at time.Time
		signs    []int // the numbers of the secrets that must verify
	}{
		{"never changed", 0, time.Time{}, now, []int{1}},
		{"the first", 1, till, now, []int{1}},
		{"being changed", 2, till, now, []int{1, 2}},
		{"a moment before", 2, till, till.Add(-time.Second), []int{1, 2}},
		{"changed", 2, till, till, []int{2}},
		{"changed without an overlap", 2, time.Time{}, now, []int{2}},
		{"changed again", 3, till, now, []int{2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var header http.Header
			var body []byte
			trip := roundTrip(func(q *http.Request) (*http.Response, error) {
				header = q.Header.Clone()
				body, _ = io.ReadAll(q.Body)
				return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
			})
			h := hook("https://example.com")
			h.Secret, h.OldSecretTill = c.n, c.till
			r := New(&http.Client{Transport: trip}, master, func() time.Time { return c.at })
			if got := r.Route(t.Context(), h, wire.RouteRequest{CallID: "call_1"}); got.Outcome != wire.RouteUnchanged {
				t.Fatalf("%+v", got)
			}
			for n := 1; n <= 4; n++ {
				err := hooksig.Verify(header, body, c.at, Secret(master, "crm", n))
				if (err == nil) != slices.Contains(c.signs, n) {
					t.Errorf("secret %d: %v", n, err)
				}
			}
			if got := len(strings.Fields(header.Get(hooksig.HeaderSignature))); got != len(c.signs) {
				t.Errorf("%d signatures", got)
			}
		})
	}
}
