package main

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/internal/conf"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestDenoiseBegins: trunk, then queue for the customer; an agent's own entry for the agent.
func TestDenoiseBegins(t *testing.T) {
	c := defaults()
	if err := conf.Load([]byte(`
[sip]
[[sip.trunks]]
name = "a"
proxy = "192.0.2.1:5060"
denoise = { in = 80, out = 10 }
[[sip.trunks]]
name = "b"
proxy = "192.0.2.2:5060"
[desk]
[[desk.queues]]
id = "q"
denoise = { in = 0 }
[[desk.queues]]
id = "r"
[[desk.numbers]]
number = "1"
queue = "q"
[[desk.agents]]
id = "maja"
denoise = { in = 60, out = 50 }
`), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Desk.Validate(); err != nil {
		t.Fatal(err)
	}
	d, err := desk.New(c.Desk.Config, desk.Deps{Plane: &call.Board{}, Bus: event.New(16, 1, time.Now), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{cfg: c, desk: d}
	const none = -1
	for _, k := range []struct {
		name         string
		leg          wire.Leg
		trunk, queue string
		in, out      int
	}{
		{"the trunk's", wire.Leg{Kind: wire.LegSIP, Role: wire.RoleCustomer}, "a", "r", 80, 10},
		{"the queue's over the trunk's", wire.Leg{Kind: wire.LegSIP, Role: wire.RoleCustomer}, "a", "q", 0, 10},
		{"an expert over the trunk", wire.Leg{Kind: wire.LegSIP, Role: wire.RoleExpert}, "a", "q", 80, 10},
		{"another trunk", wire.Leg{Kind: wire.LegSIP, Role: wire.RoleCustomer}, "b", "", none, none},
		{"no telephone", wire.Leg{Kind: wire.LegRTP, Role: wire.RoleExpert}, "", "q", none, none},
		{"the agent's", wire.Leg{Kind: wire.LegWebRTC, Role: wire.RoleAgent, Agent: "maja"}, "", "q", 60, 50},
		{"somebody else", wire.Leg{Kind: wire.LegWebRTC, Role: wire.RoleAgent, Agent: "ana"}, "", "q", none, none},
	} {
		p := n.denoise(k.leg, k.trunk, k.queue)
		in, out := none, none
		if p.In != nil {
			in = *p.In
		}
		if p.Out != nil {
			out = *p.Out
		}
		if in != k.in || out != k.out {
			t.Errorf("%s: in %d, out %d, want %d and %d", k.name, in, out, k.in, k.out)
		}
	}
	n.cfg.SIP.Trunks[0].Denoise.In = new(int)
	*n.cfg.SIP.Trunks[0].Denoise.In = 101
	n.cfg.SIP.UDP, n.cfg.SIP.AdvertisedIP = "127.0.0.1:0", "127.0.0.1"
	if err := n.cfg.SIP.Validate(); err == nil {
		t.Error("a level of 101 is valid")
	}
}
