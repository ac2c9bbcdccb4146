package e2e

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestWebhooksPage: an administrator makes a webhook by keyboard, tests it, sees what could not be delivered and sends it
// again, all on the page.
func TestWebhooksPage(t *testing.T) {
	var up atomic.Bool
	var got atomic.Int32
	var secret atomic.Value
	to := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if !up.Load() {
			w.WriteHeader(http.StatusUnprocessableEntity) // refuses the event as such
			return
		}
		if s, ok := secret.Load().(hooksig.Secret); !ok {
			t.Error("an event before the secret was shown")
		} else if err := hooksig.Verify(r.Header, body, time.Now(), s); err != nil {
			t.Error(err)
		}
		got.Add(1)
	}))
	defer to.Close()
	s := newServer(t, webhookConfig+"refusals = 1\n").start()
	d := newPage(t, s, "admin", "", s.token("--grant", "webhook:*", "--name", "admin"), testid("webhooks"))
	read := func(id string) (text string) {
		t.Helper()
		d.run(20*time.Second, "read "+id, chromedp.WaitVisible(testid(id), chromedp.ByQuery), chromedp.Text(testid(id), &text, chromedp.ByQuery))
		return text
	}
	write := func(text string) chromedp.Action { // at once: keys one by one take long on a busy machine
		return chromedp.ActionFunc(func(ctx context.Context) error { return input.InsertText(text).Do(ctx) })
	}
	until := func(what string, f func() bool) { t.Helper(); waitFor(t, 15*time.Second, what, f) }

	d.tabTo("webhook-new")
	d.run(20*time.Second, "open the form", chromedp.KeyEvent("\r"), chromedp.WaitVisible(testid("webhook-form"), chromedp.ByQuery))
	d.tabTo("webhook-url")
	d.run(20*time.Second, "a bad address", write("nonsense"), chromedp.KeyEvent("\r"), chromedp.WaitVisible(testid("fault-url"), chromedp.ByQuery))
	d.run(20*time.Second, "a good one", chromedp.Evaluate(`document.querySelector('`+testid("webhook-url")+`').select()`, nil), write(to.URL+"/crm"))
	d.tabTo("webhook-events")
	d.run(20*time.Second, "its events", write("call.created"))
	d.tabTo("webhook-make")
	d.run(20*time.Second, "make it", chromedp.KeyEvent("\r"))
	text := read("webhook-secret-text")
	one, err := hooksig.Parse(strings.TrimSpace(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	secret.Store(one)
	d.run(20*time.Second, "close the secret by Escape", chromedp.KeyEvent(kb.Escape), chromedp.WaitNotPresent(testid("webhook-secret"), chromedp.ByQuery))
	if n := d.rows("webhook-row"); n != 1 {
		t.Fatalf("%d webhooks", n)
	}

	d.click("webhook-test")
	until("the test to fail", func() bool { return strings.Contains(read("webhooks-trouble"), "422") })
	up.Store(true)
	d.click("webhook-test")
	until("the test to succeed", func() bool { return strings.Contains(read("webhooks-said"), "taken") })
	if got.Load() != 1 {
		t.Errorf("%d events came", got.Load())
	}

	up.Store(false)
	for range 2 {
		if st := s.call(http.MethodPost, "/v1/rooms", map[string]any{}, nil); st != http.StatusCreated {
			t.Fatalf("POST /v1/rooms: %d", st)
		}
	}
	d.run(15*time.Second, "see the dead letters counted", chromedp.WaitVisible(testid("webhook-row")+`[data-dead="2"]`, chromedp.ByQuery))
	d.click("webhook-attempts")
	until("the attempts", func() bool { return d.rows("webhook-attempt") >= 4 })
	d.click("webhook-dead")
	until("the dead letters", func() bool { return d.rows("webhook-letter") == 2 })
	up.Store(true)
	d.tabTo("webhook-replay")
	d.run(20*time.Second, "send one again", chromedp.KeyEvent("\r"))
	until("the first", func() bool { return got.Load() == 2 })
	until("one letter less", func() bool { return d.rows("webhook-letter") == 1 })
	d.click("webhook-replay-all")
	until("the second", func() bool { return got.Load() == 3 })
	until("no letter", func() bool { return d.rows("webhook-letter") == 0 })

	d.click("webhook-disable")
	d.run(20*time.Second, "see it disabled", chromedp.WaitVisible(testid("webhook-row")+`[data-state="disabled"]`, chromedp.ByQuery))
	d.click("webhook-enable")
	d.run(20*time.Second, "see it enabled", chromedp.WaitVisible(testid("webhook-row")+`[data-state="active"]`, chromedp.ByQuery))
	d.click("webhook-remove")
	d.click("webhook-sure-yes")
	until("it to be gone", func() bool { return d.rows("webhook-row") == 0 })
	var list wire.WebhookList
	if st := s.call(http.MethodGet, "/v1/webhooks", nil, &list); st != http.StatusOK || len(list.Items) != 0 {
		t.Errorf("%d %+v", st, list)
	}
}
