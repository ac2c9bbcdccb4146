package sdp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/media"
)

// Ptime is the packet time we send and ask for.
const Ptime = 20 * time.Millisecond

// Choice is the outcome of an offer and its answer.
type Choice struct {
	Format
	EventPT   uint8 // payload type of telephone events, 0: not agreed
	EventRate uint32
	// Direction is ours: what we may do, the mirror of what the far side wrote.
	Direction Direction
	Remote    netip.AddrPort
	RTCP      netip.AddrPort // where the far side's RTCP goes; equal to Remote where both are muxed
	Mux       bool
	XR        bool // extended reports are sent
	Held      bool // the far side asks us to send nothing
}

// Negotiate picks the first codec, in the writer's order, that is also allowed, and the telephone events
// that go with its clock rate (any other rate if that is not there). It fails with ErrNoFit.
func Negotiate(s *Session, allowed []media.Codec) (Choice, error) {
	if s.Audio < 0 {
		return Choice{}, fmt.Errorf("%w: no plain RTP audio", ErrNoFit)
	}
	for _, f := range s.Formats {
		if !slices.Contains(allowed, f.Codec) {
			continue
		}
		c := Choice{Format: f, Direction: s.Direction.Answer(), Remote: s.Remote, RTCP: s.RTCP, Mux: s.Mux, XR: s.XR, Held: s.Held()}
		if c.Mux {
			c.RTCP = c.Remote
		}
		if s.Remote.Addr().IsUnspecified() && c.Direction == SendRecv {
			c.Direction = RecvOnly
		}
		rate := f.Codec.ClockRate()
		if pt, ok := s.Events[rate]; ok {
			c.EventPT, c.EventRate = pt, rate
		} else if pt, ok := s.Events[8000]; ok {
			c.EventPT, c.EventRate = pt, 8000
		}
		return c, nil
	}
	return Choice{}, fmt.Errorf("%w: no common codec", ErrNoFit)
}

// Local is our side of a description.
type Local struct {
	Addr      netip.AddrPort // where we take RTP, as the far side reaches it
	SessionID uint64
	Version   uint64 // rises by one with each description that differs (RFC 3264 section 8)
	Direction Direction
}

// The dynamic payload types of our own offers.
const (
	offerOpus       = 111
	offerEvents     = 101
	offerEventsOpus = 110
)

// Offer writes our offer: all codecs in the order given, the first liked best, and telephone events.
func Offer(l Local, codecs []media.Codec) []byte {
	var pts []string
	var attrs strings.Builder
	var narrow, wide bool
	for _, c := range codecs {
		pt := payloadType(c)
		pts = append(pts, strconv.Itoa(int(pt)))
		rtpmap(&attrs, Format{c, pt})
		if c == media.Opus {
			wide = true
		} else {
			narrow = true
		}
	}
	if narrow {
		pts = append(pts, strconv.Itoa(offerEvents))
		events(&attrs, offerEvents, 8000)
	}
	if wide {
		pts = append(pts, strconv.Itoa(offerEventsOpus))
		events(&attrs, offerEventsOpus, 48000)
	}
	var b strings.Builder
	head(&b, l)
	fmt.Fprintf(&b, "m=audio %d RTP/AVP %s\r\n", l.Addr.Port(), strings.Join(pts, " "))
	b.WriteString(attrs.String())
	tail(&b, l.Direction, true, true)
	return []byte(b.String())
}

// Answer writes our answer to s: the chosen codec alone, so that the far side cannot change it without
// asking, and every other stream refused with port 0.
func Answer(s *Session, c Choice, l Local) []byte {
	var b strings.Builder
	head(&b, l)
	for i, m := range s.Streams {
		if i != s.Audio {
			fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", m.Kind, m.Protocol, m.Formats)
			continue
		}
		fmt.Fprintf(&b, "m=audio %d %s %d", l.Addr.Port(), m.Protocol, c.PT)
		if c.EventPT != 0 {
			fmt.Fprintf(&b, " %d", c.EventPT)
		}
		b.WriteString("\r\n")
		rtpmap(&b, c.Format)
		if c.EventPT != 0 {
			events(&b, c.EventPT, c.EventRate)
		}
		tail(&b, c.Direction, c.Mux, c.XR)
	}
	return []byte(b.String())
}

func head(b *strings.Builder, l Local) {
	family := "IP4"
	if l.Addr.Addr().Is6() {
		family = "IP6"
	}
	fmt.Fprintf(b, "v=0\r\no=cordboard %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n",
		l.SessionID, l.Version, family, l.Addr.Addr(), family, l.Addr.Addr())
}

func tail(b *strings.Builder, d Direction, mux, xr bool) {
	fmt.Fprintf(b, "a=ptime:%d\r\n", Ptime.Milliseconds())
	if mux {
		b.WriteString("a=rtcp-mux\r\n")
	}
	if xr {
		b.WriteString("a=rtcp-xr:rcvr-rtt=all voip-metrics\r\n")
	}
	fmt.Fprintf(b, "a=%s\r\n", d)
}

func rtpmap(b *strings.Builder, f Format) {
	if f.Codec == media.Opus {
		// Two channels in the rtpmap always (RFC 7587 section 7); what we send and want is mono with FEC.
		fmt.Fprintf(b, "a=rtpmap:%d opus/48000/2\r\na=fmtp:%d useinbandfec=1;stereo=0;sprop-stereo=0\r\n", f.PT, f.PT)
		return
	}
	fmt.Fprintf(b, "a=rtpmap:%d %s/8000\r\n", f.PT, f.Codec)
}

func events(b *strings.Builder, pt uint8, rate uint32) {
	fmt.Fprintf(b, "a=rtpmap:%d telephone-event/%d\r\na=fmtp:%d 0-15\r\n", pt, rate, pt)
}

func payloadType(c media.Codec) uint8 {
	switch c {
	case media.PCMA:
		return 8
	case media.G722:
		return 9
	case media.Opus:
		return offerOpus
	default:
		return 0
	}
}
