package validate

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

const good = `INVITE sip:1000@cordboard.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport
From: "Ada" <sip:ada@192.0.2.1>;tag=1
To: <sip:1000@cordboard.example>
Call-ID: a@192.0.2.1
CSeq: 7 INVITE
Contact: <sip:ada@192.0.2.1>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: 5

v=0
`

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// replace is the good message with parts of it exchanged, old and new in turn.
func replace(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(good) }

func TestRequest(t *testing.T) {
	for _, tc := range []struct {
		name   string
		msg    string
		status int // 0: fine; -1: the parser refuses, which BadRequest answers
		header string
	}{
		{"good", good, 0, ""},
		{"compact names", replace("Via:", "v:", "From:", "f:", "To:", "t:", "Call-ID:", "i:", "Contact:", "m:", "Content-Type:", "c:", "Content-Length:", "l:"), 0, ""},
		{"folded and spaced headers", replace("Max-Forwards: 70", "Max-Forwards:\n 70", "CSeq: 7 INVITE", "CSeq  :  7   INVITE"), 0, ""},
		{"names in any case", replace("Call-ID:", "cAlL-iD:", "CSeq:", "CSEQ:"), 0, ""},
		{"unknown headers", replace("Max-Forwards: 70", "Max-Forwards: 70\nX-Odd: ;;,,;;\nNewFangled: 1"), 0, ""},
		{"no Max-Forwards", replace("Max-Forwards: 70\n", ""), 0, ""},
		{"a branch without the cookie", replace("branch=z9hG4bKabc", "branch=abc"), 0, ""},
		{"escaped user", replace("sip:1000@cordboard", "sip:%31%30%30%30@cordboard"), 0, ""},
		{"a telephone URI", replace("INVITE sip:1000@cordboard.example", "INVITE tel:+49301000"), 0, ""},
		{"a proxy's wish", replace("Max-Forwards: 70", "Max-Forwards: 70\nProxy-Require: odd"), 0, ""},
		{"Accept with what we give", replace("Max-Forwards: 70", "Max-Forwards: 70\nAccept: text/plain, application/sdp;level=1"), 0, ""},

		{"no From", replace("From: \"Ada\" <sip:ada@192.0.2.1>;tag=1\n", ""), 400, ""},
		{"no To", replace("To: <sip:1000@cordboard.example>\n", ""), 400, ""},
		{"no Call-ID", replace("Call-ID: a@192.0.2.1\n", ""), 400, ""},
		{"no CSeq", replace("CSeq: 7 INVITE\n", ""), 400, ""},
		{"no Via", replace("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport\n", ""), 400, ""},
		{"no Contact", replace("Contact: <sip:ada@192.0.2.1>\n", ""), 400, ""},
		{"two Contacts", replace("Contact: <sip:ada@192.0.2.1>\n", "Contact: <sip:ada@192.0.2.1>\nContact: <sip:eve@192.0.2.6>\n"), 400, ""},
		{"no tag in From", replace(";tag=1", ""), 400, ""},
		{"two Froms", replace("To: <sip:1000@cordboard.example>", "To: <sip:1000@cordboard.example>\nFrom: <sip:eve@192.0.2.6>;tag=2"), 400, ""},
		{"two Tos", replace("Call-ID", "To: <sip:2000@cordboard.example>\nCall-ID"), 400, ""},
		{"two Call-IDs, one compact", replace("CSeq:", "i: b@192.0.2.1\nCSeq:"), 400, ""},
		{"two CSeqs", replace("Contact:", "CSeq: 8 INVITE\nContact:"), 400, ""},
		{"two Max-Forwards", replace("Max-Forwards: 70", "Max-Forwards: 70\nMax-Forwards: 10"), 400, ""},
		{"two Content-Lengths", replace("Content-Length: 5", "Content-Length: 5\nContent-Length: 2"), 400, ""},
		{"two equal Content-Lengths", replace("Content-Length: 5", "Content-Length: 5\nl: 5"), 400, ""},
		{"CSeq of another method", replace("CSeq: 7 INVITE", "CSeq: 7 BYE"), 400, ""},
		{"an empty branch", replace("branch=z9hG4bKabc", "branch=z9hG4bK"), 400, ""},
		{"another protocol in Via", replace("SIP/2.0/UDP", "SIP/7.0/UDP"), 400, ""},
		{"an unknown version", replace("cordboard.example SIP/2.0", "cordboard.example SIP/7.0"), 505, ""},
		{"an unknown scheme", replace("INVITE sip:1000", "INVITE nobodyKnows:thatscheme/1000"), 416, ""},
		{"a web address", replace("INVITE sip:1000@cordboard.example", "INVITE http://cordboard.example/"), 416, ""},
		{"headers in the URI", replace("INVITE sip:1000@cordboard.example", "INVITE sip:1000@cordboard.example?Route=%3Csip:e%3E"), 400, ""},
		{"a URI in brackets", replace("INVITE sip:1000@cordboard.example", "INVITE <sip:1000@cordboard.example>"), -1, ""},
		{"a URI without host", replace("INVITE sip:1000@cordboard.example", "INVITE sip:1000@"), 400, ""},
		{"an extension we lack", replace("Max-Forwards: 70", "Max-Forwards: 70\nRequire: 100rel, nothingSupports"), 420, "Unsupported: 100rel, nothingSupports"},
		{"another body", replace("application/sdp", "application/unknown"), 415, "Accept: application/sdp"},
		{"a body of no type", replace("Content-Type: application/sdp\n", ""), 415, "Accept: application/sdp"},
		{"an encoded body", replace("Content-Type:", "Content-Encoding: gzip\nContent-Type:"), 415, "Accept-Encoding: identity"},
		{"nothing we could answer with", replace("Max-Forwards: 70", "Max-Forwards: 70\nAccept: text/plain"), 406, ""},
		{"no hops left", replace("Max-Forwards: 70", "Max-Forwards: 0"), 483, ""},
		{"too many hops", replace("Max-Forwards: 70", "Max-Forwards: 300"), 400, ""},
		{"NUL in a header", replace("Max-Forwards: 70", "Max-Forwards: 70\nSubject: a\x00b"), 400, ""},
		{"many headers", replace("Max-Forwards: 70", "Max-Forwards: 70"+strings.Repeat("\nX-A: 1", 150)), 513, ""},
		{"a long body", replace("Content-Length: 5\n\nv=0\n", "Content-Length: 20000\n\n"+strings.Repeat("a", 20000)), 513, ""},
		{"no hops left for OPTIONS", replace("INVITE", "OPTIONS", "Max-Forwards: 70", "Max-Forwards: 0"), 0, ""},

		{"a negative Content-Length", replace("Content-Length: 5", "Content-Length: -5"), -1, ""},
		{"a body shorter than said", replace("Content-Length: 5", "Content-Length: 500"), -1, ""},
		{"CSeq out of range", replace("CSeq: 7 INVITE", "CSeq: 36893488147419103232 INVITE"), -1, ""},
		{"an open quote", replace("\"Ada\"", "\"Ada"), -1, ""},
		{"an open bracket", replace("To: <sip:1000@cordboard.example>", "To: <sip:1000@cordboard.example"), -1, ""},
		{"a header without colon", replace("Max-Forwards: 70", "Max-Forwards 70"), -1, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			msg, err := sip.NewParser().ParseSIP(crlf(tc.msg))
			if tc.status == -1 {
				if err == nil {
					t.Fatalf("the parser takes it:\n%s", tc.msg)
				}
				if got := BadRequest(crlf(tc.msg)); !strings.HasPrefix(string(got), "SIP/2.0 400 ") {
					t.Fatalf("answer %q", got)
				}
				return
			}
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			r := Request(msg.(*sip.Request))
			switch {
			case tc.status == 0 && r != nil:
				t.Errorf("refused: %v", r)
			case tc.status != 0 && r == nil:
				t.Errorf("taken, want %d", tc.status)
			case tc.status != 0 && r.Status != tc.status:
				t.Errorf("refused with %v, want %d", r, tc.status)
			case tc.header != "" && (len(r.Header) != 1 || r.Header[0][0]+": "+r.Header[0][1] != tc.header):
				t.Errorf("headers %q, want %q", r.Header, tc.header)
			}
		})
	}
}

