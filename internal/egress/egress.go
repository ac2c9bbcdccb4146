// Package egress makes HTTP clients for addresses that somebody else has chosen: webhooks, routing hooks, keys and
// sign-in providers. Where a name leads is looked at when the connection is made, after it was resolved, and again
// at each redirect; so a name that changes its mind between two look-ups, or a redirect to the inside, gets nowhere.
// Loopback, private, link-local (with the clouds' metadata), shared and reserved networks are refused unless they
// are listed. No proxy of the environment is used, since it would connect in our place.
package egress

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Config is the part of the configuration that says where the server may connect to on others' request.
type Config struct {
	// Allow are networks that may be reached although they are not public.
	Allow []netip.Prefix `toml:"allow"`
}

// Validate refuses an empty network.
func (c Config) Validate() error {
	for _, p := range c.Allow {
		if !p.IsValid() {
			return errors.New("egress.allow holds an empty network")
		}
	}
	return nil
}

// ErrBlocked: the address is in a network that may not be reached.
var ErrBlocked = errors.New("egress: the address is not public and not listed in egress.allow")

const (
	dialLimit    = 5 * time.Second
	maxRedirects = 3
	maxURL       = 2048
)

// blocked are the networks that are not the public Internet (IANA's special-purpose registries), and one
// address of a cloud's own that is.
var blocked = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
	"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

// nat64 carries an IPv4 address in its last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// Permits says whether an address may be connected to. An IPv4 address in an IPv6 one counts as itself.
func (c Config) Permits(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !ip.IsValid() {
		return false
	}
	for _, p := range c.Allow {
		if p.Contains(ip) {
			return true
		}
	}
	for _, p := range blocked {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// Client is an HTTP client that connects only where it may, for at most timeout from the request to the end of its
// answer. It follows three redirects of those that repeat the request as it is (307, 308), or of any kind for GET;
// never from https to http. Safe for concurrent use.
func (c Config) Client(timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: min(timeout, dialLimit), Control: c.control}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: min(timeout, dialLimit),
			MaxIdleConns: 64, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 32 << 10,
		},
		CheckRedirect: checkRedirect,
	}
}

// control sees the resolved address of every connection before it is made.
func (c Config) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("egress: %q is no address: %w", address, err)
	}
	if !c.Permits(at.Addr()) {
		return fmt.Errorf("%w: %s", ErrBlocked, at.Addr())
	}
	return nil
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("egress: more than %d redirects", maxRedirects)
	case first.URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("egress: a redirect from https to http is not followed")
	case req.Method != first.Method: // 301, 302 and 303 drop the body of a POST
		return http.ErrUseLastResponse
	}
	return checkParts(req.URL)
}

// CheckURL says what is wrong with an address before anything is connected to: it must be http or https with a
// host, no user information and no fragment, and, where its host is an address itself, one that is permitted.
func (c Config) CheckURL(address string) error {
	if len(address) > maxURL {
		return fmt.Errorf("egress: an address is at most %d bytes long", maxURL)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("egress: %q is not an address like https://example.com/path", address)
	}
	if u.Fragment != "" {
		return errors.New("egress: an address has no fragment")
	}
	if err := checkParts(u); err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !c.Permits(ip) {
		return fmt.Errorf("%w: %s", ErrBlocked, ip)
	}
	return nil
}

func checkParts(u *url.URL) error {
	if u.User != nil {
		return errors.New("egress: an address must not carry a user or password")
	}
	return nil
}
