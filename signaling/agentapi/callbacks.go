package agentapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// CallbackDesk is what the API asks of the desk's callbacks.
type CallbackDesk interface {
	PlanCallback(ctx context.Context, r wire.CallbackRequest, agentID, actor string) (wire.Callback, error)
	ChangeCallback(ctx context.Context, id string, r wire.CallbackRequest, version uint64, agentID, actor string) (wire.Callback, error)
	RescheduleCallback(ctx context.Context, id string, r wire.CallbackRequest, agentID, actor string) (wire.Callback, error)
	AssignCallback(ctx context.Context, id, assignee string, alone time.Duration, agentID, actor string) (wire.Callback, error)
	CancelCallback(ctx context.Context, id, agentID, actor string) (wire.Callback, error)
	CompleteCallback(ctx context.Context, id, result, agentID, actor string) (wire.Callback, error)
	DialCallback(ctx context.Context, id, number, agentID, actor string) (wire.Callback, error)
	TakeBack(ctx context.Context, callID string, r wire.CallbackFromCall, actor string) (wire.Callback, error)
	AskCallback(ctx context.Context, ask wire.CallbackAsk, trusted bool) (wire.CallbackReceipt, error)
	ConfirmCallback(ctx context.Context, id, code string) (wire.CallbackReceipt, error)
	Callback(id string) (wire.Callback, error)
	Callbacks(by desk.CallbackFilter) []wire.Callback
	CallbackMine(id, agentID string) bool
	Slots(queue, date, zone string) ([]wire.Slot, error)
	EntryPoints() wire.EntryPointList
}

// What people without a token may ask: per address and per number to be called, a burst and then one in so
// many seconds.
const (
	publicBurst  = 5
	publicPeriod = 60 * time.Second
)

