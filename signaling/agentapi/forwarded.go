package agentapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// client is the address a request comes from: the peer's, or, where the peer is a proxy of http.trusted_proxies, the
// rightmost address in X-Forwarded-For that is no such proxy. Each proxy adds the address it was asked from at the
// right, so what stands left of that one is only what somebody outside says. What is no address ends the search: then
// it is the proxy before it. The zero Addr where not even the peer is known.
func (s *Server) client(r *http.Request) netip.Addr {
	at := address(r.RemoteAddr)
	if !s.proxy(at) {
		return at
	}
	var hops []string
	for _, line := range r.Header.Values("X-Forwarded-For") {
		hops = append(hops, strings.Split(line, ",")...)
	}
	for _, hop := range slices.Backward(hops) {
		next := address(strings.TrimSpace(hop))
		if !next.IsValid() {
			break
		}
		if at = next; !s.proxy(at) {
			break
		}
	}
	return at
}

// proxy says whether an address is one of a proxy we believe.
func (s *Server) proxy(a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(s.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// address reads an address with or without a port; the zero Addr for anything else.
func address(text string) netip.Addr {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// from is the address of the client as the audit log has it, "" where it is not known.
func (q *request) from() string {
	if a := q.s.client(q.r); a.IsValid() {
		return a.String()
	}
	return ""
}

// household is the client for limits of people without a token: of IPv6 the /64, which one household has.
func (q *request) household() string {
	a := q.s.client(q.r)
	if !a.IsValid() || a.Is4() {
		return q.from()
	}
	p, _ := a.Prefix(64) // an IPv6 address has 128 bits
	return p.String()
}
