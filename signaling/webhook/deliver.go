package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/egress"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	maxAnswer   = 64 << 10 // of an answer's body, which is read so that the connection can be used again
	retryStore  = time.Second
	maxErrorLen = 200
)

// run delivers until ctx ends.
func (k *hook) run(ctx context.Context) {
	var events []wire.Event
	for ctx.Err() == nil {
		wctx, cancel := context.WithCancel(ctx)
		k.mu.Lock()
		k.wakeup = cancel
		k.mu.Unlock()
		events = k.turn(ctx, wctx, events)
		cancel()
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	k.mu.Lock()
	dirty := k.dirty
	k.mu.Unlock()
	if dirty {
		if err := k.remember(end); err != nil {
			k.all.deps.Log.Warn("webhook state not saved", "webhook", k.def.ID, "cause", err)
		}
	}
}

// turn does one thing, or waits: wait ends when something changes. events are those read and not yet dealt with.
func (k *hook) turn(ctx, wait context.Context, events []wire.Event) []wire.Event {
	k.mu.Lock()
	off, head, redo, dirty := k.state.Disabled != "", k.state.Head, k.redo(), k.dirty
	k.mu.Unlock()
	now := k.now()
	switch {
	case off:
		k.idle(ctx, dirty)
		<-wait.Done()
		return nil
	case redo != nil && !now.Before(redo.Redo.Next):
		k.again(ctx, redo.Seq)
		return events
	case head != nil && now.Before(head.Next):
		next := head.Next
		if redo != nil && redo.Redo.Next.Before(next) {
			next = redo.Redo.Next
		}
		k.sleep(wait, next.Sub(now))
		return events
	case len(events) > 0:
		return k.deal(ctx, events)
	}
	k.idle(ctx, dirty)
	if redo != nil {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(wait, redo.Redo.Next.Sub(now))
		defer cancel()
	}
	return k.fetch(ctx, wait, events)
}

// idle saves what is not saved before there is nothing to do.
func (k *hook) idle(ctx context.Context, dirty bool) {
	if !dirty {
		return
	}
	if err := k.remember(ctx); err != nil && ctx.Err() == nil {
		k.all.deps.Log.Warn("webhook state not saved", "webhook", k.def.ID, "cause", err)
		k.sleep(ctx, retryStore)
	}
}

func (k *hook) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// redo is the dead letter that is to be sent again first. mu is held.
func (k *hook) redo() (first *letter) {
	for _, l := range k.dead {
		if l.Redo != nil && (first == nil || l.Redo.Next.Before(first.Redo.Next) || l.Redo.Next.Equal(first.Redo.Next) && l.Seq < first.Seq) {
			first = l
		}
	}
	return first
}

// fetch waits for events behind Seq that are on disk.
func (k *hook) fetch(ctx, wait context.Context, events []wire.Event) []wire.Event {
	k.mu.Lock()
	seq := k.state.Seq
	k.mu.Unlock()
	src := k.all.deps.Source
	got, err := src.After(wait, seq, events[:0], batch)
	if errors.Is(err, event.ErrExpired) {
		return k.catchUp(ctx, seq, events[:0])
	}
	if err != nil || src.Kept(wait, got[len(got)-1].Seq) != nil {
		return nil // woken up: the same again
	}
	return got
}

// catchUp reads events that only the disk still has.
func (k *hook) catchUp(ctx context.Context, seq uint64, events []wire.Event) []wire.Event {
	last := k.all.deps.Source.Last()
	if seq > last {
		k.all.deps.Log.Error("events that a webhook was given are gone from the log, it goes on with what comes now", "webhook", k.def.ID, "seq", seq, "last", last)
		k.mu.Lock()
		k.state.Seq, k.dirty = last, true
		k.mu.Unlock()
		return events
	}
	got, err := k.all.deps.History.Load(seq, batch)
	if err != nil || len(got) == 0 {
		k.all.deps.Log.Warn("events not read from the store", "webhook", k.def.ID, "after", seq, "cause", err)
		k.sleep(ctx, retryStore)
		return events
	}
	if lost := got[0].Seq - seq - 1; lost > 0 {
		k.all.count.Lock()
		k.all.count.skipped += lost
		k.all.count.Unlock()
		k.all.deps.Log.Error("a webhook was away for so long that the log no longer has its events", "webhook", k.def.ID, "count", lost)
	}
	return append(events, got...)
}

// deal delivers the first event, or passes over it, and gives back the others.
func (k *hook) deal(ctx context.Context, events []wire.Event) []wire.Event {
	e := &events[0]
	k.mu.Lock()
	asked := wants(k.def.Events, e.Type) && !k.about(e)
	try := pending{Seq: e.Seq, First: k.now().UTC()}
	if p := k.state.Head; p != nil && p.Seq == e.Seq {
		try = *p
	}
	k.mu.Unlock()
	if !asked {
		k.pass(ctx, e.Seq)
		return events[1:]
	}
	body, err := json.Marshal(e)
	if err != nil {
		k.all.deps.Log.Error("event cannot be printed", "event", e.Type, "cause", err)
		k.pass(ctx, e.Seq)
		return events[1:]
	}
	a := k.send(ctx, e.ID, body)
	if ctx.Err() != nil {
		return nil // it is not known how it went: again with the same id
	}
	a.Seq, a.Type, a.Attempt = e.Seq, e.Type, try.Attempts+1
	if a.Outcome == wire.WebhookDelivered {
		k.delivered(ctx, a)
		return events[1:]
	}
	if k.failed(&try, &a) {
		if !k.bury(ctx, e, body, try) {
			return events
		}
		k.mu.Lock()
		k.note(a)
		k.mu.Unlock()
		k.pass(ctx, e.Seq)
		k.disableIfLong(ctx, a)
		return events[1:]
	}
	k.mu.Lock()
	k.note(a)
	k.state.Head = &try
	if k.state.Failing.IsZero() {
		k.state.Failing = a.Time
	}
	k.mu.Unlock()
	if a.Status == http.StatusGone {
		k.disable(ctx, "the receiver answered 410: it is gone for good")
	}
	k.idle(ctx, true)
	return events
}

// about says whether an event is about this webhook itself: those it is not given, or a failure would make more.
func (k *hook) about(e *wire.Event) bool {
	switch d := e.Data.(type) {
	case wire.Webhook:
		return d.ID == k.def.ID
	case json.RawMessage: // read back from the disk
		var w struct{ ID string }
		return (e.Type == "webhook.disabled" || e.Type == "webhook.dead_lettered") && json.Unmarshal(d, &w) == nil && w.ID == k.def.ID
	}
	return false
}

// pass moves on behind an event.
func (k *hook) pass(ctx context.Context, seq uint64) {
	k.mu.Lock()
	k.state.Seq, k.state.Head, k.dirty = seq, nil, true
	late := k.now().Sub(k.saved) >= savePace
	k.mu.Unlock()
	if late {
		k.idle(ctx, true)
	}
}

func (k *hook) delivered(ctx context.Context, a wire.WebhookAttempt) {
	k.all.count.Lock()
	k.all.count.delivered++
	k.all.count.Unlock()
	k.mu.Lock()
	k.note(a)
	k.state.Delivered, k.state.Failing = a.Time, time.Time{}
	k.mu.Unlock()
	k.pass(ctx, a.Seq)
}

// failed counts a failure; true when it is not to be tried again.
func (k *hook) failed(try *pending, a *wire.WebhookAttempt) (dead bool) {
	k.all.count.Lock()
	k.all.count.failed++
	k.all.count.Unlock()
	now := k.now().UTC()
	try.Attempts++
	try.Status, try.Error = a.Status, a.Error
	switch a.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		try.Refused++
	}
	// A receiver that says when it will have time again is not asked before, within our own longest wait.
	asked := time.Duration(a.RetryAfterSeconds) * time.Second
	wait := max(k.all.cfg.backoff(try.Attempts), min(asked, k.all.cfg.MaxRetry))
	try.Next = now.Add(wait)
	a.Outcome = wire.WebhookFailed
	if try.Refused >= k.all.cfg.Refusals || now.Sub(try.First) >= k.all.cfg.RetryFor {
		a.Outcome = wire.WebhookDead
		return true
	}
	if end := try.First.Add(k.all.cfg.RetryFor); try.Next.After(end) {
		try.Next = end // one last time
	}
	return false
}

