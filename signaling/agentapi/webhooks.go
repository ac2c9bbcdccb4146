package agentapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Webhooks is what the API asks of the webhooks; *webhook.Hooks is it. All errors are *problem.Error.
type Webhooks interface {
	List() []wire.Webhook
	Get(id string) (wire.Webhook, error)
	Create(ctx context.Context, r wire.WebhookRequest, actor string) (wire.WebhookSecret, error)
	Change(ctx context.Context, id string, p wire.WebhookPatch) (wire.Webhook, error)
	Delete(ctx context.Context, id string) error
	Rotate(ctx context.Context, id string, keepSeconds *int) (wire.WebhookSecret, error)
	Test(ctx context.Context, id string) (wire.WebhookAttempt, error)
	Attempts(id string) ([]wire.WebhookAttempt, error)
	Dead(id string, after uint64, limit int) (items []wire.DeadLetter, next uint64, err error)
	Replay(ctx context.Context, id string, r wire.ReplayRequest) (int, error)
}

func webhookRoutes() []Route {
	const read, write = "webhook:read", "webhook:write"
	return []Route{
		{
			Method: get, Pattern: "/v1/webhooks", Grant: read, Summary: "All webhooks and how they do",
			Response: wire.WebhookList{}, Statuses: []int{200, 503}, Handler: getWebhooks,
		},
		{
			Method: post, Pattern: "/v1/webhooks", Grant: write, Summary: "Make a webhook; its secret is shown this once",
			Request: wire.WebhookRequest{}, Response: wire.WebhookSecret{}, Statuses: []int{201, 409, 422, 503}, Handler: postWebhook,
		},
		{
			Method: get, Pattern: "/v1/webhooks/{webhook}", Grant: read, Summary: "One webhook",
			Response: wire.Webhook{}, Statuses: []int{200, 404, 503}, Handler: getWebhook,
		},
		{
			Method: patch, Pattern: "/v1/webhooks/{webhook}", Grant: write, Summary: "Change, disable or enable a webhook (merge patch)",
			Request: wire.WebhookPatch{}, Types: []string{typeMerge}, Response: wire.Webhook{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: patchWebhook,
		},
		{
			Method: remove, Pattern: "/v1/webhooks/{webhook}", Grant: write, Summary: "Forget a webhook with its dead letters",
			Statuses: []int{204, 404, 409, 503}, Handler: deleteWebhook,
		},
		{
			Method: post, Pattern: "/v1/webhooks/{webhook}/rotate", Grant: write, Summary: "A new secret; the old one signs too for a while",
			Request: wire.WebhookRotation{}, Response: wire.WebhookSecret{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postWebhookRotate,
		},
		{
			Method: post, Pattern: "/v1/webhooks/{webhook}/test", Grant: write, Summary: "Send a test event now",
			Response: wire.WebhookAttempt{}, Statuses: []int{200, 404, 503}, Handler: postWebhookTest,
		},
		{
			Method: get, Pattern: "/v1/webhooks/{webhook}/attempts", Grant: read, Summary: "The last attempts, newest first",
			Response: wire.WebhookAttemptList{}, Statuses: []int{200, 404, 503}, Handler: getWebhookAttempts,
		},
		{
			Method: get, Pattern: "/v1/webhooks/{webhook}/dead", Grant: read, Query: []string{"cursor", "limit"}, Summary: "Events that could not be delivered",
			Response: wire.DeadLetterList{}, Statuses: []int{200, 404, 422, 503}, Handler: getWebhookDead,
		},
		{
			Method: post, Pattern: "/v1/webhooks/{webhook}/replay", Grant: write, Summary: "Send dead letters again",
			Request: wire.ReplayRequest{}, Response: wire.ReplayAnswer{}, Statuses: []int{202, 404, 422, 503}, Handler: postWebhookReplay,
		},
	}
}

func (q *request) webhooks() (Webhooks, error) {
	if q.s.deps.Webhooks == nil {
		return nil, problem.New(http.StatusServiceUnavailable, "webhooks_off", "webhooks are not running here")
	}
	return q.s.deps.Webhooks, nil
}

// replyWebhook answers with what f makes, or its error.
func replyWebhook[T any](q *request, status int, f func(w Webhooks, id string) (T, error)) error {
	w, err := q.webhooks()
	if err != nil {
		return err
	}
	v, err := f(w, q.path("webhook"))
	if err != nil {
		return err
	}
	return q.reply(status, v)
}

func getWebhooks(q *request) error {
	return replyWebhook(q, http.StatusOK, func(w Webhooks, _ string) (wire.WebhookList, error) {
		return wire.WebhookList{Items: list(w.List())}, nil
	})
}

func getWebhook(q *request) error {
	return replyWebhook(q, http.StatusOK, func(w Webhooks, id string) (wire.Webhook, error) { return w.Get(id) })
}

func postWebhook(q *request) error {
	var in wire.WebhookRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.URL == "" {
		return invalid("/url", "required", "say where to")
	}
	return replyWebhook(q, http.StatusCreated, func(w Webhooks, _ string) (wire.WebhookSecret, error) {
		var s wire.WebhookSecret
		err := q.administer(act{"webhook.create", "webhook.created", "", some("to", placeOf(in.URL), "events", strings.Join(in.Events, " "))}, func() (string, error) {
			var err error
			s, err = w.Create(q.ctx(), in, q.actor())
			return s.Webhook.ID, err
		})
		if err == nil {
			q.header("Location", "/v1/webhooks/"+s.Webhook.ID)
		}
		return s, err
	})
}

func patchWebhook(q *request) error {
	var in wire.WebhookPatch
	if err := q.decode(&in); err != nil {
		return err
	}
	return replyWebhook(q, http.StatusOK, func(w Webhooks, id string) (h wire.Webhook, err error) {
		return h, q.administer(act{"webhook.change", "webhook.changed", id, changeOf(in)}, func() (string, error) {
			h, err = w.Change(q.ctx(), id, in)
			return "", err
		})
	})
}

// changeOf says what of a webhook is to change.
func changeOf(p wire.WebhookPatch) map[string]string {
	out := map[string]string{}
	if p.URL != nil {
		out["to"] = placeOf(*p.URL)
	}
	if p.Events != nil {
		out["events"] = strings.Join(*p.Events, " ")
	}
	if p.Enabled != nil {
		out["enabled"] = strconv.FormatBool(*p.Enabled)
	}
	if p.Description != nil {
		out["description"] = "changed"
	}
	return out
}

func deleteWebhook(q *request) error {
	w, err := q.webhooks()
	if err == nil {
		err = q.administer(act{"webhook.delete", "webhook.deleted", q.path("webhook"), nil}, func() (string, error) {
			return "", w.Delete(q.ctx(), q.path("webhook"))
		})
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

func postWebhookRotate(q *request) error {
	var in wire.WebhookRotation
	if err := q.decode(&in); err != nil {
		return err
	}
	return replyWebhook(q, http.StatusOK, func(w Webhooks, id string) (s wire.WebhookSecret, err error) {
		keep := ""
		if in.KeepSeconds != nil {
			keep = strconv.Itoa(*in.KeepSeconds)
		}
		return s, q.administer(act{"webhook.rotate", "webhook.rotated", id, some("keep_seconds", keep)}, func() (string, error) {
			s, err = w.Rotate(q.ctx(), id, in.KeepSeconds)
			return "", err
		})
	})
}

func postWebhookTest(q *request) error {
	return replyWebhook(q, http.StatusOK, func(w Webhooks, id string) (wire.WebhookAttempt, error) { return w.Test(q.ctx(), id) })
}

func getWebhookAttempts(q *request) error {
	return replyWebhook(q, http.StatusOK, func(w Webhooks, id string) (wire.WebhookAttemptList, error) {
		items, err := w.Attempts(id)
		return wire.WebhookAttemptList{Items: list(items)}, err
	})
}

func getWebhookDead(q *request) error {
	limit, err := q.limit()
	if err != nil {
		return err
	}
	var after uint64
	if s := q.r.URL.Query().Get("cursor"); s != "" {
		if after, err = strconv.ParseUint(s, 10, 64); err != nil {
			return invalidQuery("cursor", "cursor must be the one of the page before")
		}
	}
	return replyWebhook(q, http.StatusOK, func(w Webhooks, id string) (wire.DeadLetterList, error) {
		items, next, err := w.Dead(id, after, limit)
		out := wire.DeadLetterList{Items: list(items)}
		if next > 0 {
			out.Next = strconv.FormatUint(next, 10)
		}
		return out, err
	})
}

func postWebhookReplay(q *request) error {
	var in wire.ReplayRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	return replyWebhook(q, http.StatusAccepted, func(w Webhooks, id string) (wire.ReplayAnswer, error) {
		n, err := w.Replay(q.ctx(), id, in)
		return wire.ReplayAnswer{Count: n}, err
	})
}
