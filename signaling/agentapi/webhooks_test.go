package agentapi

import (
	"context"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/webhook"
	"github.com/cordboard/cordboard/signaling/wire"
)

var _ Webhooks = (*webhook.Hooks)(nil)

// fakeWebhooks has one webhook with one dead letter.
type fakeWebhooks struct{}

func theWebhook() wire.Webhook {
	at := epoch
	return wire.Webhook{ID: "whk_1", URL: "https://example.com/events", Events: []string{"call.*"}, State: wire.WebhookFailing, Created: at, Next: &at, Dead: 1, Attempt: 2, Error: "answered 500"}
}

func (fakeWebhooks) List() []wire.Webhook { return []wire.Webhook{theWebhook()} }

func (fakeWebhooks) Get(id string) (wire.Webhook, error) {
	if id != "whk_1" {
		return wire.Webhook{}, problem.NotFound("webhook", id)
	}
	return theWebhook(), nil
}

func (fakeWebhooks) Create(context.Context, wire.WebhookRequest, string) (wire.WebhookSecret, error) {
	return wire.WebhookSecret{Webhook: theWebhook(), Secret: "whsec_AAAA"}, nil
}

func (f fakeWebhooks) Change(_ context.Context, id string, _ wire.WebhookPatch) (wire.Webhook, error) {
	return f.Get(id)
}

func (f fakeWebhooks) Delete(_ context.Context, id string) error {
	_, err := f.Get(id)
	return err
}

func (f fakeWebhooks) Rotate(_ context.Context, id string, _ *int) (wire.WebhookSecret, error) {
	w, err := f.Get(id)
	return wire.WebhookSecret{Webhook: w, Secret: "whsec_BBBB"}, err
}

func (f fakeWebhooks) Test(_ context.Context, id string) (wire.WebhookAttempt, error) {
	_, err := f.Get(id)
	return wire.WebhookAttempt{Time: epoch, EventID: "evt_1", Type: "webhook.test", Attempt: 1, Outcome: wire.WebhookTested, Status: 204}, err
}

func (f fakeWebhooks) Attempts(id string) ([]wire.WebhookAttempt, error) {
	a, err := f.Test(context.Background(), id)
	return []wire.WebhookAttempt{a}, err
}

func (f fakeWebhooks) Dead(id string, after uint64, limit int) ([]wire.DeadLetter, uint64, error) {
	_, err := f.Get(id)
	return []wire.DeadLetter{{EventID: "evt_1", Seq: after + 1, Type: "call.ended", Time: epoch, First: epoch, Died: epoch, Attempts: 40}}, after + uint64(limit), err
}

func (f fakeWebhooks) Replay(_ context.Context, id string, r wire.ReplayRequest) (int, error) {
	_, err := f.Get(id)
	return len(r.Seqs), err
}

func TestWithoutWebhooks(t *testing.T) {
	f := newFixture(t, func(_ *Config, d *Deps) { d.Webhooks = nil })
	admin := f.token("", "admin:*")
	for _, path := range []string{"/v1/webhooks", "/v1/webhooks/whk_1"} {
		if p := problemOf(t, f.ask(admin, "GET", path, "")); p.Status != 503 || p.Code != "webhooks_off" {
			t.Errorf("%s: %+v", path, p)
		}
	}
}
