package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/signaling/wire"
)

const webhookConfig = `[egress]
allow = ["127.0.0.1/32"]
[webhooks]
first_retry = "50ms"
max_retry = "200ms"
timeout = "1s"
`

// TestWebhookOutlivesKill: the receiver refuses everything, the server is killed with events outstanding and started again;
// then the receiver takes them. Every event there is in the log has come, in order, signed, under its own id.
func TestWebhookOutlivesKill(t *testing.T) {
	var mu sync.Mutex
	var secret hooksig.Secret
	var got []wire.Event
	up, tried := false, 0
	to := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the server was killed meanwhile
		}
		mu.Lock()
		defer mu.Unlock()
		if tried++; !up {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var e wire.Event
		if err := hooksig.Verify(r.Header, body, time.Now(), secret); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal(body, &e); err != nil || r.Header.Get(hooksig.HeaderID) != e.ID {
			t.Errorf("%s: %v", body, err)
		}
		got = append(got, e)
	}))
	defer to.Close()

	s := newServer(t, webhookConfig).start()
	var made wire.WebhookSecret
	if st := s.call(http.MethodPost, "/v1/webhooks", wire.WebhookRequest{URL: to.URL, Events: []string{"call.created"}}, &made); st != http.StatusCreated {
		t.Fatalf("POST /v1/webhooks: %d", st)
	}
	var err error
	if secret, err = hooksig.Parse(made.Secret); err != nil {
		t.Fatal(err)
	}
	const calls = 5
	for range calls {
		if st := s.call(http.MethodPost, "/v1/rooms", map[string]any{}, nil); st != http.StatusCreated {
			t.Fatalf("POST /v1/rooms: %d", st)
		}
	}
	waitFor(t, 10*time.Second, "attempts", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return tried >= 3
	})
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	s.start()
	var known wire.Webhook
	if st := s.call(http.MethodGet, "/v1/webhooks/"+made.Webhook.ID, nil, &known); st != http.StatusOK || known.Behind == 0 {
		t.Fatalf("after the restart: %d %+v", st, known)
	}
	waitFor(t, 5*time.Second, "the log's events", func() bool { return len(s.events("call.created")) == calls })
	mu.Lock()
	up = true
	mu.Unlock()
	waitFor(t, 15*time.Second, "delivery", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= calls
	})
	mu.Lock()
	defer mu.Unlock()
	for i, e := range s.events("call.created") {
		if got[i].ID != e.ID || got[i].Seq != e.Seq || got[i].CallID != e.CallID {
			t.Errorf("event %d: got %s of %s, want %s", i, got[i].ID, got[i].CallID, e.ID)
		}
	}
}
