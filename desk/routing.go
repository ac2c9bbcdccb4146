package desk

import (
	"context"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Router asks a routing hook about a call. It answers within the hook's time, whatever happens.
type Router interface {
	Route(ctx context.Context, h floor.RoutingHook, q wire.RouteRequest) wire.Routed
}

// gate holds back what happens to calls whose routing hook has not answered yet, so that the floor learns of it in
// order. Only listen opens and fills it; answers empty it.
type gate map[string][]floor.Input

// ask begins to ask the hook of an arriving call; false when there is none to ask.
func (d *Desk) askHook(ctx context.Context, in floor.CallCreated) bool {
	if d.deps.Router == nil || in.Call.Direction != wire.Inbound {
		return false
	}
	book := d.books.Load()
	h, n, ok := book.HookOf(in.Call.To)
	if !ok {
		return false
	}
	d.held[in.Call.ID] = []floor.Input{}
	d.asking.Go(func() {
		r := book.Accept(n, d.deps.Router.Route(ctx, h, wire.RouteRequest{
			CallID: in.Call.ID, Time: d.deps.Now().UTC(), To: in.Call.To, From: in.Call.From, FromName: in.Call.FromName,
			Number: n.Number, Queue: n.Queue, Variables: in.Call.Variables,
		}))
		if ctx.Err() != nil {
			return // the desk ends, and with it the call
		}
		r.CallID = in.Call.ID
		if r.Outcome != wire.RouteChosen && r.Outcome != wire.RouteUnchanged {
			d.deps.Log.Warn("routing hook left the configured routing", "call", r.CallID, "hook", r.Hook, "outcome", string(r.Outcome), "cause", r.Detail)
		}
		d.deps.Bus.Publish("call.routed", r.CallID, floor.Actor, r)
		if d.deps.Mark != nil {
			d.deps.Mark(r.CallID, wire.TimelineMark{Type: "call.routed", Actor: floor.Actor, Detail: markOf(r)})
		}
		in.Route = &r
		d.gated.Lock()
		defer d.gated.Unlock()
		rest := d.held[r.CallID]
		delete(d.held, r.CallID)
		d.post(letter{in: in})
		for _, x := range rest {
			d.post(letter{in: x})
		}
	})
	return true
}

func markOf(r wire.Routed) string {
	text := r.Hook + ": " + string(r.Outcome)
	if r.Queue != "" {
		text += ", queue " + r.Queue
	}
	if r.Agent != "" {
		text += ", agent " + r.Agent
	}
	for _, s := range r.Skills {
		text += ", skill " + s.Skill
	}
	return text
}

// enter passes an input of the calls on, or holds it back while its call's hook is asked.
func (d *Desk) enter(ctx context.Context, callID string, in floor.Input) {
	d.gated.Lock()
	defer d.gated.Unlock()
	if rest, waiting := d.held[callID]; waiting {
		d.held[callID] = append(rest, in)
		return
	}
	if c, ok := in.(floor.CallCreated); ok && d.askHook(ctx, c) {
		return
	}
	d.post(letter{in: in})
}

// dryRoute asks a number's hook what it would choose, with the candidate's configuration if there is one.
func (d *Desk) dryRoute(c *Config, q wire.DryRunRequest) *wire.Routed {
	book := d.books.Load()
	if c != nil {
		book = floor.NewDirectory(*c)
	}
	h, n, ok := book.HookOf(q.To)
	if !ok || d.deps.Router == nil {
		return nil
	}
	at := d.deps.Now()
	if q.At != nil {
		at = *q.At
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r := book.Accept(n, d.deps.Router.Route(ctx, h, wire.RouteRequest{Time: at.UTC(), To: q.To, From: q.From, Number: n.Number, Queue: n.Queue, DryRun: true}))
	return &r
}
