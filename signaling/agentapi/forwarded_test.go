package agentapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestClientBehindProxies(t *testing.T) {
	f := newFixture(t, func(c *Config, _ *Deps) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	for _, c := range []struct {
		name, peer string
		header     []string
		want       string
	}{
		{"no proxy", "192.0.2.1:99", nil, "192.0.2.1"},
		{"a stranger who says another", "192.0.2.1:99", []string{"198.51.100.7"}, "192.0.2.1"},
		{"the proxy itself", "10.0.0.1:99", nil, "10.0.0.1"},
		{"behind the proxy", "10.0.0.1:99", []string{"198.51.100.7"}, "198.51.100.7"},
		{"behind two", "10.0.0.1:99", []string{"198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		{"behind two, a line each", "10.0.0.1:99", []string{"198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
		{"who says another first", "10.0.0.1:99", []string{"203.0.113.9, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		{"who says a proxy first", "10.0.0.1:99", []string{"10.9.9.9, 198.51.100.7"}, "198.51.100.7"},
		{"of proxies alone", "10.0.0.1:99", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"with a port", "10.0.0.1:99", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"IPv6 with a port", "[fd00::1]:99", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"IPv6 in brackets", "[fd00::1]:99", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:99", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"nonsense", "10.0.0.1:99", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		{"nonsense behind a proxy", "10.0.0.1:99", []string{"evil, 10.0.0.2"}, "10.0.0.2"},
		{"nothing", "10.0.0.1:99", []string{""}, "10.0.0.1"},
		{"no peer", "", []string{"198.51.100.7"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		for _, h := range c.header {
			r.Header.Add("X-Forwarded-For", h)
		}
		if got := f.s.client(r).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Limits and audit go by the people behind the proxy, and nobody chooses an address for the limits.
func TestW100_LimitsBehindAProxy(t *testing.T) {
	var log *audit.Log
	f := newFixture(t, func(c *Config, d *Deps) {
		c.TrustedProxies, log = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, d.Audit
	})
	n := 0
	ask := func(forwarded, peer string) int {
		n++
		r := httptest.NewRequest("POST", "/v1/callbacks/requests", strings.NewReader(fmt.Sprintf(`{"number":"0415%05d","name":"Ana","queue":"main"}`, n)))
		r.RemoteAddr = peer + ":99"
		r.Header.Set("X-Forwarded-For", forwarded)
		w := httptest.NewRecorder()
		f.s.Handler().ServeHTTP(w, r)
		return w.Code
	}
	for i := range publicBurst + 2 {
		want := http.StatusAccepted
		if i >= publicBurst {
			want = http.StatusTooManyRequests
		}
		if got := ask(fmt.Sprintf("203.0.113.%d, 198.51.100.7", i), "192.0.2.1"); got != want {
			t.Errorf("request %d: %d, want %d", i, got, want)
		}
	}
	if got := ask("198.51.100.8", "192.0.2.1"); got != http.StatusAccepted {
		t.Errorf("somebody else behind the proxy: %d", got)
	}
	for i := range publicBurst + 1 { // past the proxy the header is nobody's word
		if got := ask(fmt.Sprintf("203.0.113.%d", i), "198.51.100.9"); (got == http.StatusAccepted) != (i < publicBurst) {
			t.Errorf("a stranger's request %d: %d", i, got)
		}
	}
	w := f.ask(f.token("alice"), "GET", "/v1/call-records", "", "X-Forwarded-For", "198.51.100.7")
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	entries, _, err := log.List(audit.Filter{Limit: 1})
	if err != nil || len(entries) != 1 || entries[0].From != "198.51.100.7" {
		t.Errorf("%+v, %v", entries, err)
	}
}

func TestTrustedProxiesAreNotEverybody(t *testing.T) {
	for text, good := range map[string]bool{"10.0.0.5/32": true, "fd00::/8": true, "0.0.0.0/0": false, "::/0": false} {
		c := DefaultConfig()
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(text)}
		if err := c.Validate(); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A command over an event socket comes from where the socket does.
func TestCommandsComeFromTheSocketsClient(t *testing.T) {
	var log *audit.Log
	f := newFixture(t, func(_ *Config, d *Deps) { log = d.Audit })
	c := &socket{s: f.s, ctx: t.Context(), from: "198.51.100.7"}
	var err error
	if c.claims, err = f.keys.Verify(f.token("alice")); err != nil {
		t.Fatal(err)
	}
	if got := f.s.command(c, wire.Command{ID: "1", Method: "GET", Path: "/v1/call-records"}); got.Status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	entries, _, err := log.List(audit.Filter{Limit: 1})
	if err != nil || len(entries) != 1 || entries[0].From != "198.51.100.7" {
		t.Errorf("%+v, %v", entries, err)
	}
}
