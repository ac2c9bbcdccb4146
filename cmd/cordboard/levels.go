package main

import "github.com/cordboard/cordboard/signaling/wire"

// denoise is how the noise suppression of a leg begins: an agent's as the agent's entry says, a trunk's as the
// trunk's, and for the customer what the call's queue says in place of that.
func (c *config) denoise(l wire.Leg, trunk, queue string) (p wire.DenoisePatch) {
	over := func(o wire.DenoisePatch) {
		if o.In != nil {
			p.In = o.In
		}
		if o.Out != nil {
			p.Out = o.Out
		}
	}
	for _, t := range c.SIP.Trunks {
		if l.Kind == wire.LegSIP && (t.Name == trunk || trunk == "" && len(c.SIP.Trunks) == 1) {
			over(t.Denoise)
		}
	}
	for _, q := range c.Desk.Queues {
		if l.Role == wire.RoleCustomer && q.ID == queue {
			over(q.Denoise)
		}
	}
	for _, a := range c.Desk.Agents {
		if l.Agent != "" && a.ID == l.Agent {
			over(a.Denoise)
		}
	}
	return p
}
