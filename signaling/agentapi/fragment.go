package agentapi

import (
	"net/http"
	"strings"

	"github.com/cordboard/cordboard/internal/problem"
)

// maxCandidates is how many candidates one fragment may bring.
const maxCandidates = 20

// fragment is the part of an SDP that trickle ICE sends on its own (RFC 8840 section 9).
type fragment struct {
	ufrag, pwd string
	mid        string
	candidates []string // "candidate:…", without a=
	end        bool
}

// parseFragment reads a fragment. Attributes it does not need are passed over; what is no SDP line, a
// second media section, broken credentials and too many candidates are refused.
func parseFragment(text string) (fragment, error) {
	var f fragment
	bad := func(detail string) (fragment, error) {
		return fragment{}, problem.New(http.StatusBadRequest, "malformed_fragment", "%s", detail)
	}
	media := 0
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' || line[0] < 'a' || line[0] > 'z' {
			return bad("a line is no SDP line")
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
			return bad("a line holds a control character or is no UTF-8")
		}
		if line[0] == 'm' {
			if media++; media > 1 {
				return bad("one media section only: the leg has one")
			}
			continue
		}
		if line[0] != 'a' {
			continue
		}
		name, value, _ := strings.Cut(line[2:], ":")
		switch name {
		case "ice-ufrag":
			f.ufrag = value
		case "ice-pwd":
			f.pwd = value
		case "mid":
			f.mid = value
		case "candidate":
			if len(f.candidates) == maxCandidates {
				return bad("too many candidates")
			}
			if len(strings.Fields(value)) < 8 {
				return bad("a candidate is cut short")
			}
			f.candidates = append(f.candidates, line[2:])
		case "end-of-candidates":
			f.end = true
		}
	}
	switch {
	case (f.ufrag == "") != (f.pwd == ""):
		return bad("ice-ufrag and ice-pwd go together")
	case f.ufrag != "" && (!iceText(f.ufrag, 4) || !iceText(f.pwd, 22)):
		return bad("ice-ufrag or ice-pwd is malformed")
	case !iceChars(f.mid, "-_.~"):
		return bad("mid is malformed")
	}
	return f, nil
}

// iceText checks the credentials' form (RFC 8839 section 5.4).
func iceText(s string, atLeast int) bool {
	return len(s) >= atLeast && len(s) <= 256 && iceChars(s, "+/")
}

func iceChars(s, more string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"+more) == ""
}

// String is the fragment as text.
func (f fragment) String() string {
	var b strings.Builder
	if f.ufrag != "" {
		b.WriteString("a=ice-ufrag:" + f.ufrag + "\r\na=ice-pwd:" + f.pwd + "\r\n")
	}
	b.WriteString("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n")
	mid := f.mid
	if mid == "" {
		mid = "0"
	}
	b.WriteString("a=mid:" + mid + "\r\n")
	for _, c := range f.candidates {
		b.WriteString("a=" + c + "\r\n")
	}
	if f.end {
		b.WriteString("a=end-of-candidates\r\n")
	}
	return b.String()
}

// fragmentOf takes the ICE part out of a whole description.
func fragmentOf(sdp string) fragment {
	var f fragment
	for line := range strings.SplitSeq(sdp, "\n") {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		switch name {
		case "a=ice-ufrag":
			f.ufrag = value
		case "a=ice-pwd":
			f.pwd = value
		case "a=mid":
			if f.mid == "" { // the first section carries the transport of all
				f.mid = value
			}
		case "a=candidate":
			f.candidates = append(f.candidates, "candidate:"+value)
		case "a=end-of-candidates":
			f.end = true
		}
	}
	return f
}

// restarts says whether the fragment's credentials are other than the description's.
func (f fragment) restarts(sdp string) bool {
	old := fragmentOf(sdp)
	return f.ufrag != "" && (f.ufrag != old.ufrag || f.pwd != old.pwd)
}

// applyTo is the description with the fragment's credentials and candidates in place of its own.
func (f fragment) applyTo(sdp string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(sdp, "\r\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "a=ice-ufrag":
			line = "a=ice-ufrag:" + f.ufrag
		case "a=ice-pwd":
			line = "a=ice-pwd:" + f.pwd
		case "a=candidate", "a=end-of-candidates":
			continue
		}
		b.WriteString(line + "\r\n")
	}
	for _, c := range f.candidates {
		b.WriteString("a=" + c + "\r\n")
	}
	if f.end {
		b.WriteString("a=end-of-candidates\r\n")
	}
	return b.String()
}
