package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/internal/egress"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store that can be made to fail.
type memory struct {
	mu   sync.Mutex
	m    map[string][]byte
	fail bool
}

func newMemory() *memory { return &memory{m: map[string][]byte{}} }

func (s *memory) broken(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = on
}

func (s *memory) Put(_ context.Context, key string, data []byte) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail {
		return 0, errors.New("disk on fire")
	}
	s.m[key] = slices.Clone(data)
	return 1, nil
}

func (s *memory) Get(_ context.Context, key string) (store.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.m[key]
	if !ok {
		return store.Value{}, store.ErrNotFound
	}
	return store.Value{Key: key, Data: b}, nil
}

func (s *memory) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, key)
	return nil
}

func (s *memory) List(_ context.Context, prefix string) (out []store.Value, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(s.m)) {
		if strings.HasPrefix(k, prefix) {
			out = append(out, store.Value{Key: k, Data: s.m[k]})
		}
	}
	return out, nil
}

// receiver is what the webhook calls, in the bubble: no sockets. answer decides; got is what came.
type receiver struct {
	mu     sync.Mutex
	answer func(n int, e wire.Event) int // status; 0 fails, -1 stalls
	after  string                        // Retry-After of what is refused
	got    []delivery
}

type delivery struct {
	at     time.Time
	event  wire.Event
	header http.Header
	body   []byte
}

func (r *receiver) RoundTrip(q *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	var e wire.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.got = append(r.got, delivery{time.Now(), e, q.Header.Clone(), body})
	status, header := r.answer(len(r.got), e), http.Header{}
	if r.after != "" && status/100 != 2 {
		header.Set("Retry-After", r.after)
	}
	r.mu.Unlock()
	switch status {
	case 0:
		return nil, errors.New("connection refused")
	case -1:
		<-q.Context().Done()
		return nil, q.Context().Err()
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Header: header}, nil
}

func (r *receiver) all() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// rig is webhooks on fakes in a bubble.
type rig struct {
	t           *testing.T
	bus         *event.Bus
	known, dead *memory
	to          *receiver
	h           *Hooks
	stop        func()
}

var master = []byte("a master key of thirty-two bytes")

func newRig(t *testing.T, answer func(n int, e wire.Event) int) *rig {
	r := &rig{t: t, bus: event.New(1024, 1, time.Now), known: newMemory(), dead: newMemory(), to: &receiver{answer: answer}}
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	h, err := New(DefaultConfig(), Deps{
		Source: r.bus, History: nothing{}, Store: r.known, Dead: r.dead, Client: &http.Client{Transport: r.to}, CheckURL: egress.Config{}.CheckURL,
		Master: master, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.h = h
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	synctest.Wait()
}

// nothing is a History without events.
type nothing struct{}

func (nothing) Load(uint64, int) ([]wire.Event, error) { return nil, nil }

func (r *rig) make(events ...string) (wire.Webhook, hooksig.Secret) {
	r.t.Helper()
	s, err := r.h.Create(r.t.Context(), wire.WebhookRequest{URL: "https://example.com/x", Events: events}, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	secret, err := hooksig.Parse(s.Secret)
	if err != nil {
		r.t.Fatal(err)
	}
	return s.Webhook, secret
}

func (r *rig) publish(types ...string) {
	for _, typ := range types {
		r.bus.Publish(typ, "call_1", "test", wire.Call{ID: "call_1"})
	}
}

func (r *rig) get(id string) wire.Webhook {
	r.t.Helper()
	w, err := r.h.Get(id)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, answer func(n int, e wire.Event) int, f func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, answer)
		f(r)
		r.stop()
	})
}

func fine(int, wire.Event) int { return 204 }

func TestDeliversInOrderWhatIsAskedFor(t *testing.T) {
	bubble(t, fine, func(r *rig) {
		w, secret := r.make("call.*", "wrapup.completed")
		r.publish("call.created", "leg.created", "call.connected", "wrapup.started", "wrapup.completed", "call.ended")
		time.Sleep(time.Second)
		var types []string
		for _, d := range r.to.all() {
			types = append(types, d.event.Type)
			if err := hooksig.Verify(d.header, d.body, time.Now(), secret); err != nil {
				t.Error(err)
			}
			if d.header.Get(hooksig.HeaderID) != d.event.ID || d.header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", d.header)
			}
		}
		if want := []string{"call.created", "call.connected", "wrapup.completed", "call.ended"}; !slices.Equal(types, want) {
			t.Errorf("got %v, want %v", types, want)
		}
		if w = r.get(w.ID); w.Seq != 6 || w.Behind != 0 || w.State != wire.WebhookActive || w.Delivered == nil {
			t.Errorf("%+v", w)
		}
	})
}