// callbackRoutes are the routes of callbacks.
func callbackRoutes() []Route {
	return []Route{
		{
			Method: post, Pattern: "/v1/callbacks", Act: "callback", Grant: "callback:write", Own: "agent:self", Summary: "Schedule a callback",
			Request: wire.CallbackRequest{}, Response: wire.Callback{}, Statuses: []int{201, 422, 503}, Handler: postCallback,
		},
		{
			Method: get, Pattern: "/v1/callbacks", Grant: "callback:read", Own: "agent:self",
			Query:    []string{"state", "queue", "assignee", "number", "open", "cursor", "limit"},
			Summary:  "Callbacks by the time they are due; an agent's token sees the agent's own and those of the agent's queues",
			Response: wire.CallbackList{}, Statuses: []int{200, 422, 503}, Handler: getCallbacks,
		},
		{
			Method: get, Pattern: "/v1/callbacks/slots", Grant: "callback:read", Own: "agent:self", Query: []string{"queue", "date", "zone"},
			Summary: "The slots of a day in which a callback can be scheduled", Response: wire.SlotList{}, Statuses: []int{200, 422, 503}, Handler: getSlots,
		},
		{
			Method: get, Pattern: "/v1/callbacks/entry-points", Grant: "callback:read", Own: "agent:self",
			Summary: "The numbers callbacks can be made from now, and whether any can be planned", Response: wire.EntryPointList{}, Statuses: []int{200, 503}, Handler: getEntryPoints,
		},
		{
			Method: post, Pattern: "/v1/callbacks/requests", Public: true,
			Summary: "A customer asks for a callback on a web site; a code is sent to the number",
			Request: wire.CallbackAsk{}, Response: wire.CallbackReceipt{}, Statuses: []int{202, 422, 429, 503}, Handler: postCallbackRequest,
		},
		{
			Method: post, Pattern: "/v1/callbacks/requests/{callback}/confirm", Public: true, Summary: "Confirm such a request with the code",
			Request: wire.CallbackCode{}, Response: wire.CallbackReceipt{}, Statuses: []int{200, 404, 409, 422, 429, 503}, Handler: postCallbackConfirm,
		},
		{
			Method: post, Pattern: "/v1/callbacks/trusted", Grant: "callback:write",
			Summary: "A customer's request that a program has verified itself: no code",
			Request: wire.CallbackAsk{}, Response: wire.CallbackReceipt{}, Statuses: []int{201, 422, 503}, Handler: postCallbackTrusted,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/callback", Grant: "callback:write",
			Summary: "A waiting call becomes a callback that keeps its place; 204 while the caller leaves a message first",
			Request: wire.CallbackFromCall{}, Response: wire.Callback{}, Statuses: []int{201, 204, 404, 409, 422, 503}, Handler: postCallCallback,
		},
		{
			Method: get, Pattern: "/v1/callbacks/{callback}", Grant: "callback:read", Own: "agent:self", Summary: "One callback",
			Response: wire.Callback{}, Statuses: []int{200, 404, 503}, Handler: getCallback,
		},
		{
			Method: http.MethodPut, Pattern: "/v1/callbacks/{callback}", Act: "callback", Grant: "callback:write", Own: "agent:self",
			Summary: "Change a callback whose time has not come; entry_point, preferred, attempts and retry_seconds stay where empty",
			Request: wire.CallbackRequest{}, Response: wire.Callback{}, Statuses: []int{200, 404, 409, 412, 422, 503}, Handler: putCallback,
		},
		{
			Method: remove, Pattern: "/v1/callbacks/{callback}", Act: "callback", Grant: "callback:write", Own: "agent:self",
			Summary:  "Cancel a callback, until it is offered; one that is being dialled hangs up",
			Response: wire.Callback{}, Statuses: []int{200, 404, 409, 503}, Handler: deleteCallback,
		},
		{
			Method: post, Pattern: "/v1/callbacks/{callback}/reschedule", Act: "callback", Grant: "callback:write", Own: "agent:self",
			Summary: "Another time, after an attempt or a failure; empty fields but the time stay",
			Request: wire.CallbackRequest{}, Response: wire.Callback{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postReschedule,
		},
		{
			Method: post, Pattern: "/v1/callbacks/{callback}/assign", Act: "callback", Grant: "callback:write", Own: "agent:self",
			Summary: "Give a callback to an agent, or to nobody in particular, until it is offered",
			Request: wire.CallbackAssign{}, Response: wire.Callback{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postAssign,
		},
		{
			Method: post, Pattern: "/v1/callbacks/{callback}/dial", Act: "callback", Grant: "callback:write", Own: "agent:self",
			Summary: "Dial the callback the agent has in preview",
			Request: wire.DialRequest{}, Response: wire.Callback{}, Statuses: []int{200, 404, 409, 422, 429, 503}, Handler: postCallbackDial,
		},
		{
			Method: post, Pattern: "/v1/callbacks/{callback}/complete", Act: "callback", Grant: "callback:write", Own: "agent:self", Summary: "Close a callback",
			Request: wire.CallbackDone{}, Response: wire.Callback{}, Statuses: []int{200, 404, 409, 503}, Handler: postComplete,
		},
		{
			Method: get, Pattern: "/v1/callbacks/{callback}/message", Grant: "callback:read", Own: "agent:self", Stream: true,
			Summary: "The caller's voice message, with Range", Response: "audio/ogg", Also: []string{"audio/wav"}, Statuses: []int{200, 206, 404, 416, 503}, Handler: getMessage,
		},
	}
}

// callback checks that a callback is the token's agent's business.
func (q *request) callback() (Desk, string, error) {
	d, err := q.desk()
	if err != nil {
		return nil, "", err
	}
	cid := q.path("callback")
	if _, err := d.Callback(cid); err != nil {
		return nil, "", err
	}
	if !q.all() && !d.CallbackMine(cid, q.claims.Agent) {
		return nil, "", q.notOwn("callback", cid)
	}
	return d, cid, nil
}

// onBehalf is the agent whose access counts: none for a token that may do all.
func (q *request) onBehalf() string {
	if q.all() {
		return ""
	}
	return q.claims.Agent
}

func (q *request) replyCallback(status int, c wire.Callback, err error) error {
	if err != nil {
		return err
	}
	q.header("ETag", strconv.Quote(strconv.FormatUint(c.Version, 10)))
	return q.reply(status, c)
}

func postCallback(q *request) error {
	var in wire.CallbackRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	if err := q.resolve(d, &in, nil); err != nil {
		return err
	}
	c, err := d.PlanCallback(q.ctx(), in, q.onBehalf(), q.actor())
	if err == nil {
		q.header("Location", "/v1/callbacks/"+c.ID)
	}
	return q.replyCallback(http.StatusCreated, c, err)
}

func getCallbacks(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	v := q.r.URL.Query()
	f := desk.CallbackFilter{
		State: wire.CallbackState(v.Get("state")), Queue: v.Get("queue"), Assignee: v.Get("assignee"), Number: v.Get("number"),
		Agent: q.onBehalf(), Open: v.Get("open") == "true",
	}
	shown := f.Number
	if veil.Masked(shown) {
		f.Number = ""
	}
	items := d.Callbacks(f)
	if veil.Masked(shown) {
		items = alike(items, shown)
	}
	page, next, err := paged(q, items, func(c wire.Callback) string { return c.ID })
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.CallbackList{Items: page, Next: next})
}

// paged cuts a page out of a list that is in order: after the cursor's item, as long as the limit.
func paged[T any](q *request, items []T, key func(T) string) ([]T, string, error) {
	limit, err := q.limit()
	if err != nil {
		return nil, "", err
	}
	if cursor := q.r.URL.Query().Get("cursor"); cursor != "" {
		at := -1
		for i, it := range items {
			if key(it) == cursor {
				at = i
				break
			}
		}
		if at < 0 {
			return nil, "", invalidQuery("cursor", "the cursor's item is not in the list any more, begin anew")
		}
		items = items[at+1:]
	}
	if len(items) <= limit {
		return list(items), "", nil
	}
	return items[:limit], key(items[limit-1]), nil
}

func getSlots(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	v := q.r.URL.Query()
	s, err := d.Slots(v.Get("queue"), v.Get("date"), v.Get("zone"))
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.SlotList{Items: list(s)})
}

