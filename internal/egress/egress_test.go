package egress

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestT11_Permits(t *testing.T) {
	listed := Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for _, c := range []struct {
		ip           string
		open, listed bool
	}{
		{"8.8.8.8", true, true},
		{"2606:4700::1", true, true},
		{"127.0.0.1", false, false},
		{"127.255.0.9", false, false},
		{"0.0.0.0", false, false},
		{"10.1.2.3", false, true},
		{"10.2.2.3", false, false},
		{"172.16.0.1", false, false},
		{"172.32.0.1", true, true},
		{"192.168.1.1", false, false},
		{"100.64.0.1", false, false},
		{"100.100.100.200", false, false}, // a cloud's metadata
		{"168.63.129.16", false, false},   // another one's
		{"169.254.169.254", false, false}, // most clouds'
		{"224.0.0.1", false, false},
		{"255.255.255.255", false, false},
		{"198.18.0.1", false, false},
		{"::", false, false},
		{"::1", false, false},
		{"::ffff:127.0.0.1", false, false},
		{"::ffff:169.254.169.254", false, false},
		{"::ffff:10.1.2.3", false, true},
		{"::ffff:8.8.8.8", true, true},
		{"::7f00:1", false, false}, // IPv4-compatible
		{"64:ff9b::127.0.0.1", false, false},
		{"64:ff9b::8.8.8.8", true, true},
		{"64:ff9b::10.1.2.3", false, true},
		{"64:ff9b:1::1", false, false},
		{"2002:7f00:1::", false, false}, // 6to4 of loopback
		{"2001::1", false, false},       // Teredo
		{"fe80::1", false, false},
		{"fe80::1%eth0", false, false},
		{"fc00::1", false, false},
		{"fd00:1::9", false, true},
		{"fd00:ec2::254", false, false}, // metadata
		{"fec0::1", false, false},
		{"ff02::1", false, false},
	} {
		ip := netip.MustParseAddr(c.ip)
		if got := (Config{}).Permits(ip); got != c.open {
			t.Errorf("%s: %t, want %t", c.ip, got, c.open)
		}
		if got := listed.Permits(ip); got != c.listed {
			t.Errorf("%s with networks listed: %t, want %t", c.ip, got, c.listed)
		}
	}
	if (Config{}).Permits(netip.Addr{}) {
		t.Error("no address at all is permitted")
	}
}

func TestT11_CheckURL(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://example.com/hook":        true,
		"http://example.com:8080/a?b=c":   true,
		"https://[2606:4700::1]/x":        true,
		"":                                false,
		"example.com":                     false,
		"ftp://example.com":               false,
		"file:///etc/passwd":              false,
		"gopher://example.com":            false,
		"https://":                        false,
		"https://:443/":                   false,
		"https://user:pass@example.com/":  false,
		"https://user@example.com/":       false,
		"https://example.com/#part":       false,
		"http://127.0.0.1/":               false,
		"http://[::1]:80/":                false,
		"http://[::ffff:169.254.169.254]": false,
		"https://example.com/" + strings.Repeat("x", 2048): false,
	} {
		if err := (Config{}).CheckURL(address); (err == nil) != ok {
			t.Errorf("%.40s: %v", address, err)
		}
	}
}

// server counts who got through.
func server(t *testing.T, h http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	hits := &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hits.Add(1); h(w, r) }))
	t.Cleanup(s.Close)
	return s, hits
}

func client(t *testing.T, c Config) *http.Client {
	t.Helper()
	cl := c.Client(2 * time.Second)
	t.Cleanup(cl.CloseIdleConnections)
	return cl
}

var loopback = Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}

