package peer

import (
	"bytes"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const line = "4242 (a (strange) name) S 1 4242 4242 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 7 0 1000 1000000 500"
	u, err := parseStat(line)
	if err != nil || u.CPU != 3*time.Second || u.Threads != 7 {
		t.Errorf("got %+v, %v, want 3 s and 7 threads", u, err)
	}
	for _, bad := range []string{"", "1 (x) S 1", "1 no brackets at all", strings.Replace(line, " 250 ", " x ", 1)} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestParseRSS(t *testing.T) {
	if got := parseRSS("Name:\tx\nVmRSS:\t   12345 kB\nThreads: 2\n"); got != 12345 {
		t.Errorf("got %d", got)
	}
	if got := parseRSS("Name:\tx\n"); got != 0 {
		t.Errorf("got %d of none", got)
	}
}

func TestParseMetrics(t *testing.T) {
	m := parseMetrics(`# HELP a_total things
# TYPE a_total counter
a_total 3
b{x="1",y="} 7"} 2.5
b{x="2"} 1.5 1700000000000
c{x="broken
d notanumber
e 1e3
`)
	want := map[string]float64{"a_total": 3, "b": 4, "e": 1000}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got %v, want %v", m, want)
	}
}

func TestBencode(t *testing.T) {
	for want, v := range map[string]any{
		"4:spam": "spam", "i-7e": -7, "le": list{}, "d1:ai1e1:bl2:xy0:ee": dict{"b": list{"xy", ""}, "a": 1},
	} {
		got := bencode(nil, v)
		if string(got) != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
		back, rest, err := bdecode(got)
		if err != nil || len(rest) > 0 || !reflect.DeepEqual(back, v) {
			t.Errorf("%q: got %v, rest %q, %v", got, back, rest, err)
		}
	}
	for _, bad := range []string{"", "i", "ie", "i1", "l", "li1e", "d", "d1:a", "di1ei2ee", "5:abc", "-1:", "x", "99999999999999999999:", strings.Repeat("l", 100)} {
		if v, _, err := bdecode([]byte(bad)); err == nil {
			t.Errorf("%q was taken for %v", bad, v)
		}
	}
}

func FuzzBdecode(f *testing.F) {
	for _, s := range []string{"4:spam", "i-7e", "d1:ai1e1:bl2:xy0:ee", "d6:result2:oke"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := bdecode(b)
		if err != nil {
			return
		}
		// What was understood survives a round trip.
		again, left, err := bdecode(bencode(nil, v))
		if err != nil || len(left) > 0 || !reflect.DeepEqual(again, v) {
			t.Errorf("%q: %v became %v, rest %q, %v", b, v, again, left, err)
		}
		if !bytes.HasSuffix(b, rest) {
			t.Errorf("%q: the rest %q is not its end", b, rest)
		}
	})
}

func TestSDP(t *testing.T) {
	s := Seat{Codec: "pcmu", Client: netip.MustParseAddrPort("127.0.0.1:4000")}
	sdp := offerSDP(s)
	if !strings.Contains(sdp, "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n") {
		t.Errorf("SDP of a PCMU party:\n%s", sdp)
	}
	if port, err := audioPort(sdp); err != nil || port != 4000 {
		t.Errorf("port %d, %v", port, err)
	}
	for _, bad := range []string{"", "v=0\r\n", "m=audio 70000 RTP/AVP 0\r\n"} {
		if port, err := audioPort(bad); err == nil {
			t.Errorf("%q has port %d", bad, port)
		}
	}
}
