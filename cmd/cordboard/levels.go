package main

import "github.com/cordboard/cordboard/signaling/wire"

// denoise is how the noise suppression of a leg begins: an agent's as the agent's entry says, a trunk's as the
// trunk's, and for the customer what the call's queue says in place of that.
func (n *node) denoise(l wire.Leg, trunk, queue string) (p wire.DenoisePatch) {
	for _, t := range n.cfg.SIP.Trunks {
		if l.Kind == wire.LegSIP && (t.Name == trunk || trunk == "" && len(n.cfg.SIP.Trunks) == 1) {
			p = t.Denoise.Over(p)
		}
	}
	if n.desk == nil {
		return p
	}
	customer, agent := n.desk.DenoiseOf(queue, l.Agent)
	if l.Role == wire.RoleCustomer {
		p = customer.Over(p)
	}
	return agent.Over(p)
}
