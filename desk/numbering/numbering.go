// Package numbering says when two telephone numbers are the same one, written nationally or internationally: with
// country 386, trunk prefix 0 and international prefix 00, 040 123 456, 0038640123456 and +386 40 123 456 are. It
// knows one country's dialling plan as far as its prefixes go, and no ranges: numbers are compared, not checked.
package numbering

import (
	"fmt"
	"strings"
)

// Plan is how numbers are written here. The zero value knows no country: only +386… and 00386… are the same then.
type Plan struct {
	// Country is the country code, without + or zeros ("386"); empty: national numbers are compared as they stand.
	Country string `toml:"country" json:"country,omitempty"`
	// Trunk is what a national number begins with in place of the country code ("0"; "1" in North America). Empty: a
	// number without an international prefix is a national one as it stands (Spain, Denmark; Italy, whose zero stays).
	Trunk string `toml:"trunk" json:"trunk,omitempty"`
	// International is what is dialled in place of the plus; empty: "00".
	International string `toml:"international" json:"international,omitempty"`
	// NationalDigits is the length of a number that is national without the trunk prefix too (10 in North America);
	// 0: there is none.
	NationalDigits int `toml:"national_digits" json:"national_digits,omitempty"`
}

// Validate refuses what is no plan.
func (p Plan) Validate() error {
	for _, d := range []struct {
		name, digits string
		most         int
	}{{"country", p.Country, 3}, {"trunk", p.Trunk, 3}, {"international", p.International, 5}} {
		if strings.Trim(d.digits, "0123456789") != "" || len(d.digits) > d.most {
			return fmt.Errorf("desk: numbering: %s %q is not up to %d digits", d.name, d.digits, d.most)
		}
	}
	switch {
	case strings.HasPrefix(p.Country, "0"):
		return fmt.Errorf("desk: numbering: country %q begins with a zero", p.Country)
	case p.Country == "" && (p.Trunk != "" || p.NationalDigits != 0):
		return fmt.Errorf("desk: numbering: trunk and national_digits need a country")
	case p.NationalDigits < 0 || p.NationalDigits > 14:
		return fmt.Errorf("desk: numbering: national_digits lies between 0 and 14")
	}
	return nil
}

// Key is equal for numbers that are the same: the international form without the plus as far as the plan knows it,
// otherwise the number as it stands. Spaces, hyphens, dots, commas, slashes and brackets do not count in it. What is
// no number (a SIP address) stays as it is.
func (p Plan) Key(number string) string {
	n := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.,/()", r) {
			return -1
		}
		return r
	}, number)
	if strings.Trim(strings.TrimPrefix(n, "+"), "0123456789") != "" {
		return number
	}
	if rest, ok := strings.CutPrefix(n, "+"); ok {
		return rest
	}
	international := p.International
	if international == "" {
		international = "00"
	}
	if rest, ok := strings.CutPrefix(n, international); ok && rest != "" {
		return rest
	}
	if p.Country == "" || n == "" {
		return n
	}
	if rest, ok := strings.CutPrefix(n, p.Trunk); ok && rest != "" && len(n) != p.NationalDigits {
		return p.Country + rest
	}
	if len(n) == p.NationalDigits {
		return p.Country + n
	}
	return n
}
