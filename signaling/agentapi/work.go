package agentapi

import (
	"context"
	"net/http"

	"github.com/cordboard/cordboard/signaling/wire"
)

// WorkDesk is what the API asks of the desk's written requests.
type WorkDesk interface {
	MakeWork(ctx context.Context, r wire.WorkRequest, actor string) (wire.Work, error)
	ReplyWork(ctx context.Context, id, text, actor string) (wire.Work, error)
	CloseWork(ctx context.Context, id, actor string) (wire.Work, error)
	CancelWork(ctx context.Context, id, actor string) (wire.Work, error)
	Work(id string) (wire.Work, error)
	Works(queue, agent string) []wire.Work
	AcceptAll(ctx context.Context, agentID, actor string) ([]wire.Offer, error)
}

// workRoutes are the routes of written requests.
func workRoutes() []Route {
	const read, write = "work:read", "work:write"
	return []Route{
		{
			Method: post, Pattern: "/v1/work", Grant: write, Summary: "A written request (email, chat, social) into a queue",
			Request: wire.WorkRequest{}, Response: wire.Work{}, Statuses: []int{201, 422, 429, 503}, Handler: postWork,
		},
		{
			Method: get, Pattern: "/v1/work", Grant: read, Own: "agent:self", Query: []string{"queue", "cursor", "limit"},
			Summary:  "Written requests that are not closed, in the order they wait in; an agent's token sees the agent's",
			Response: wire.WorkList{}, Statuses: []int{200, 422, 503}, Handler: getWorks,
		},
		{
			Method: get, Pattern: "/v1/work/{work}", Grant: read, Own: "agent:self", Summary: "One written request",
			Response: wire.Work{}, Statuses: []int{200, 404, 503}, Handler: getWork,
		},
		{
			Method: post, Pattern: "/v1/work/{work}/reply", Grant: write, Own: "agent:self", Summary: "Reply and close it; work.replied carries the reply, and the agent wraps up",
			Request: wire.WorkReply{}, Response: wire.Work{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postWorkReply,
		},
		{
			Method: post, Pattern: "/v1/work/{work}/close", Grant: write, Own: "agent:self", Summary: "Close it without a reply; the agent wraps up",
			Response: wire.Work{}, Statuses: []int{200, 404, 409, 503}, Handler: postWorkClose,
		},
		{
			Method: remove, Pattern: "/v1/work/{work}", Grant: write, Summary: "Take a written request back, whatever it is doing",
			Response: wire.Work{}, Statuses: []int{200, 404, 409, 503}, Handler: deleteWork,
		},
	}
}

func postWork(q *request) error {
	var in wire.WorkRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	w, err := d.MakeWork(q.ctx(), in, q.actor())
	if err != nil {
		return err
	}
	q.header("Location", "/v1/work/"+w.ID)
	return q.reply(http.StatusCreated, w)
}

func getWorks(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	page, next, err := paged(q, d.Works(q.r.URL.Query().Get("queue"), q.onBehalf()), func(w wire.Work) string { return w.ID })
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.WorkList{Items: page, Next: next})
}

// work checks that a written request is the token's agent's business.
func (q *request) work() (Desk, wire.Work, error) {
	d, err := q.desk()
	if err != nil {
		return nil, wire.Work{}, err
	}
	w, err := d.Work(q.path("work"))
	if err == nil && !q.all() && (q.claims.Agent == "" || w.Agent != q.claims.Agent) {
		err = q.notOwn("work", w.ID)
	}
	return d, w, err
}

func getWork(q *request) error {
	_, w, err := q.work()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func postWorkReply(q *request) error {
	var in wire.WorkReply
	if err := q.decode(&in); err != nil {
		return err
	}
	d, w, err := q.work()
	if err == nil {
		w, err = d.ReplyWork(q.ctx(), w.ID, in.Text, q.actor())
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func postWorkClose(q *request) error {
	d, w, err := q.work()
	if err == nil {
		w, err = d.CloseWork(q.ctx(), w.ID, q.actor())
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func deleteWork(q *request) error {
	d, w, err := q.work()
	if err == nil {
		w, err = d.CancelWork(q.ctx(), w.ID, q.actor())
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}
