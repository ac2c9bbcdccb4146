package siptrunk

import (
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"
)

// number is a telephone number or user part that may be logged: only its last four digits show.
type number string

// LogValue implements slog.LogValuer.
func (n number) LogValue() slog.Value {
	r := []rune(string(n))
	if len(r) <= 4 {
		return slog.StringValue("****")
	}
	return slog.StringValue("****" + string(r[len(r)-4:]))
}

// maxText bounds a name or number taken from a header, in runes.
const maxText = 128

// clean makes text from a header fit to show: valid UTF-8 without control and direction characters,
// quoted-pairs undone, at most maxText runes.
func clean(s string) string {
	var b strings.Builder
	n, escaped := 0, false
	for _, r := range s {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		escaped = false
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			continue
		}
		if n++; n > maxText {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// userOf is the number in a URI: the user part, or all of a tel URI, without parameters.
func userOf(u *sip.Uri) string {
	s := u.User
	if u.Scheme == "tel" {
		s = u.Raw()
	}
	s, _, _ = strings.Cut(s, ";")
	return clean(unescape(s))
}

// unescape undoes %XX in a user part; what is malformed stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	hex := func(c byte) int {
		switch {
		case c >= '0' && c <= '9':
			return int(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			return int(c|0x20-'a') + 10
		}
		return -1
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && hex(s[i+1]) >= 0 && hex(s[i+2]) >= 0 {
			b = append(b, byte(hex(s[i+1])<<4|hex(s[i+2])))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// dialable reports whether a user part may go into a request as it is (RFC 3261 section 25.1, user, less
// the characters that need thought).
func dialable(s string) bool {
	if s == "" || len(s) > maxText {
		return false
	}
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', strings.ContainsRune("+*#-_.~", r):
		default:
			return false
		}
	}
	return true
}

// quotable reports whether a display name may go between quotes.
func quotable(s string) bool {
	if len(s) > 4*maxText || !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, unicode.IsControl) < 0
}

func quote(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}