// An event that fails is tried again before the next one, with one id, after waits that grow at random.
func TestRetriesInOrderWithFullJitter(t *testing.T) {
	const failures = 12
	bubble(t, func(n int, _ wire.Event) int {
		return []int{500, 0, -1, 404}[n%4]*b2i(n <= failures) + 204*b2i(n > failures)
	}, func(r *rig) {
		w, _ := r.make()
		r.publish("call.created", "call.ended")
		time.Sleep(time.Minute)
		if s := r.get(w.ID); s.State != wire.WebhookFailing || s.Attempt == 0 || s.Next == nil || s.FailingSince == nil || s.Error == "" {
			t.Errorf("%+v", s)
		}
		time.Sleep(23 * time.Hour)
		got := r.to.all()
		if len(got) != failures+2 {
			t.Fatalf("%d requests", len(got))
		}
		var short int
		bound := 5 * time.Second
		for i, d := range got[:failures+1] {
			if d.event.Type != "call.created" || d.event.ID != got[0].event.ID {
				t.Errorf("request %d is %s", i, d.event.Type)
			}
			if i == 0 {
				continue
			}
			wait := d.at.Sub(got[i-1].at)
			if wait > bound+DefaultConfig().Timeout {
				t.Errorf("wait %d is %v, over %v", i, wait, bound)
			}
			if wait < bound/2 {
				short++
			}
			bound = min(2*bound, time.Hour)
		}
		if short == 0 || short == failures { // one in two thousand each
			t.Errorf("%d of %d waits in the lower half", short, failures)
		}
		if last := got[failures+1].event; last.Type != "call.ended" {
			t.Errorf("then %s", last.Type)
		}
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A receiver that says when it has time again is not asked before, within the longest wait there is; one that is broken
// in another way is tried as ever, whatever it says.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		after  string
		least  time.Duration // before the second request
		most   time.Duration
	}{
		{"seconds, too many requests", 429, "120", 2 * time.Minute, 2*time.Minute + 5*time.Second},
		{"seconds, not available", 503, "90", 90 * time.Second, 95 * time.Second},
		{"a date", 503, "Sat, 01 Jan 2000 00:10:00 GMT", 10*time.Minute - time.Second, 10*time.Minute + 5*time.Second},
		{"a date that is over", 503, "Fri, 31 Dec 1999 23:00:00 GMT", 0, 5 * time.Second},
		{"longer than we ever wait", 503, "99999999999999999999", time.Hour, time.Hour + time.Second},
		{"a year", 429, "31536000", time.Hour, time.Hour + time.Second},
		{"nothing we know", 503, "later", 0, 5 * time.Second},
		{"negative", 503, "-5", 0, 5 * time.Second},
		{"of another status", 500, "600", 0, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(n int, _ wire.Event) int {
				if n == 1 {
					return c.status
				}
				return 204
			}, func(r *rig) {
				r.to.after = c.after
				w, _ := r.make()
				r.publish("call.created")
				time.Sleep(time.Second)
				if c.least > 0 {
					if got := r.get(w.ID); got.Next == nil || got.Next.Before(r.to.all()[0].at.Add(c.least)) {
						t.Errorf("says it goes on at %v", got.Next)
					}
				}
				time.Sleep(2 * time.Hour)
				got := r.to.all()
				if len(got) != 2 {
					t.Fatalf("%d requests", len(got))
				}
				if wait := got[1].at.Sub(got[0].at); wait < c.least || wait > c.most {
					t.Errorf("asked again after %v, want %v to %v", wait, c.least, c.most)
				}
				l, err := r.h.Attempts(w.ID)
				if err != nil || len(l) != 2 || c.least > 0 && l[1].RetryAfterSeconds == 0 {
					t.Errorf("%+v %v", l, err)
				}
			})
		})
	}
}

