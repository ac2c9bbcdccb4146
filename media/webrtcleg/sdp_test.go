package webrtcleg

import (
	"strings"
	"testing"
)

const chromiumOffer = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=extmap-allow-mixed\r\n" +
	"a=msid-semantic: WMS mic\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n" +
	"a=ice-ufrag:Oyef\r\na=ice-pwd:0123456789012345678901\r\na=ice-options:trickle\r\na=fingerprint:sha-256 " +
	"7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\na=setup:actpass\r\na=mid:0\r\n" +
	"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendrecv\r\n" +
	"a=msid:mic mic\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n" +
	"a=rtpmap:63 red/48000/2\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n" +
	"a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=ssrc:1 cname:x\r\n"

func TestOffer(t *testing.T) {
	o, err := readOffer(chromiumOffer, "", false)
	if err != nil || o.ufrag != "Oyef" || len(o.sections) != 1 {
		t.Fatalf("got %+v, %v", o, err)
	}
	if got, want := o.sections[0].terms, (terms{opusPT: 111, eventPT: 110, levelID: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	d := newDescription("sha-256 00", o.setup)
	answer := d.answer(o, newCredentials(o.ufrag, o.pwd), []string{"candidate:1 1 udp 1 192.0.2.1 9 typ host"}, nil)
	for _, want := range []string{"a=fmtp:111 " + opusFmtp, "a=setup:active", "a=candidate:1 1 udp", "a=sendrecv", "a=group:BUNDLE 0", "a=extmap:1 urn:"} {
		if strings.Count(answer, want) != 1 {
			t.Errorf("%q is not once in\n%s", want, answer)
		}
	}
}

func TestSections(t *testing.T) {
	session, first, _ := strings.Cut(chromiumOffer, "m=audio")
	first = "m=audio" + first
	more := func(mid, direction string) string {
		return strings.NewReplacer("a=mid:0", "a=mid:"+mid, "a=sendrecv", "a="+direction).Replace(first)
	}
	bundle := func(mids, sections string) string {
		return strings.Replace(session, "BUNDLE 0", "BUNDLE "+mids, 1) + sections
	}
	data := "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\n"
	for _, c := range []struct {
		name, offer, main string
		streams           bool
		want              string // a letter for each section: m main, l line, - refused
		err               bool
	}{
		{"mixed", bundle("0 1", first+more("1", "recvonly")), "", false, "m-", false},
		{"streams", bundle("0 1 2", first+more("1", "recvonly")+more("2", "recvonly")), "", true, "mll", false},
		{"listeners first", bundle("1 0", more("1", "recvonly")+first), "", true, "lm", false},
		{"data and video between", bundle("0 d 1", first+data+more("1", "recvonly")), "", true, "m-l", false},
		{"two microphones", bundle("0 1", first+more("1", "sendrecv")), "", true, "m-", false},
		{"not in the bundle", bundle("0", first+more("1", "recvonly")), "", true, "m-", false},
		{"only listens", bundle("0", more("0", "recvonly")), "", true, "m", false},
		{"the main one stays", bundle("0 1", first+more("1", "sendrecv")), "1", true, "-m", false},
		{"the main one is gone", bundle("0", first), "1", true, "", true},
		{"lite", strings.Replace(chromiumOffer, "t=0 0", "t=0 0\r\na=ice-lite", 1), "", false, "", true},
		{"weak fingerprint", strings.Replace(chromiumOffer, "sha-256", "md5", 1), "", false, "", true},
		{"unknown setup", strings.Replace(chromiumOffer, "actpass", "holdconn", 1), "", false, "", true},
	} {
		o, err := readOffer(c.offer, c.main, c.streams)
		got := ""
		if err == nil {
			for i := range o.sections {
				switch {
				case i == o.main:
					got += "m"
				case o.sections[i].accepted:
					got += "l"
				default:
					got += "-"
				}
			}
		}
		if got != c.want || (err != nil) != c.err {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestFragment(t *testing.T) {
	f, err := parseFragment("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n" +
		"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\na=end-of-candidates\r\n")
	if err != nil || f.ufrag != "EsAw" || f.candidates != 1 || !f.end {
		t.Errorf("got %+v, %v", f, err)
	}
}

// FuzzSDP holds that whatever passes the check can be answered, that the answer is SDP with as many sections,
// and that it agrees to what was offered.
func FuzzSDP(f *testing.F) {
	f.Add(chromiumOffer)
	f.Add(strings.Replace(chromiumOffer, "BUNDLE 0", "BUNDLE 0 1", 1) + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n")
	f.Add("a=ice-ufrag:EsAw\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		if o, err := readOffer(s, "", true); err == nil {
			d := newDescription("sha-256 00", o.setup)
			answer, err := parse(d.answer(o, newCredentials(o.ufrag, o.pwd), nil, nil))
			if err != nil {
				t.Fatalf("the answer is no sdp: %v", err)
			}
			if len(answer.MediaDescriptions) != len(o.sections) {
				t.Fatalf("%d sections for %d", len(answer.MediaDescriptions), len(o.sections))
			}
			lines := 0
			for i, m := range answer.MediaDescriptions {
				if (m.MediaName.Port.Value != 0) != o.sections[i].accepted {
					t.Fatalf("section %d: port %d, %+v", i, m.MediaName.Port.Value, o.sections[i])
				}
				if o.sections[i].accepted {
					lines++
					if got, err := termsOf(answer, m); err != nil || got != o.sections[i].terms {
						t.Fatalf("got %+v, %v; want %+v", got, err, o.sections[i].terms)
					}
				}
			}
			if lines == 0 || lines > MaxLines {
				t.Fatalf("%d lines", lines)
			}
		}
		if f, err := parseFragment(s); err == nil && f.candidates == 0 && !f.end && f.ufrag == "" {
			t.Fatalf("%+v", f)
		}
	})
}
