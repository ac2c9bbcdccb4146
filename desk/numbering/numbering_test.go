package numbering

import (
	"strings"
	"testing"
)

func TestKey(t *testing.T) {
	slovenia := Plan{Country: "386", Trunk: "0"}
	america := Plan{Country: "1", Trunk: "1", International: "011", NationalDigits: 10}
	spain := Plan{Country: "34"}
	for _, c := range []struct {
		plan Plan
		same []string
		key  string
	}{
		{Plan{}, []string{"+38640123456", "0038640123456", "38640123456", "+386 40/123-456"}, "38640123456"},
		{Plan{}, []string{"040123456", "040 123 456", "(040) 123.456"}, "040123456"},
		{slovenia, []string{"+38640123456", "00 386 40 123 456", "040 123 456", "040,123,456", "38640123456"}, "38640123456"},
		{slovenia, []string{"+4930123456", "004930123456", "4930123456"}, "4930123456"},
		{slovenia, []string{"0"}, "0"},
		{slovenia, []string{"00"}, "3860"}, // no number at all
		{america, []string{"+1 212 555 1234", "1 212 555 1234", "(212) 555-1234", "011 1 212 555 1234"}, "12125551234"},
		{america, []string{"+38640123456", "01138640123456"}, "38640123456"},
		{spain, []string{"+34 912 345 678", "912 345 678", "0034912345678"}, "34912345678"},
		{spain, []string{"sip:ana@example.com"}, "sip:ana@example.com"},
		{Plan{}, []string{"", "+", " "}, ""},
	} {
		for _, n := range c.same {
			if got := c.plan.Key(n); got != c.key {
				t.Errorf("%+v: %q is %q, want %q", c.plan, n, got, c.key)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for _, p := range []Plan{{}, {Country: "386", Trunk: "0"}, {Country: "1", Trunk: "1", International: "011", NationalDigits: 10}, {International: "011"}} {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	for _, p := range []Plan{{Country: "+386"}, {Country: "0386"}, {Country: "12345"}, {Trunk: "0"}, {NationalDigits: 10}, {Country: "1", NationalDigits: 20}, {International: "o11"}} {
		if p.Validate() == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}

// FuzzKey: the key of a key's international form is the key.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"", "+", "0", "00", "040 123 456", "+38640123456", "0038640123456", "sip:a@b"} {
		f.Add(s)
	}
	plan := Plan{Country: "386", Trunk: "0"}
	f.Fuzz(func(t *testing.T, s string) {
		k := plan.Key(s)
		if digits := strings.Trim(k, "0123456789") == ""; digits && plan.Key("+"+k) != k || !digits && plan.Key(k) != k {
			t.Errorf("%q: %q, then %q", s, k, plan.Key("+"+k))
		}
	})
}
