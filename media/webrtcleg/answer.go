package webrtcleg

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// description is what stays the same in all our answers of a leg.
type description struct {
	id          uint64
	version     uint64
	fingerprint string
	setup       string // our role in DTLS
}

func newDescription(fingerprint, offered string) description {
	var seed [8]byte
	rand.Read(seed[:])
	d := description{id: binary.BigEndian.Uint64(seed[:]) >> 2, fingerprint: fingerprint, setup: "active"}
	if offered == "active" {
		d.setup = "passive"
	}
	return d
}

// answer writes the answer to an offer (RFC 9429 section 5.3.1, RFC 9143 for the bundle). Sections that are
// not accepted get port 0. lines are those of the accepted sections, in any order.
func (d *description) answer(o *offer, c credentials, candidates []string, lines []*Line) string {
	d.version++
	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, format, args...)
		b.WriteString("\r\n")
	}
	line("v=0")
	line("o=- %d %d IN IP4 0.0.0.0", d.id, d.version)
	line("s=-")
	line("t=0 0")
	line("a=ice-lite")
	line("a=msid-semantic:WMS *")
	if o.sections[o.main].mid != "" {
		b.WriteString("a=group:BUNDLE " + o.sections[o.main].mid) // the first carries the transport
		for i := range o.sections {
			if s := &o.sections[i]; s.accepted && i != o.main {
				b.WriteString(" " + s.mid)
			}
		}
		b.WriteString("\r\n")
	}
	for i := range o.sections {
		s := &o.sections[i]
		if !s.accepted {
			line("m=%s 0 %s %s", s.name.Media, strings.Join(s.name.Protos, "/"), s.name.Formats[0])
			line("c=IN IP4 0.0.0.0")
			line("a=inactive")
			if s.mid != "" {
				line("a=mid:%s", s.mid)
			}
			continue
		}
		t := s.terms
		formats := fmt.Sprint(t.opusPT)
		if t.eventPT != 0 {
			formats += fmt.Sprintf(" %d", t.eventPT)
		}
		line("m=audio 9 %s %s", strings.Join(s.name.Protos, "/"), formats)
		line("c=IN IP4 0.0.0.0")
		line("a=rtcp:9 IN IP4 0.0.0.0")
		if i == o.main {
			for _, one := range candidates {
				line("a=%s", one)
			}
			line("a=end-of-candidates")
		}
		line("a=ice-ufrag:%s", c.ufrag)
		line("a=ice-pwd:%s", c.pwd)
		line("a=fingerprint:%s", d.fingerprint)
		line("a=setup:%s", d.setup)
		if s.mid != "" {
			line("a=mid:%s", s.mid)
		}
		if t.levelID != 0 {
			line("a=extmap:%d %s", t.levelID, sdp.AudioLevelURI)
		}
		line("a=%s", reverse(s.direction))
		line("a=rtcp-mux")
		line("a=rtcp-rsize")
		line("a=rtpmap:%d opus/48000/2", t.opusPT)
		line("a=fmtp:%d %s", t.opusPT, opusFmtp)
		if t.eventPT != 0 {
			line("a=rtpmap:%d telephone-event/48000", t.eventPT)
			line("a=fmtp:%d 0-15", t.eventPT)
		}
		for _, n := range lines {
			if n.mid == s.mid && s.sends() {
				line("a=msid:cordboard-%s audio-%s", trackName(s.mid), trackName(s.mid))
				line("a=ssrc:%d cname:%s", n.tx.SSRC(), cname(n.leg.api.cfg.CNAME))
			}
		}
	}
	return b.String()
}

// cname stands in SDP as it does in RTCP, where it may be empty.
func cname(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// trackName is a mid as part of a stream's name. A browser makes one MediaStream of each.
func trackName(mid string) string {
	if mid == "" {
		return "0"
	}
	return mid
}

// reverse is the browser's direction from our side.
func reverse(direction string) string {
	switch direction {
	case "sendonly":
		return "recvonly"
	case "recvonly":
		return "sendonly"
	}
	return direction
}