func getEntryPoints(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	l := d.EntryPoints()
	l.Items = list(l.Items)
	return q.reply(http.StatusOK, l)
}

// strangers limits what people without a token may ask: by address, and by the number to be called.
func (q *request) strangers(number string) error {
	for _, key := range []string{"ip:" + q.household(), "number:" + strings.Map(digitsOnly, number)} {
		if strings.HasSuffix(key, ":") {
			continue
		}
		if wait, ok := q.s.publicLimits.take(key); !ok {
			e := problem.New(http.StatusTooManyRequests, "rate_limited", "too many requests, try again later")
			e.Limit, e.RetryAfter = publicBurst, int(wait/time.Second)+1
			return e
		}
	}
	return nil
}

func digitsOnly(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}

func postCallbackRequest(q *request) error {
	var in wire.CallbackAsk
	if err := q.decode(&in); err != nil {
		return err
	}
	if err := q.strangers(in.Number); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	r, err := d.AskCallback(q.ctx(), in, false)
	if err != nil {
		return err
	}
	return q.reply(http.StatusAccepted, r)
}

func postCallbackConfirm(q *request) error {
	var in wire.CallbackCode
	if err := q.decode(&in); err != nil {
		return err
	}
	if err := q.strangers(""); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	r, err := d.ConfirmCallback(q.ctx(), q.path("callback"), in.Code)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, r)
}

func postCallbackTrusted(q *request) error {
	var in wire.CallbackAsk
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	r, err := d.AskCallback(q.ctx(), in, true)
	if err != nil {
		return err
	}
	q.header("Location", "/v1/callbacks/"+r.ID)
	return q.reply(http.StatusCreated, r)
}

func postCallCallback(q *request) error {
	var in wire.CallbackFromCall
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	c, err := d.TakeBack(q.ctx(), q.path("call"), in, q.actor())
	if err != nil {
		return err
	}
	if c.ID == "" {
		return q.reply(http.StatusNoContent, nil)
	}
	q.header("Location", "/v1/callbacks/"+c.ID)
	return q.replyCallback(http.StatusCreated, c, nil)
}