func TestBareLineFeed(t *testing.T) {
	raw := strings.Replace(string(crlf(good)), "Max-Forwards: 70", "Max-Forwards: 70\r\nSubject: a\nRoute: <sip:e>", 1)
	msg, err := sip.NewParser().ParseSIP([]byte(raw))
	if err != nil {
		return // refused by the parser is as good
	}
	if r := Request(msg.(*sip.Request)); r == nil || r.Status != 400 {
		t.Errorf("refusal %v, want 400", r)
	}
}

// TestResponse drops answers that are not ours: another's Via on top, or more than one.
func TestResponse(t *testing.T) {
	ours := func(h string, p int) bool { return h == "192.0.2.9" && p == 5060 }
	res := "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\nContent-Length: 0\n\n"
	for name, tc := range map[string]struct {
		msg  string
		want bool
	}{
		"ours":       {res, true},
		"another's":  {strings.Replace(res, "192.0.2.9:5060", "192.0.2.8:5060", 1), false},
		"other port": {strings.Replace(res, ":5060", ":5070", 1), false},
		"two Vias":   {strings.Replace(res, "From:", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKy\nFrom:", 1), false},
		"no Call-ID": {strings.Replace(res, "Call-ID: x\n", "", 1), false},
	} {
		msg, err := sip.NewParser().ParseSIP(crlf(tc.msg))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := Response(msg.(*sip.Response), ours); got != tc.want {
			t.Errorf("%s: %t, want %t", name, got, tc.want)
		}
	}
}

func TestBadRequestStaysSilent(t *testing.T) {
	for name, msg := range map[string]string{
		"noise":          "\x80\x01\x02\x03",
		"empty":          "",
		"a response":     "SIP/2.0 200 OK\nVia: SIP/2.0/UDP h\nFrom: x\nTo: y\nCall-ID: z\nCSeq: 1 INVITE\n\n",
		"an ACK":         strings.Replace(good, "INVITE sip", "ACK sip", 1),
		"no Via":         replace("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport\n", ""),
		"no CSeq":        replace("CSeq: 7 INVITE\n", ""),
		"huge to echo":   replace("a@192.0.2.1", strings.Repeat("a", 4000)),
		"another thing":  "GET / HTTP/1.1\nHost: x\n\n",
		"two of From":    replace("To:", "From: <sip:x@y>;tag=3\nTo:"),
		"NUL to echo":    replace("a@192.0.2.1", "a\x00b"),
		"only a newline": "\n\n",
	} {
		if got := BadRequest(crlf(msg)); got != nil {
			t.Errorf("%s: answered %q", name, got)
		}
	}
}

// FuzzMessage checks that no bytes from outside break the parser, the checks or the stateless answer, and
// that the answer never amplifies and never carries bytes that end a header early.
func FuzzMessage(f *testing.F) {
	f.Add(crlf(good))
	f.Add(crlf(replace("INVITE", "OPTIONS", "Contact: <sip:ada@192.0.2.1>", "Contact: *")))
	f.Add(crlf(replace("Content-Length: 5", "Content-Length: 99")))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP [::1]:1;branch=z9hG4bK1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if res := BadRequest(data); res != nil {
			if len(res) > len(data)+256 {
				t.Fatalf("%d bytes answered with %d", len(data), len(res))
			}
			if strings.ContainsRune(string(res), 0) || !strings.HasSuffix(string(res), "\r\nContent-Length: 0\r\n\r\n") {
				t.Fatalf("answer %q", res)
			}
		}
		msg, err := sip.NewParser().ParseSIP(data)
		if err != nil {
			return
		}
		req, ok := msg.(*sip.Request)
		if !ok {
			Response(msg.(*sip.Response), func(string, int) bool { return true })
			return
		}
		if Request(req) == nil {
			// What we take has everything that the dialogs rely on.
			if req.From() == nil || req.To() == nil || req.CallID() == nil || req.CSeq() == nil || req.Via() == nil {
				t.Fatal("a mandatory header is missing")
			}
			if req.IsInvite() && req.Contact() == nil {
				t.Fatal("INVITE without Contact")
			}
		}
	})
}
