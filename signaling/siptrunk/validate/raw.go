package validate

import (
	"bytes"
	"strings"
)

// BadRequest writes a 400 to a datagram that the parser could not read, or nil when there is too little
// in it to answer (RFC 3261 section 8.2.1 wants Via, From, To, Call-ID and CSeq echoed), when it is a
// response, or an ACK, which are never answered.
func BadRequest(data []byte) []byte {
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	if len(lines) < 2 || len(lines) > MaxHeaders || strings.HasPrefix(strings.ToUpper(lines[0]), "SIP/") ||
		strings.HasPrefix(lines[0], "ACK ") || !strings.Contains(strings.ToUpper(lines[0]), " SIP/") {
		return nil
	}
	echo := map[string][]string{}
	size := 0
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			continue
		}
		n := strings.ToLower(strings.TrimSpace(name))
		if full, ok := long[n]; ok {
			n = full
		}
		switch n {
		case "via", "from", "to", "call-id", "cseq":
			if strings.ContainsAny(value, "\r\n\x00") {
				return nil
			}
			echo[n] = append(echo[n], strings.TrimSpace(value))
			size += len(value)
		}
	}
	if len(echo["via"]) == 0 || size > 2048 {
		return nil
	}
	var b strings.Builder
	b.WriteString("SIP/2.0 400 Bad Request\r\n")
	for _, v := range echo["via"] {
		b.WriteString("Via: " + v + "\r\n")
	}
	for _, n := range once {
		if len(echo[n]) != 1 {
			return nil
		}
		b.WriteString(title(n) + ": " + echo[n][0] + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return []byte(b.String())
}
