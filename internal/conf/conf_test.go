package conf

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type trunk struct {
	Name    string
	Sources []netip.Prefix
}

// Embedded is embedded.
type Embedded struct{ Inside string }

type sample struct {
	Embedded
	HTTP struct {
		Listen  string
		Timeout time.Duration
	}
	RTPPortMin uint16
	Gain       float64
	Secure     bool
	Names      []string
	Trunks     []trunk
	Hidden     string `toml:"-"`
	Renamed    int    `toml:"other"`
}

func TestLoad(t *testing.T) {
	for _, c := range []struct{ name, text, wantErr string }{
		{"all kinds", "rtp_port_min = 10000\ngain = 1\nsecure = true\nnames = ['a','b']\nother = -3\n[http]\nlisten = ':1'\ntimeout = '20ms'\n[[trunks]]\nname='x'\nsources=['10.0.0.0/8']\n", ""},
		{"syntax", "a = = 1", "line 1"},
		{"unknown key", "rtp_port_mn = 1", `unknown key "rtp_port_mn"; did you mean "rtp_port_min"?`},
		{"unknown section key", "[http]\nlissten = 'x'", `unknown key "http.lissten"; did you mean "listen"?`},
		{"bare duration", "[http]\ntimeout = 20", `http.timeout: want a duration with its unit in quotes, like "20ms", got 20`},
		{"wrong type", "secure = 'yes'", "secure: want true or false, got yes"},
		{"port too large", "rtp_port_min = 70000", "rtp_port_min: want a number in range, got 70000"},
		{"bad prefix", "[[trunks]]\nsources=['10.0.0.300/8']", "trunks[0].sources[0]"},
		{"hidden", "hidden = 'x'", `unknown key "hidden"`},
		{"not tables", "trunks = 3", "trunks: want an array of tables, [[trunks]]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s sample
			err := Load([]byte(c.text), &s)
			if c.wantErr == "" {
				if err != nil {
					t.Fatal(err)
				}
				var want sample
				want.HTTP.Listen, want.HTTP.Timeout = ":1", 20*time.Millisecond
				want.RTPPortMin, want.Gain, want.Secure, want.Names, want.Renamed = 10000, 1, true, []string{"a", "b"}, -3
				want.Trunks = []trunk{{Name: "x", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
				if d := cmp.Diff(want, s, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
					t.Error(d)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("got %v, want %q in it", err, c.wantErr)
			}
		})
	}
}

func TestEnv(t *testing.T) {
	var s sample
	err := Env("CB", []string{"CB_HTTP_LISTEN=:9", "CB_HTTP_TIMEOUT=1s", "CB_NAMES=a, b", "CB_SECURE=true", "CB_OTHER=5", "HOME=/"}, &s)
	if err != nil {
		t.Fatal(err)
	}
	if s.HTTP.Listen != ":9" || s.HTTP.Timeout != time.Second || !slices.Equal(s.Names, []string{"a", "b"}) || !s.Secure || s.Renamed != 5 {
		t.Errorf("got %+v", s)
	}
	if err := Env("CB", []string{"CB_HTTP_LISTN=:9"}, &s); err == nil || !strings.Contains(err.Error(), `did you mean "CB_HTTP_LISTEN"?`) {
		t.Errorf("misspelt variable: got %v", err)
	}
}

func TestKeys(t *testing.T) {
	want := []string{"inside", "http.listen", "http.timeout", "rtp_port_min", "gain", "secure", "names", "trunks", "other"}
	if d := cmp.Diff(want, Keys(&sample{})); d != "" {
		t.Error(d)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("names = ['a']\n[http]\ntimeout='3s'")
	f.Add("[[trunks]]\nname='x'")
	f.Fuzz(func(t *testing.T, text string) {
		var a, b sample
		errA, errB := Load([]byte(text), &a), Load([]byte(text), &b)
		if (errA == nil) != (errB == nil) || (errA == nil && cmp.Diff(a, b, cmp.Comparer(func(x, y netip.Prefix) bool { return x == y })) != "") {
			t.Errorf("not the same twice: %v %v", errA, errB)
		}
	})
}
