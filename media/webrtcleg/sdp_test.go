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

func TestTerms(t *testing.T) {
	ufrag, err := checkOffer(chromiumOffer)
	if err != nil || ufrag != "Oyef" {
		t.Errorf("got %q, %v", ufrag, err)
	}
	answer, got, err := answered(chromiumOffer)
	if want := (terms{opusPT: 111, eventPT: 110, levelID: 1}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if !strings.Contains(answer, "a=fmtp:111 "+opusFmtp+"\r\n") || strings.Count(answer, "a=fmtp:111") != 1 {
		t.Errorf("answer:\n%s", answer)
	}
}

func TestFragment(t *testing.T) {
	f, err := parseFragment("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n" +
		"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\na=end-of-candidates\r\n")
	if err != nil || f.ufrag != "EsAw" || len(f.candidates) != 1 || f.mids[0] != "0" || !f.end || !strings.HasPrefix(f.candidates[0], "candidate:1387637174 1 udp") {
		t.Errorf("got %+v, %v", f, err)
	}
}

// FuzzSDP holds that whatever passes the check can be read as an answer and written again with the same
// terms, and that fragments give as many mids as candidates.
func FuzzSDP(f *testing.F) {
	f.Add(chromiumOffer)
	f.Add("a=ice-ufrag:EsAw\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		if ufrag, err := checkOffer(s); err == nil {
			if ufrag == "" {
				t.Fatal("an offer without a user fragment passes")
			}
			again, want, err := answered(s)
			if err != nil {
				t.Fatalf("checked, but not readable: %v", err)
			}
			_, got, err := answered(again)
			if err != nil || got != want {
				t.Fatalf("got %+v, %v; want %+v", got, err, want)
			}
		}
		if frag, err := parseFragment(s); err == nil && len(frag.mids) != len(frag.candidates) {
			t.Fatalf("%+v", frag)
		}
	})
}
