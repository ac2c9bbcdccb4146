// Command control-plane is a contact centre on cordboard's public API alone, for a server with
// desk.enabled = false: it answers calls, lets them wait with music, bridges the oldest one with the first free
// agent's telephone, records it, and does what the agent's keys say: * pauses the recording for three seconds, in
// which no key reaches a program, # transfers the caller. It is an example to start from; it keeps nothing on disk.
//
//	CORDBOARD_TOKEN=… control-plane -api http://127.0.0.1:8080 -agents main/201,main/202 -transfer main/300
//
// The token needs call:read, call:dial, leg:control, recording:control, recording:pause and events:all.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/client"
	"github.com/cordboard/cordboard/signaling/wire"
)

// contact is one caller. A leg is "" while it is not there; agent is "trunk/number".
type contact struct {
	caller, agentLeg, targetLeg, recording, agent string
	bridged                                       bool
}

// plane is the whole state; only the loop over the events touches it.
type plane struct {
	api      *client.Client
	transfer string
	free     []string // agents, the longest idle first
	waiting  []string // calls, the oldest first
	calls    map[string]*contact
}

func main() {
	api := flag.String("api", "http://127.0.0.1:8080", "the server")
	agents := flag.String("agents", "", "agents' telephones as trunk/number, with commas")
	transfer := flag.String("transfer", "", "where # sends a caller, as trunk/number")
	flag.Parse()
	p := &plane{
		api: client.New(*api, os.Getenv("CORDBOARD_TOKEN")), transfer: *transfer,
		free: strings.Split(*agents, ","), calls: map[string]*contact{},
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := p.run(ctx); ctx.Err() == nil {
		log.Fatal(err)
	}
}

// run follows the events until ctx ends. A connection that breaks comes back after the last event; where events were
// missed the calls in between are unknown, and it is better to begin anew.
func (p *plane) run(ctx context.Context) error {
	events := p.api.Events(ctx, client.EventOptions{Hello: func(wire.Hello) { log.Print("connected") }})
	for e, err := range events {
		if err != nil {
			return err
		}
		if err := p.take(ctx, e); err != nil {
			log.Printf("%s of %s: %v", e.Type, e.CallID, err)
		}
	}
	return ctx.Err()
}

func (p *plane) take(ctx context.Context, e wire.Event) error {
	c := p.calls[e.CallID]
	switch d := e.Data.(type) {
	case wire.Call:
		switch {
		case e.Type == "call.created" && d.Direction == wire.Inbound && len(d.Legs) > 0:
			return p.answer(ctx, d)
		case e.Type == "call.ended" && c != nil:
			delete(p.calls, e.CallID)
			p.waiting = slices.DeleteFunc(p.waiting, func(id string) bool { return id == e.CallID })
			return p.release(ctx, c)
		}
	case wire.Leg:
		switch {
		case c == nil:
		case e.Type == "leg.answered" && d.ID == c.agentLeg:
			return p.bridge(ctx, e.CallID, c)
		case e.Type == "leg.answered" && d.ID == c.targetLeg:
			return p.api.PostLegHangup(ctx, c.agentLeg, wire.HangupRequest{}) // the transfer is complete
		case e.Type == "leg.ended":
			return p.left(ctx, e.CallID, c, d.ID)
		}
	case wire.Digit:
		switch {
		case c == nil || d.LegID != c.agentLeg:
		case d.Digit == "*" && c.recording != "":
			_, err := p.api.PostRecordingPause(ctx, c.recording, wire.PauseRequest{MaxSeconds: 3})
			return err
		case d.Digit == "#" && c.targetLeg == "":
			return p.dial(ctx, e.CallID, p.transfer, wire.RoleExpert, &c.targetLeg)
		}
	}
	return nil
}

// answer takes a call and lets it wait with music.
func (p *plane) answer(ctx context.Context, d wire.Call) error {
	c := &contact{caller: d.Legs[0].ID}
	p.calls[d.ID] = c
	if _, err := p.api.PostLegAnswer(ctx, c.caller); err != nil {
		return err
	}
	if _, err := p.api.PostLegHold(ctx, c.caller); err != nil {
		return err
	}
	p.waiting = append(p.waiting, d.ID)
	return p.serve(ctx)
}

// serve rings free agents for those who wait. An agent who cannot be rung goes to the end of the line.
func (p *plane) serve(ctx context.Context) error {
	for len(p.waiting) > 0 && len(p.free) > 0 {
		c, agent := p.calls[p.waiting[0]], p.free[0]
		p.free = p.free[1:]
		if err := p.dial(ctx, p.waiting[0], agent, wire.RoleAgent, &c.agentLeg); err != nil {
			p.free = append(p.free, agent)
			return err
		}
		c.agent, p.waiting = agent, p.waiting[1:]
	}
	return nil
}

func (p *plane) bridge(ctx context.Context, id string, c *contact) error {
	c.bridged = true
	if _, err := p.api.PostLegResume(ctx, c.caller); err != nil {
		return err
	}
	r, err := p.api.PostCallRecordings(ctx, id, wire.RecordingRequest{})
	c.recording = r.ID
	return err
}

// left deals with a leg that is gone: nobody may be left alone.
func (p *plane) left(ctx context.Context, id string, c *contact, leg string) error {
	switch {
	case leg == c.targetLeg && c.agentLeg != "":
		c.targetLeg = "" // did not answer: the agent still has the call
		return nil
	case leg == c.agentLeg && !c.bridged: // did not answer: the caller keeps the place
		p.waiting = slices.Insert(p.waiting, 0, id)
		fallthrough
	case leg == c.agentLeg && c.targetLeg != "":
		return p.release(ctx, c)
	}
	return p.api.PostCallEnd(ctx, id, wire.HangupRequest{})
}

// release makes a call's agent free again.
func (p *plane) release(ctx context.Context, c *contact) error {
	if c.agent != "" {
		p.free = append(p.free, c.agent)
	}
	c.agent, c.agentLeg = "", ""
	return p.serve(ctx)
}

func (p *plane) dial(ctx context.Context, call, to string, role wire.Role, leg *string) error {
	trunk, number, _ := strings.Cut(to, "/")
	a, err := p.api.PostLegs(ctx, wire.LegRequest{Kind: wire.LegSIP, CallID: call, Trunk: trunk, To: number, Role: role}, client.PostLegsQuery{})
	*leg = a.Leg.ID
	return err
}