// backoff is the wait after so many failures: anything from 0 to a bound that doubles (full jitter).
func (c Config) backoff(failures int) time.Duration {
	bound := c.MaxRetry
	if shift := failures - 1; shift < 30 {
		bound = min(c.MaxRetry, c.FirstRetry<<shift)
	}
	return time.Duration(rand.Int64N(int64(bound) + 1))
}

// bury makes an event a dead letter, on disk; false when that failed.
func (k *hook) bury(ctx context.Context, e *wire.Event, body []byte, try pending) bool {
	l := &letter{Seq: e.Seq, ID: e.ID, Type: e.Type, CallID: e.CallID, Time: e.Time, Died: k.now().UTC(), Try: try, Body: body}
	if err := put(ctx, k.all.deps.Dead, k.deadKey(e.Seq), l); err != nil {
		k.all.deps.Log.Warn("dead letter not saved", "webhook", k.def.ID, "cause", err)
		k.sleep(ctx, retryStore)
		return false
	}
	l.Body = nil
	k.mu.Lock()
	k.dead[e.Seq] = l
	oldest := e.Seq
	if len(k.dead) > maxDead {
		for seq := range k.dead {
			oldest = min(oldest, seq)
		}
		delete(k.dead, oldest)
	}
	k.mu.Unlock()
	if oldest != e.Seq {
		if err := k.all.deps.Dead.Delete(ctx, k.deadKey(oldest)); err != nil {
			k.all.deps.Log.Warn("dead letter not forgotten", "webhook", k.def.ID, "cause", err)
		}
	}
	k.all.count.Lock()
	k.all.count.dead++
	k.all.count.Unlock()
	k.all.deps.Log.Error("webhook event not delivered", "webhook", k.def.ID, "event", e.ID, "type", e.Type, "attempts", try.Attempts, "status", try.Status)
	k.all.deps.Source.Publish("webhook.dead_lettered", "", "server", k.wire())
	return true
}