// The day an event is tried for ends in time, however long a receiver wants to be left alone.
func TestRetryAfterDoesNotStretchTheDay(t *testing.T) {
	bubble(t, func(int, wire.Event) int { return 503 }, func(r *rig) {
		r.to.after = "3600"
		w, _ := r.make()
		r.publish("call.created")
		time.Sleep(25*time.Hour + time.Minute)
		got := r.to.all()
		if len(got) < 24 || len(got) > 26 || got[len(got)-1].at.Sub(got[0].at) > 24*time.Hour {
			t.Errorf("%d requests, the last %v after the first", len(got), got[len(got)-1].at.Sub(got[0].at))
		}
		if s := r.get(w.ID); s.Dead != 1 || s.State != wire.WebhookDisabled {
			t.Errorf("%+v", s)
		}
	})
}

// A day of failures makes a dead letter and disables the webhook, with an event; enabled, it goes on behind, and the
// dead letter is sent again when asked for.
func TestDeadLetterDisableAndReplay(t *testing.T) {
	up := false
	bubble(t, func(int, wire.Event) int { return b2i(up) * 200 }, func(r *rig) {
		w, _ := r.make("call.*")
		r.publish("call.created", "call.ended")
		start := time.Now()
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		w = r.get(w.ID)
		if w.State != wire.WebhookDisabled || w.Dead != 1 || w.Seq != 1 || !strings.Contains(w.Reason, "24h") {
			t.Fatalf("%+v", w)
		}
		before := r.to.all()
		if last := before[len(before)-1].at.Sub(start); last < 24*time.Hour || last > 24*time.Hour+time.Minute {
			t.Errorf("the last try was after %v", last)
		}
		for _, d := range before {
			if d.event.Type != "call.created" {
				t.Errorf("%s overtook", d.event.Type)
			}
		}
		types := map[string]int{}
		events, _ := r.bus.After(r.t.Context(), 2, nil, 10)
		for _, e := range events {
			types[e.Type]++
		}
		if types["webhook.disabled"] != 1 || types["webhook.dead_lettered"] != 1 {
			t.Errorf("told %v", types)
		}
		time.Sleep(time.Hour)
		if len(r.to.all()) != len(before) {
			t.Error("a disabled webhook was called")
		}

		r.stop() // and all of it is remembered
		r.start()
		if again := r.get(w.ID); again.State != wire.WebhookDisabled || again.Dead != 1 || again.Seq != 1 {
			t.Fatalf("after a restart %+v", again)
		}
		up = true
		on := true
		if _, err := r.h.Change(r.t.Context(), w.ID, wire.WebhookPatch{Enabled: &on}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		got := r.to.all()[len(before):]
		if len(got) != 1 || got[0].event.Type != "call.ended" {
			t.Fatalf("enabled: %d requests", len(got))
		}
		letters, next, err := r.h.Dead(w.ID, 0, 10)
		if err != nil || next != 0 || len(letters) != 1 || letters[0].Type != "call.created" || letters[0].Attempts < 20 || letters[0].EventID != before[0].event.ID {
			t.Fatalf("%+v %d %v", letters, next, err)
		}
		if _, err := r.h.Replay(r.t.Context(), w.ID, wire.ReplayRequest{Seqs: []uint64{99}}); problem.As(err).Status != 422 {
			t.Errorf("replay of what is not there: %v", err)
		}
		if n, err := r.h.Replay(r.t.Context(), w.ID, wire.ReplayRequest{All: true}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(time.Second)
		got = r.to.all()[len(before):]
		if len(got) != 2 || got[1].event.ID != before[0].event.ID || got[1].header.Get(hooksig.HeaderID) != before[0].event.ID {
			t.Fatalf("replayed: %d requests", len(got))
		}
		if w = r.get(w.ID); w.Dead != 0 {
			t.Errorf("%+v", w)
		}
	})
}

// A replay that fails goes on for a day too, beside what is new, and across a restart.
func TestReplayThatFails(t *testing.T) {
	var cured atomic.Bool
	var replays atomic.Int64
	bubble(t, func(_ int, e wire.Event) int {
		if e.Type == "call.created" && !cured.Load() {
			replays.Add(1)
			return 422
		}
		return 200
	}, func(r *rig) {
		w, _ := r.make()
		r.publish("call.created", "call.ended")
		time.Sleep(12 * time.Hour)
		if w = r.get(w.ID); w.Dead != 1 || w.State != wire.WebhookActive || replays.Load() != int64(DefaultConfig().Refusals) {
			t.Fatalf("one event that is refused as such stops the line: %+v after %d", w, replays.Load())
		}
		if _, err := r.h.Replay(r.t.Context(), w.ID, wire.ReplayRequest{All: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		r.publish("call.connected")
		time.Sleep(time.Millisecond)
		if w = r.get(w.ID); w.Behind != 0 {
			t.Errorf("a replay holds up what is new: %+v", w)
		}
		r.stop()
		r.start()
		cured.Store(true)
		time.Sleep(12 * time.Hour)
		if w = r.get(w.ID); w.Dead != 0 {
			t.Errorf("%+v", w)
		}
	})
}

func TestGoneDisables(t *testing.T) {
	bubble(t, func(int, wire.Event) int { return http.StatusGone }, func(r *rig) {
		w, _ := r.make()
		r.publish("call.created")
		time.Sleep(time.Second)
		if w = r.get(w.ID); w.State != wire.WebhookDisabled || !strings.Contains(w.Reason, "410") || len(r.to.all()) != 1 {
			t.Errorf("%+v after %d", w, len(r.to.all()))
		}
	})
}

// During a rotation requests are signed with both secrets, afterwards with the new one only.
func TestRotation(t *testing.T) {
	bubble(t, fine, func(r *rig) {
		w, old := r.make()
		keep := 3600
		s, err := r.h.Rotate(r.t.Context(), w.ID, &keep)
		if err != nil || s.Webhook.OldSecretUntil == nil {
			t.Fatalf("%+v %v", s, err)
		}
		fresh, _ := hooksig.Parse(s.Secret)
		check := func(wantOld bool) {
			t.Helper()
			r.publish("call.created")
			time.Sleep(time.Second)
			d := r.to.all()[len(r.to.all())-1]
			if err := hooksig.Verify(d.header, d.body, time.Now(), fresh); err != nil {
				t.Error("the new secret:", err)
			}
			if err := hooksig.Verify(d.header, d.body, time.Now(), old); (err == nil) != wantOld {
				t.Error("the old secret:", err)
			}
		}
		check(true)
		r.stop()
		r.start() // secrets are the same after a restart
		check(true)
		time.Sleep(time.Hour)
		check(false)
		if w := r.get(w.ID); w.OldSecretUntil != nil {
			t.Errorf("%+v", w)
		}
		bad := -1
		if _, err := r.h.Rotate(r.t.Context(), w.ID, &bad); problem.As(err).Status != 422 {
			t.Error(err)
		}
	})
}

// Secrets are in nothing that is kept or told.
func TestT16_SecretsAreNotKept(t *testing.T) {
	bubble(t, fine, func(r *rig) {
		w, secret := r.make()
		if _, err := r.h.Rotate(r.t.Context(), w.ID, nil); err != nil {
			t.Fatal(err)
		}
		r.publish("call.created")
		time.Sleep(time.Second)
		shown, _ := json.Marshal(r.h.List())
		all := string(shown)
		for _, b := range r.known.m {
			all += string(b)
		}
		if key := strings.TrimPrefix(secret.Reveal(), "whsec_"); strings.Contains(all, key) || strings.Contains(all, "whsec") {
			t.Error("a secret is kept or shown")
		}
	})
}

// Whatever happens to the store, an event is not skipped.
func TestStoreThatFails(t *testing.T) {
	down := true
	bubble(t, func(_ int, e wire.Event) int {
		if e.Type == "call.created" && down {
			return 422
		}
		return 200
	}, func(r *rig) {
		w, _ := r.make()
		r.known.broken(true)
		r.dead.broken(true)
		if _, err := r.h.Create(r.t.Context(), wire.WebhookRequest{URL: "https://example.com"}, "x"); problem.As(err).Status != 503 {
			t.Error("acknowledged and not saved:", err)
		}
		r.publish("call.created", "call.ended")
		time.Sleep(6 * time.Hour)
		if w := r.get(w.ID); w.Seq != 0 || w.Dead != 0 {
			t.Fatalf("a dead letter that is nowhere: %+v", w)
		}
		r.known.broken(false)
		r.dead.broken(false)
		time.Sleep(6 * time.Hour)
		if w := r.get(w.ID); w.Seq < 2 || w.Dead != 1 {
			t.Errorf("%+v", w)
		}
	})
}

func TestRefusals(t *testing.T) {
	bubble(t, fine, func(r *rig) {
		for _, c := range []struct {
			req  wire.WebhookRequest
			want string
		}{
			{wire.WebhookRequest{URL: "http://169.254.169.254/latest"}, "/url"},
			{wire.WebhookRequest{URL: "ftp://example.com"}, "/url"},
			{wire.WebhookRequest{URL: "https://example.com", Events: []string{"call.exploded"}}, "/events"},
			{wire.WebhookRequest{URL: "https://example.com", Events: []string{"nothing.*"}}, "/events"},
			{wire.WebhookRequest{URL: "https://example.com", After: ptr(uint64(99))}, "/after"},
		} {
			_, err := r.h.Create(r.t.Context(), c.req, "test")
			if p := problem.As(err); p.Status != 422 || p.Fields[0].Pointer != c.want {
				t.Errorf("%+v: %v", c.req, err)
			}
		}
		if _, err := r.h.Get("whk_x"); problem.As(err).Status != 404 {
			t.Error(err)
		}
		w, _ := r.make()
		if err := r.h.Delete(r.t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		r.publish("call.created")
		time.Sleep(time.Second)
		if len(r.to.all()) != 0 || len(r.known.m) != 0 {
			t.Errorf("%d requests, %d keys of a webhook that is gone", len(r.to.all()), len(r.known.m))
		}
	})
}

func ptr[T any](v T) *T { return &v }

func TestTestButton(t *testing.T) {
	bubble(t, func(n int, _ wire.Event) int { return 200 + 300*b2i(n > 1) }, func(r *rig) {
		w, secret := r.make("call.*")
		a, err := r.h.Test(r.t.Context(), w.ID)
		if err != nil || a.Outcome != wire.WebhookTested || a.Status != 200 || a.Type != "webhook.test" {
			t.Errorf("%+v %v", a, err)
		}
		if d := r.to.all()[0]; hooksig.Verify(d.header, d.body, time.Now(), secret) != nil {
			t.Error("not signed")
		}
		if a, err = r.h.Test(r.t.Context(), w.ID); err != nil || a.Outcome != wire.WebhookFailed || a.Status != 500 {
			t.Errorf("%+v %v", a, err)
		}
		if log, _ := r.h.Attempts(w.ID); len(log) != 2 || log[0].Status != 500 {
			t.Errorf("%+v", log)
		}
	})
}

// The configuration's webhooks are there, keep their place, and are changed only in it.
func TestConfigured(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	one, two := hooksig.New(), hooksig.New()
	if err := os.WriteFile(file, []byte(one.Reveal()+"\n"+two.Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Subscriptions = []Subscription{{ID: "crm", URL: "https://example.com/crm", Events: []string{"call.*"}, SecretFile: file}}
	h, err := New(cfg, Deps{Source: event.New(8, 1, time.Now), History: nothing{}, Store: newMemory(), Dead: newMemory(), CheckURL: egress.Config{}.CheckURL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	k := h.hooks["whk_crm"]
	if s := k.signers(); len(s) != 2 || s[0] != one || s[1] != two {
		t.Error("not the file's secrets")
	}
	if _, err := h.Change(t.Context(), "whk_crm", wire.WebhookPatch{URL: ptr("https://example.com")}); problem.As(err).Status != 409 {
		t.Error(err)
	}
	if err := h.Delete(t.Context(), "whk_crm"); problem.As(err).Status != 409 {
		t.Error(err)
	}
	if w, err := h.Change(t.Context(), "whk_crm", wire.WebhookPatch{Enabled: ptr(false)}); err != nil || w.State != wire.WebhookDisabled {
		t.Error(w, err)
	}
	for name, bad := range map[string]Subscription{
		"used twice":     {ID: "", URL: "https://example.com", SecretFile: file},
		"whsec_":         {ID: "a", URL: "https://example.com"},
		"no event":       {ID: "a", URL: "https://example.com", SecretFile: file, Events: []string{"x"}},
		"not an address": {ID: "a", URL: "example.com", SecretFile: file},
	} {
		c := DefaultConfig()
		c.Subscriptions = []Subscription{bad}
		if err := c.Validate(egress.Config{}.CheckURL); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRealReceiver: over sockets and the real store; the receiver fails, stalls, redirects, is closed and comes back at the
// same address, and the server is restarted from what is on disk. Each event comes at least once, in order.
func TestRealReceiver(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	var seqs []uint64
	n := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var e wire.Event
		if err := json.NewDecoder(q.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		mu.Lock()
		n++
		k := n
		mu.Unlock()
		switch {
		case q.URL.Path == "/moved":
		case k%7 == 1:
			w.WriteHeader(http.StatusInternalServerError)
			return
		case k%7 == 2:
			select {
			case <-q.Context().Done():
			case <-time.After(5 * time.Second):
			}
			return
		case k%7 == 3:
			w.Header().Set("Location", "/moved")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		case k%7 == 4:
			panic(http.ErrAbortHandler) // cut
		}
		mu.Lock()
		seqs = append(seqs, e.Seq)
		mu.Unlock()
	})
	srv := httptest.NewServer(handler)
	at := srv.Listener.Addr().String()

	guard := egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	cfg := DefaultConfig()
	cfg.Timeout, cfg.FirstRetry, cfg.MaxRetry = 300*time.Millisecond, 10*time.Millisecond, 50*time.Millisecond
	hookID := ""
	const rounds, each = 3, 8
	for round := range rounds {
		s, err := store.Open(store.Config{Dir: dir}, nil)
		if err != nil {
			t.Fatal(err)
		}
		log, err := s.EventLog("events", 0)
		if err != nil {
			t.Fatal(err)
		}
		bus := event.New(4, 1, time.Now) // so small that most comes from the disk
		if err := bus.Restore(log); err != nil {
			t.Fatal(err)
		}
		known, err := s.Bucket("webhooks", 0)
		if err != nil {
			t.Fatal(err)
		}
		dead, err := s.Bucket("webhook-dead", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		h, err := New(cfg, Deps{
			Source: bus, History: log, Store: known, Dead: dead, Client: guard.Client(cfg.Timeout), CheckURL: guard.CheckURL,
			Master: master, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		from := bus.Last()
		wg.Go(func() { _ = bus.Persist(ctx, from, log, slog.New(slog.DiscardHandler)) })
		wg.Go(func() { _ = h.Run(ctx) })
		if round == 0 {
			w, err := h.Create(ctx, wire.WebhookRequest{URL: "http://" + at + "/hook"}, "test")
			if err != nil {
				t.Fatal(err)
			}
			hookID = w.Webhook.ID
		}
		for range each {
			seq := bus.Publish("call.created", "call_1", "test", wire.Call{ID: "call_1"})
			if err := bus.Kept(ctx, seq); err != nil {
				t.Fatal(err)
			}
		}
		if round == 1 { // nobody there for the last of this round; the next life delivers it
			time.Sleep(50 * time.Millisecond)
			srv.Close()
			time.Sleep(200 * time.Millisecond)
		} else {
			end := time.Now().Add(15 * time.Second)
			for {
				w, err := h.Get(hookID)
				if err != nil {
					t.Fatal(err)
				}
				if w.Behind == 0 {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("still %+v", w)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		cancel()
		wg.Wait()
		_ = s.Close()
		if round == 1 {
			l, err := listenAgain(at)
			if err != nil {
				t.Fatal(err)
			}
			srv = &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
			srv.Start()
		}
	}
	srv.Close()
	mu.Lock()
	defer mu.Unlock()
	var last uint64
	for _, seq := range seqs {
		if seq != last && seq != last+1 {
			t.Errorf("%d after %d", seq, last)
		}
		last = max(last, seq)
	}
	if last != rounds*each {
		t.Errorf("%d events came, want %d: %v", last, rounds*each, seqs)
	}
}
