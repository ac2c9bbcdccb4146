// Package validate refuses SIP messages that the parser lets through and RFC 3261 does not: a mandatory
// header missing or there twice, a method in CSeq that is not the request's, an empty branch, a wrong
// version or URI scheme, extensions and bodies we do not speak. It is the step between the parser and
// the transaction user; it holds no state and knows no trunk.
//
// A Refusal carries the status and the headers that go with it (Unsupported, Accept, Allow), so that the
// caller has nothing to decide.
package validate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Limits on one message.
const (
	MaxMessage = 64 << 10 // bytes
	MaxHeaders = 128
	MaxBody    = 16 << 10 // bytes of a description; other bodies are smaller still
)

// What we speak, for the headers of refusals and of answers to OPTIONS.
const (
	Allow  = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER"
	Accept = "application/sdp"
)

// Refusal is why a request is not taken and how to say so.
type Refusal struct {
	Status int
	Reason string
	Header [][2]string // name and value, in order
}

func (r *Refusal) Error() string { return strconv.Itoa(r.Status) + " " + r.Reason }

func refuse(status int, reason string, header ...[2]string) *Refusal {
	return &Refusal{Status: status, Reason: reason, Header: header}
}

func bad(format string, args ...any) *Refusal {
	return refuse(sip.StatusBadRequest, fmt.Sprintf(format, args...))
}

// The headers that must be there exactly once, by long name in lower case.
var once = []string{"from", "to", "call-id", "cseq"}

// The headers that may be there once at most.
var atMostOnce = []string{"max-forwards", "content-length", "content-type", "date", "expires", "subject", "user-agent"}

// long maps the compact header names (RFC 3261 section 20) that matter here.
var long = map[string]string{
	"f": "from", "t": "to", "i": "call-id", "v": "via", "l": "content-length", "c": "content-type",
	"m": "contact", "e": "content-encoding", "s": "subject", "k": "supported",
}

// Name is a header's long name in lower case.
func Name(h sip.Header) string {
	n := strings.ToLower(h.Name())
	if l, ok := long[n]; ok {
		return l
	}
	return n
}

// Request checks a parsed request. It returns nil when the request may go on.
func Request(r *sip.Request) *Refusal {
	count := make(map[string]int)
	for _, h := range r.Headers() {
		count[Name(h)]++
		if strings.ContainsAny(h.Value(), "\r\n\x00") {
			return bad("Control Character In Header")
		}
	}
	if len(r.Headers()) > MaxHeaders {
		return refuse(sip.StatusMessageTooLarge, "Too Many Headers")
	}
	if r.SipVersion != "SIP/2.0" {
		return refuse(sip.StatusVersionNotSupported, "Version Not Supported")
	}
	if ref := headers(r, count); ref != nil {
		return ref
	}
	if ref := uri(r); ref != nil {
		return ref
	}
	if r.IsAck() || r.IsCancel() {
		return nil // neither may be refused for an extension, and an ACK gets no answer at all
	}
	if ref := extensions(r); ref != nil {
		return ref
	}
	return body(r, count)
}

func headers(r *sip.Request, count map[string]int) *Refusal {
	for _, n := range once {
		if count[n] != 1 {
			return bad("%s Header Must Be There Once", title(n))
		}
	}
	for _, n := range atMostOnce {
		if count[n] > 1 {
			return bad("Repeated %s Header", title(n))
		}
	}
	via := r.Via()
	if via == nil || via.Host == "" {
		return bad("Missing Via Header")
	}
	if !strings.EqualFold(via.ProtocolName, "SIP") || via.ProtocolVersion != "2.0" {
		return bad("Unknown Protocol In Via")
	}
	branch, _ := via.Params.Get("branch")
	if branch == sip.RFC3261BranchMagicCookie {
		return bad("Empty Branch")
	}
	if strings.TrimSpace(string(r.CSeq().MethodName)) != string(r.Method) {
		return bad("CSeq Method Mismatch")
	}
	if r.CallID().Value() == "" {
		return bad("Empty Call-ID")
	}
	if tag, _ := r.From().Params.Get("tag"); tag == "" {
		return bad("Missing Tag In From")
	}
	if h := r.MaxForwards(); h != nil {
		if h.Val() > 255 {
			return bad("Max-Forwards Out Of Range")
		}
		// A call that we pass on as a call of our own counts as a hop (RFC 7332 section 4).
		if h.Val() == 0 && r.IsInvite() {
			return refuse(sip.StatusTooManyHops, "Too Many Hops")
		}
	}
	if (r.IsInvite() || r.Method == sip.UPDATE || r.Method == sip.REFER) && count["contact"] != 1 {
		return bad("Contact Header Must Be There Once")
	}
	if c := r.Contact(); c != nil && r.IsInvite() && c.Address.Scheme != "sip" && c.Address.Scheme != "sips" {
		return bad("Contact Is No SIP URI")
	}
	return nil
}