// disableIfLong disables a webhook that has taken nothing for as long as an event is tried.
func (k *hook) disableIfLong(ctx context.Context, a wire.WebhookAttempt) {
	k.mu.Lock()
	long := !k.state.Failing.IsZero() && a.Time.Sub(k.state.Failing) >= k.all.cfg.RetryFor
	k.mu.Unlock()
	if long {
		k.disable(ctx, "nothing could be delivered for "+k.all.cfg.RetryFor.String())
	}
}

func (k *hook) disable(ctx context.Context, why string) {
	k.mu.Lock()
	k.state.Disabled = why
	k.mu.Unlock()
	k.idle(ctx, true)
	k.all.deps.Log.Error("webhook disabled", "webhook", k.def.ID, "cause", why)
	k.all.deps.Source.Publish("webhook.disabled", "", "server", k.wire())
}

// again sends a dead letter once more.
func (k *hook) again(ctx context.Context, seq uint64) {
	l, err := k.load(ctx, seq)
	if errors.Is(err, store.ErrNotFound) { // too old by now
		k.mu.Lock()
		delete(k.dead, seq)
		k.mu.Unlock()
		return
	}
	if err != nil || l.Redo == nil {
		k.all.deps.Log.Warn("dead letter not read", "webhook", k.def.ID, "cause", err)
		k.sleep(ctx, retryStore)
		return
	}
	a := k.send(ctx, l.ID, l.Body)
	if ctx.Err() != nil {
		return
	}
	a.Seq, a.Type, a.Attempt = seq, l.Type, l.Redo.Attempts+1
	if a.Outcome == wire.WebhookDelivered {
		k.all.count.Lock()
		k.all.count.delivered++
		k.all.count.Unlock()
		err = k.all.deps.Dead.Delete(ctx, k.deadKey(seq))
		k.mu.Lock()
		delete(k.dead, seq)
		k.state.Delivered = a.Time
	} else {
		over := k.failed(l.Redo, &a)
		err = k.update(ctx, seq, func(x *letter) {
			x.Redo = l.Redo
			if over {
				x.Try.Attempts, x.Try.Status, x.Try.Error = x.Try.Attempts+l.Redo.Attempts, l.Redo.Status, l.Redo.Error
				x.Redo = nil
			}
		})
		k.mu.Lock()
	}
	k.note(a)
	k.mu.Unlock()
	if err != nil {
		k.all.deps.Log.Warn("dead letter not saved", "webhook", k.def.ID, "cause", err)
		k.sleep(ctx, retryStore)
	}
}

// send posts a body once. The outcome is delivered or failed.
func (k *hook) send(ctx context.Context, eventID string, body []byte) wire.WebhookAttempt {
	start := k.now()
	a := wire.WebhookAttempt{Time: start.UTC().Truncate(time.Millisecond), EventID: eventID, Outcome: wire.WebhookFailed}
	var after time.Duration
	a.Status, after, a.Error = k.post(ctx, eventID, body)
	a.RetryAfterSeconds = int((after + time.Second - 1) / time.Second)
	a.MS = k.now().Sub(start).Milliseconds()
	if a.Error == "" {
		a.Outcome = wire.WebhookDelivered
	}
	return a
}

// post sends a body. after is how long the receiver asks to be left alone.
func (k *hook) post(ctx context.Context, eventID string, body []byte) (status int, after time.Duration, failure string) {
	ctx, cancel := context.WithTimeout(ctx, k.all.cfg.Timeout)
	defer cancel()
	k.mu.Lock()
	address := k.def.URL
	k.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, 0, "the address cannot be asked"
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "cordboard-webhook/1")
	hooksig.Sign(req.Header, eventID, k.now(), body, k.signers()...)
	resp, err := k.all.deps.Client.Do(req)
	if err != nil {
		return 0, 0, reason(err)
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode/100 != 2:
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
			after = retryAfter(resp.Header.Get("Retry-After"), k.now())
		}
		return resp.StatusCode, after, "answered " + strconv.Itoa(resp.StatusCode)
	case err != nil:
		return resp.StatusCode, 0, "the answer did not end in time"
	}
	return resp.StatusCode, 0, ""
}

// askedMost bounds what a receiver can ask for, so that no figure overflows.
const askedMost = 7 * 24 * time.Hour

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3): seconds or a date; 0 for none, one that is over or
// one that cannot be read.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) { // n is then the largest
		return time.Duration(min(n, uint64(askedMost/time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(askedMost, max(0, at.Sub(now)))
}

// reason is a failure for people, without the address.
func reason(err error) string {
	switch {
	case errors.Is(err, egress.ErrBlocked):
		return "the address is not public and not listed in egress.allow"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	text := err.Error()
	var u interface{ Unwrap() error }
	if errors.As(err, &u) && u.Unwrap() != nil {
		text = u.Unwrap().Error() // url.Error begins with method and address
	}
	return fmt.Sprintf("%.*s", maxErrorLen, text)
}
