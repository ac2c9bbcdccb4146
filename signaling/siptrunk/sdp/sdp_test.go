package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cordboard/cordboard/media"
)

func text(lines ...string) []byte {
	return []byte("v=0\r\no=- 7 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" + strings.Join(lines, "\r\n") + "\r\n")
}

var ours = Local{Addr: netip.MustParseAddrPort("198.51.100.7:10002"), SessionID: 42, Version: 1}

func TestAnswer(t *testing.T) {
	all := []media.Codec{media.Opus, media.G722, media.PCMA, media.PCMU}
	g711 := []media.Codec{media.PCMU, media.PCMA}
	for _, tc := range []struct {
		name    string
		offer   []string
		allowed []media.Codec
		want    []string // from m= on
	}{
		{
			"static types without rtpmap",
			[]string{"m=audio 4000 RTP/AVP 0 8"},
			all,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendrecv"},
		},
		{
			"the offerer's order decides",
			[]string{"m=audio 4000 RTP/AVP 8 0"},
			g711,
			[]string{"m=audio 10002 RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=ptime:20", "a=sendrecv"},
		},
		{
			"the trunk filters",
			[]string{"m=audio 4000 RTP/AVP 96 9 0", "a=rtpmap:96 opus/48000/2"},
			g711,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendrecv"},
		},
		{
			"opus keeps the offerer's payload type and its own events",
			[]string{
				"m=audio 4000 RTP/AVP 96 97 98", "a=rtpmap:96 OPUS/48000/2",
				"a=rtpmap:97 telephone-event/8000", "a=rtpmap:98 telephone-event/48000",
			},
			all,
			[]string{
				"m=audio 10002 RTP/AVP 96 98", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 useinbandfec=1;stereo=0;sprop-stereo=0",
				"a=rtpmap:98 telephone-event/48000", "a=fmtp:98 0-15", "a=ptime:20", "a=sendrecv",
			},
		},
		{
			"opus takes narrow events where there are no others",
			[]string{"m=audio 4000 RTP/AVP 96 101", "a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000"},
			all,
			[]string{
				"m=audio 10002 RTP/AVP 96 101", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 useinbandfec=1;stereo=0;sprop-stereo=0",
				"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv",
			},
		},
		{
			"G.722",
			[]string{"m=audio 4000 RTP/AVP 9", "a=rtpmap:9 G722/8000/1"},
			all,
			[]string{"m=audio 10002 RTP/AVP 9", "a=rtpmap:9 G722/8000", "a=ptime:20", "a=sendrecv"},
		},
		{
			"hold",
			[]string{"m=audio 4000 RTP/AVP 0", "a=sendonly"},
			all,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=recvonly"},
		},
		{
			"hold at session level",
			[]string{"a=inactive", "m=audio 4000 RTP/AVP 0"},
			all,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=inactive"},
		},
		{
			"the stream's direction wins",
			[]string{"a=sendonly", "m=audio 4000 RTP/AVP 0", "a=sendrecv"},
			all,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendrecv"},
		},
		{
			"hold the old way",
			[]string{"m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0"},
			all,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=recvonly"},
		},
		{
			"muxed RTCP",
			[]string{"m=audio 4000 RTP/AVP 0", "a=rtcp-mux"},
			all,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=rtcp-mux", "a=sendrecv"},
		},
		{
			"extended reports",
			[]string{"m=audio 4000 RTP/AVP 0", "a=rtcp-xr:pkt-loss-rle voip-metrics"},
			all,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=rtcp-xr:rcvr-rtt=all voip-metrics", "a=sendrecv"},
		},
		{
			"extended reports of another kind",
			[]string{"m=audio 4000 RTP/AVP 0", "a=rtcp-xr:stat-summary=loss"},
			all,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendrecv"},
		},
		{
			"other streams are refused in their place",
			[]string{"m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVPF 0", "m=audio 4002 RTP/AVP 8", "m=image 0 udptl t38"},
			all,
			[]string{"m=video 0 RTP/AVP 31", "m=audio 10002 RTP/AVPF 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendrecv", "m=audio 0 RTP/AVP 8", "m=image 0 udptl t38"},
		},
		{
			"the plain stream beside a secured one",
			[]string{"m=audio 4000 RTP/SAVP 0", "m=audio 4002 RTP/AVP 8"},
			all,
			[]string{"m=audio 0 RTP/SAVP 0", "m=audio 10002 RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=ptime:20", "a=sendrecv"},
		},
		{
			"a payload type named twice counts once",
			[]string{"m=audio 4000 RTP/AVP 0 0 8"},
			g711,
			[]string{"m=audio 10002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendrecv"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Parse(text(tc.offer...))
			if err != nil {
				t.Fatal(err)
			}
			c, err := Negotiate(s, tc.allowed)
			if err != nil {
				t.Fatal(err)
			}
			got := string(Answer(s, c, ours))
			head := "v=0\r\no=cordboard 42 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
			if d := cmp.Diff(head+strings.Join(tc.want, "\r\n")+"\r\n", got); d != "" {
				t.Errorf("answer (-want +got):\n%s", d)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	long := make([]string, 0, 70)
	for range 70 {
		long = append(long, "96")
	}
	for _, tc := range []struct {
		name string
		body []byte
		want error // nil: any
	}{
		{"no common codec", text("m=audio 4000 RTP/AVP 18"), ErrNoFit},
		{"opus without its channels", text("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000"), ErrNoFit},
		{"a remapped static type", text("m=audio 4000 RTP/AVP 0", "a=rtpmap:0 G729/8000"), ErrNoFit},
		{"only telephone events", text("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"), ErrNoFit},
		{"only secured", text("m=audio 4000 RTP/SAVP 0"), ErrNoFit},
		{"no audio", text("m=video 4000 RTP/AVP 31"), ErrNoFit},
		{"no streams", text(), ErrNoFit},
		{"port 0", text("m=audio 0 RTP/AVP 0"), ErrNoFit},
		{"too many formats", text("m=audio 4000 RTP/AVP " + strings.Join(long, " ")), ErrTooLarge},
		{"too many streams", text(strings.Split(strings.Repeat("m=video 1 RTP/AVP 31\n", 17), "\n")[:17]...), ErrTooLarge},
		{"too many lines", text(strings.Split(strings.Repeat("a=x\n", 600), "\n")[:600]...), ErrTooLarge},
		{"too long", text("a=" + strings.Repeat("x", MaxSize)), ErrTooLarge},
		{"a host name", []byte("v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 media.example\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"), nil},
		{"multicast", text("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"), nil},
		{"multicast without a TTL", text("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1"), nil},
		{"broadcast", text("m=audio 4000 RTP/AVP 0", "c=IN IP4 255.255.255.255"), nil},
		{"the wrong family", text("m=audio 4000 RTP/AVP 0", "c=IN IP6 192.0.2.1"), nil},
		{"no address at all", []byte("v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"), nil},
		{"NUL", text("m=audio 4000 RTP/AVP 0", "a=x\x00"), nil},
		{"a port out of range", text("m=audio 70000 RTP/AVP 0"), nil},
		{"no version", []byte("o=- 1 1 IN IP4 h\r\n"), nil},
		{"empty", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Parse(tc.body)
			if err == nil {
				_, err = Negotiate(s, []media.Codec{media.Opus, media.PCMU})
			}
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

func TestRTCPAddress(t *testing.T) {
	for line, want := range map[string]string{
		"a=x":                         "192.0.2.1:4001",
		"a=rtcp:5000":                 "192.0.2.1:5000",
		"a=rtcp:5000 IN IP4 10.1.1.1": "10.1.1.1:5000",
		"a=rtcp-mux":                  "192.0.2.1:4000",
		"a=rtcp:0":                    "192.0.2.1:4001",
	} {
		s, err := Parse(text("m=audio 4000 RTP/AVP 0", line))
		if err != nil {
			t.Fatal(err)
		}
		c, err := Negotiate(s, []media.Codec{media.PCMU})
		if err != nil {
			t.Fatal(err)
		}
		if c.RTCP.String() != want || c.Remote.String() != "192.0.2.1:4000" {
			t.Errorf("%s: RTP %s, RTCP %s, want %s", line, c.Remote, c.RTCP, want)
		}
	}
}

// TestOfferRoundTrip reads our own offer back, with every list of codecs, on both address families.
func TestOfferRoundTrip(t *testing.T) {
	for _, codecs := range [][]media.Codec{{media.Opus, media.G722, media.PCMA, media.PCMU}, {media.PCMU}, {media.Opus}, {media.G722, media.PCMA}} {
		for _, addr := range []string{"192.0.2.9:10000", "[2001:db8::1]:10000"} {
			l := Local{Addr: netip.MustParseAddrPort(addr), SessionID: 1<<62 - 1, Version: 3}
			s, err := Parse(Offer(l, codecs))
			if err != nil {
				t.Fatal(err)
			}
			var got []media.Codec
			for _, f := range s.Formats {
				got = append(got, f.Codec)
			}
			if d := cmp.Diff(codecs, got); d != "" || s.Remote != l.Addr || s.SessionID != l.SessionID || s.Version != 3 || s.Ptime != Ptime || !s.Mux || !s.XR {
				t.Errorf("%v on %s: %+v %s", codecs, addr, s, d)
			}
			c, err := Negotiate(s, codecs)
			if err != nil || c.EventPT == 0 || c.EventRate != codecs[0].ClockRate() {
				t.Errorf("choice %+v, %v", c, err)
			}
		}
	}
}

// FuzzParse checks that whatever is taken is within bounds and that our answer to it is a description
// that parses, names the same streams, and accepts one of them.
func FuzzParse(f *testing.F) {
	f.Add(text("m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=sendonly", "a=ptime:30"))
	f.Add(text("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVPF 96", "a=rtpmap:96 opus/48000/2", "a=rtcp:9 IN IP4 1.2.3.4"))
	f.Add(text("m=audio 4000/2 RTP/AVP 0", "c=IN IP6 ::1"))
	f.Add(Offer(ours, []media.Codec{media.Opus, media.PCMA}))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := Parse(body)
		if err != nil {
			return
		}
		if len(body) > MaxSize || len(s.Streams) > MaxStreams || len(s.Formats) > MaxFormats || s.Audio >= len(s.Streams) {
			t.Fatalf("over a limit: %+v", s)
		}
		c, err := Negotiate(s, []media.Codec{media.Opus, media.G722, media.PCMA, media.PCMU})
		if err != nil {
			return
		}
		if c.Remote.Port() == 0 || c.PT > 127 || c.EventPT > 127 || c.Remote.Addr().IsMulticast() {
			t.Fatalf("choice out of bounds: %+v", c)
		}
		answer := Answer(s, c, ours)
		back, err := Parse(answer)
		if err != nil {
			t.Fatalf("our answer does not parse: %v\n%s", err, answer)
		}
		if len(back.Streams) != len(s.Streams) || back.Audio != s.Audio {
			t.Fatalf("streams %+v answered with %+v\n%s", s.Streams, back.Streams, answer)
		}
		if len(back.Formats) != 1 || back.Formats[0] != c.Format || back.Direction != c.Direction {
			t.Fatalf("choice %+v answered with %+v\n%s", c, back, answer)
		}
	})
}
