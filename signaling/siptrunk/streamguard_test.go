package siptrunk

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// TestStreamGuard: a panic of the parser ends its connection with an error; others, broken streams and
// keep-alives pass as they are.
func TestStreamGuard(t *testing.T) {
	const options = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	messages := 0
	parser := func() streamParser {
		p := sip.NewParser().NewSIPStream()
		return func(data []byte) error {
			if bytes.Contains(data, []byte("poison")) {
				panic("index out of range")
			}
			return p.ParseSIPStream(data, func(sip.Message) { messages++ })
		}
	}
	var log strings.Builder
	for name, c := range map[string]struct {
		writes   []string
		messages int
		breaks   bool
	}{
		"one":          {[]string{options}, 1, false},
		"in pieces":    {[]string{options[:20], options[20:60], options[60:]}, 1, false},
		"keep-alives":  {[]string{"\r\n\r\n", options, "\r\n", options}, 2, false},
		"two at once":  {[]string{options + options}, 2, false},
		"the panic":    {[]string{options, "poison"}, 1, true},
		"split header": {[]string{options[:len(options)-4], "\r\n", "\r\n"}, 1, false},
		"broken":       {[]string{"hello\r\n\r\n", "and more"}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			messages = 0
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			out, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			in, err := guardedListener{l, slog.New(slog.NewTextHandler(&log, nil)), parser}.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			buf := make([]byte, 4096)
			broke := false
			for _, w := range c.writes {
				if _, err := out.Write([]byte(w)); err != nil {
					t.Fatal(err)
				}
				n, err := in.Read(buf)
				broke = broke || err != nil
				if err == nil && string(buf[:n]) != w {
					t.Errorf("read %q, want %q", buf[:n], w)
				}
			}
			if broke != c.breaks || messages != c.messages {
				t.Errorf("broke %v after %d messages, want %v after %d", broke, messages, c.breaks, c.messages)
			}
		})
	}
	if !strings.Contains(log.String(), "sip parser panicked") {
		t.Errorf("log: %s", log.String())
	}
}