func TestT11_ConnectsOnlyWhereItMay(t *testing.T) {
	s, hits := server(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if _, err := client(t, Config{}).Post(s.URL, "text/plain", nil); !errors.Is(err, ErrBlocked) { //nolint:bodyclose // no answer
		t.Errorf("loopback: %v", err)
	}
	// The name is good to look at; where it leads is known when it is resolved.
	byName := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	if err := (Config{}).CheckURL(byName); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, Config{}).Get(byName); !errors.Is(err, ErrBlocked) { //nolint:bodyclose // no answer
		t.Errorf("a name of loopback: %v", err)
	}
	if hits.Load() != 0 {
		t.Fatal("a blocked server was reached")
	}
	resp, err := client(t, loopback).Post(s.URL, "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if hits.Load() != 1 {
		t.Error("a listed server was not reached")
	}
}

// A name that leads to a public address when it is looked at and to the inside when it is connected to: what counts
// is the address of the connection. Control sees each, so the resolver cannot matter.
func TestT11_Rebinding(t *testing.T) {
	for _, address := range []string{"127.0.0.1:80", "[::1]:80", "169.254.169.254:80", "[fe80::1%lo]:80"} {
		if err := (Config{}).control("tcp", address, nil); !errors.Is(err, ErrBlocked) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := (Config{}).control("tcp", "8.8.8.8:443", nil); err != nil {
		t.Error(err)
	}
	if err := (Config{}).control("tcp", "nonsense", nil); err == nil {
		t.Error("what is no address is connected to")
	}
}

func TestT11_Redirects(t *testing.T) {
	inside, insideHits := server(t, func(http.ResponseWriter, *http.Request) {})
	// 127.0.0.2 stands for the inside, 127.0.0.1 is listed.
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("this machine has one loopback address only: ", err)
	}
	var reached atomic.Int32
	other := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) })}
	go func() { _ = other.Serve(l) }()
	t.Cleanup(func() { _ = other.Close() })

	var body atomic.Value
	end, _ := server(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body.Store(r.Method + " " + string(b))
	})
	to, status := "", 0
	from, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	})
	post := func() (int, error) {
		resp, err := client(t, loopback).Post(from.URL, "text/plain", strings.NewReader("hello"))
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	to, status = "http://"+l.Addr().String()+"/", http.StatusTemporaryRedirect
	if _, err := post(); !errors.Is(err, ErrBlocked) || reached.Load() != 0 {
		t.Errorf("a redirect to the inside: %v, %d requests", err, reached.Load())
	}
	to, status = end.URL, http.StatusPermanentRedirect
	if got, err := post(); err != nil || got != 200 || body.Load() != "POST hello" {
		t.Errorf("308: %d %v %v", got, err, body.Load())
	}
	to, status = inside.URL, http.StatusFound
	if got, err := post(); err != nil || got != http.StatusFound || insideHits.Load() != 0 {
		t.Errorf("302 of a POST: %d %v, followed %d times", got, err, insideHits.Load())
	}
	to, status = from.URL, http.StatusTemporaryRedirect
	if _, err := post(); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("a loop: %v", err)
	}
	to, status = strings.Replace(end.URL, "http://", "http://user:pass@", 1), http.StatusTemporaryRedirect
	if _, err := post(); err == nil {
		t.Error("a redirect with a password was followed")
	}
}

func TestNoProxyOfTheEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	if tr := (Config{}).Client(time.Second).Transport.(*http.Transport); tr.Proxy != nil {
		t.Error("a proxy would connect in our place")
	}
}

// An address that is blocked as itself is blocked in every dress.
func FuzzPermits(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte{8, 8, 8, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 4 {
			return
		}
		v4 := netip.AddrFrom4([4]byte(b))
		mapped, embedded := netip.AddrFrom16(v4.As16()), netip.MustParseAddr(fmt.Sprintf("64:ff9b::%02x%02x:%02x%02x", b[0], b[1], b[2], b[3]))
		want := (Config{}).Permits(v4)
		if (Config{}).Permits(mapped) != want || (Config{}).Permits(embedded) != want {
			t.Fatalf("%s: %t as itself only", v4, want)
		}
	})
}