func uri(r *sip.Request) *Refusal {
	u := &r.Recipient
	switch {
	case u.Scheme != "sip" && u.Scheme != "sips" && u.Scheme != "tel":
		return refuse(sip.StatusRequestedRangeNotSatisfiable, "Unsupported URI Scheme")
	case u.Headers.Length() > 0:
		return bad("Headers In Request-URI")
	case u.Scheme != "tel" && u.Host == "":
		return bad("No Host In Request-URI")
	case strings.ContainsAny(u.String(), " \t<>\""):
		return bad("Malformed Request-URI")
	}
	return nil
}

// extensions refuses what the far side requires and we do not do: 420 with the list (RFC 3261 8.2.2.3).
func extensions(r *sip.Request) *Refusal {
	var unsupported []string
	for _, h := range r.GetHeaders("require") {
		for tag := range strings.SplitSeq(h.Value(), ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				unsupported = append(unsupported, tag)
			}
		}
	}
	if len(unsupported) == 0 {
		return nil
	}
	return refuse(sip.StatusBadExtension, "Bad Extension", [2]string{"Unsupported", strings.Join(unsupported, ", ")})
}

func body(r *sip.Request, count map[string]int) *Refusal {
	if len(r.Body()) > MaxBody {
		return refuse(sip.StatusMessageTooLarge, "Message Too Large")
	}
	if r.IsInvite() && count["accept"] > 0 && !accepts(r) {
		return refuse(sip.StatusNotAcceptable, "Not Acceptable")
	}
	if len(r.Body()) == 0 {
		return nil
	}
	for _, h := range r.Headers() {
		if Name(h) == "content-encoding" && !strings.EqualFold(h.Value(), "identity") {
			return refuse(sip.StatusUnsupportedMediaType, "Unsupported Content Encoding", [2]string{"Accept-Encoding", "identity"})
		}
	}
	if r.IsInvite() || r.Method == sip.UPDATE {
		if MediaType(r) != Accept {
			return refuse(sip.StatusUnsupportedMediaType, "Unsupported Media Type", [2]string{"Accept", Accept})
		}
	}
	return nil
}

// accepts reports whether the answer we would give is among what the Accept headers allow.
func accepts(r *sip.Request) bool {
	for _, h := range r.GetHeaders("accept") {
		for part := range strings.SplitSeq(h.Value(), ",") {
			switch mediaType(part) {
			case Accept, "application/*", "*/*":
				return true
			}
		}
	}
	return false
}

// MediaType is the body's type without parameters in lower case, "" if it has none.
func MediaType(m sip.Message) string {
	for _, h := range m.(interface{ Headers() []sip.Header }).Headers() {
		if Name(h) == "content-type" {
			return mediaType(h.Value())
		}
	}
	return ""
}

func mediaType(s string) string {
	t, _, _ := strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// Response reports whether a response is for us: exactly one Via, and ours.
func Response(r *sip.Response, ours func(host string, port int) bool) bool {
	n := 0
	for _, h := range r.Headers() {
		if Name(h) == "via" {
			n++
		}
	}
	via := r.Via()
	return n == 1 && via != nil && r.CSeq() != nil && r.CallID() != nil && ours(via.Host, via.Port)
}

// title writes a header's name as people do: call-id becomes Call-Id.
func title(n string) string {
	b := []byte(n)
	for i := range b {
		if (i == 0 || b[i-1] == '-') && b[i] >= 'a' && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}