func getCallback(q *request) error {
	d, cid, err := q.callback()
	if err != nil {
		return err
	}
	c, err := d.Callback(cid)
	return q.replyCallback(http.StatusOK, c, err)
}

func putCallback(q *request) error {
	var in wire.CallbackRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, cid, err := q.callback()
	if err != nil {
		return err
	}
	var version uint64
	if tag := q.r.Header.Get("If-Match"); tag != "" && tag != "*" {
		if version, err = strconv.ParseUint(strings.Trim(tag, `"`), 10, 64); err != nil || version == 0 {
			return problem.New(http.StatusPreconditionFailed, "version_mismatch", "this is no version of a callback")
		}
	}
	if err := q.resolveOf(d, cid, &in); err != nil {
		return err
	}
	c, err := d.ChangeCallback(q.ctx(), cid, in, version, q.onBehalf(), q.actor())
	return q.replyCallback(http.StatusOK, c, err)
}

func deleteCallback(q *request) error {
	d, cid, err := q.callback()
	if err != nil {
		return err
	}
	c, err := d.CancelCallback(q.ctx(), cid, q.onBehalf(), q.actor())
	return q.replyCallback(http.StatusOK, c, err)
}

func postReschedule(q *request) error {
	var in wire.CallbackRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, cid, err := q.callback()
	if err != nil {
		return err
	}
	if err := q.resolveOf(d, cid, &in); err != nil {
		return err
	}
	c, err := d.RescheduleCallback(q.ctx(), cid, in, q.onBehalf(), q.actor())
	return q.replyCallback(http.StatusOK, c, err)
}

func postAssign(q *request) error {
	var in wire.CallbackAssign
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.FallbackSeconds < 0 {
		return invalid("/fallback_seconds", "out_of_range", "it must not be negative")
	}
	d, cid, err := q.callback()
	if err != nil {
		return err
	}
	c, err := d.AssignCallback(q.ctx(), cid, in.Assignee, time.Duration(in.FallbackSeconds)*time.Second, q.onBehalf(), q.actor())
	return q.replyCallback(http.StatusOK, c, err)
}

func postCallbackDial(q *request) error {
	var in wire.DialRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, cid, err := q.callback()
	if err != nil {
		return err
	}
	if veil.Masked(in.Number) { // the callback's own, as it was shown
		w, err := d.Callback(cid)
		if err != nil {
			return err
		}
		if in.Number, err = (person{numbers: []string{w.Number}}).behind(in.Number, "/number"); err != nil {
			return err
		}
	}
	c, err := d.DialCallback(q.ctx(), cid, in.Number, q.onBehalf(), q.actor())
	return q.replyCallback(http.StatusOK, c, err)
}

func postComplete(q *request) error {
	var in wire.CallbackDone
	if err := q.decode(&in); err != nil {
		return err
	}
	d, cid, err := q.callback()
	if err != nil {
		return err
	}
	c, err := d.CompleteCallback(q.ctx(), cid, in.Result, q.onBehalf(), q.actor())
	return q.replyCallback(http.StatusOK, c, err)
}

// getMessage plays the caller's own voice: the recording's track of the customer.
func getMessage(q *request) error {
	d, cid, err := q.callback()
	if err != nil {
		return err
	}
	c, err := d.Callback(cid)
	if err != nil {
		return err
	}
	if c.Recording == "" {
		return problem.NotFound("message", cid)
	}
	recs := q.s.deps.Recordings
	if recs == nil {
		return problem.New(http.StatusServiceUnavailable, "recorder_off", "recordings are switched off in the configuration")
	}
	rec, err := recs.Get(c.Recording)
	if err != nil {
		return err
	}
	for _, t := range rec.Tracks {
		if t.Role == wire.RoleCustomer {
			track, _, contentType, err := recs.OpenTrack(q.ctx(), rec.ID, t.ID)
			if err != nil {
				return err
			}
			defer track.Close()
			if err := q.auditPlay(rec, t.ID, false); err != nil {
				return err
			}
			q.header("Content-Type", contentType)
			q.status = http.StatusOK
			http.ServeContent(q.w, q.r, "", time.Time{}, track)
			return nil
		}
	}
	return problem.NotFound("message", cid)
}
