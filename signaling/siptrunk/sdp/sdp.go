// Package sdp is the part of the session description protocol (RFC 8866) a SIP trunk needs: it reads what
// the far side says about its one audio stream, chooses a codec both sides speak, and writes offers and
// answers (RFC 3264). The grammar is pion/sdp's; the limits, the meaning and the text we send are ours.
//
// Nothing here knows SIP or holds state: the dialog that uses it keeps the session's version numbers.
package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"

	"github.com/cordboard/cordboard/media"
)

// Limits on a description from outside. What is over a limit is refused before it is interpreted.
const (
	MaxSize    = 16 << 10 // bytes of a description
	MaxLines   = 512      // lines of a description
	MaxStreams = 16       // m= lines
	MaxFormats = 64       // payload types of one m= line
)

// Errors that callers branch on. ErrTooLarge becomes SIP 513, ErrNoFit 488, everything else 400.
var (
	ErrTooLarge = errors.New("sdp: description over a size limit")
	ErrNoFit    = errors.New("sdp: nothing offered that we can take")
)

// Direction is who may send, as the side that wrote the description sees it.
type Direction uint8

// The directions of RFC 8866 section 6.7.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

func (d Direction) String() string {
	return [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}[d&3]
}

// Answer is the direction that answers d when the answerer wants all it may have (RFC 3264 section 6.1).
func (d Direction) Answer() Direction {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	default:
		return d
	}
}

// Format is one codec under the payload type the writer of the description gave it.
type Format struct {
	Codec media.Codec
	PT    uint8
}

// Stream is an m= line that is not the audio we take; an answer has to name and refuse it.
type Stream struct {
	Kind, Protocol string
	Formats        string // the formats as written, separated by spaces
}

// Session is what a description says about its audio.
type Session struct {
	SessionID, Version uint64
	// Remote is where the writer wants to get RTP. Port 0: the stream is refused or switched off; an
	// unspecified address (0.0.0.0): on hold the old way (RFC 3264 section 8.4).
	Remote netip.AddrPort
	// RTCP is where the writer wants to get RTCP (a=rtcp, else the port above Remote's).
	RTCP netip.AddrPort
	// Mux says that the writer can take RTCP on the RTP port (RFC 5761).
	Mux bool
	// XR says that the writer wants the VoIP metrics of extended reports (a=rtcp-xr, RFC 3611 section 5.1).
	XR bool
	// Formats are the codecs we know, in the writer's order of preference.
	Formats []Format
	// Events are the payload types of telephone-event (RFC 4733) by RTP clock rate.
	Events map[uint32]uint8
	// Ptime is the packet time the writer would like to get, 0 if it did not say.
	Ptime     time.Duration
	Direction Direction
	// Streams are all m= lines in order; Audio is the index of the one this Session describes, -1 if none.
	Streams []Stream
	Audio   int
}

// Held reports whether the writer asks us to send nothing: sendonly, inactive, or the unspecified address.
func (s *Session) Held() bool {
	return s.Direction == SendOnly || s.Direction == Inactive || s.Remote.Addr().IsUnspecified()
}

// Parse reads a description. It takes the first RTP/AVP (or AVPF) audio stream with a port; SRTP is not
// taken. A description without such a stream parses (Audio is -1) and fails to negotiate.
func Parse(body []byte) (*Session, error) {
	if len(body) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	if n := strings.Count(string(body), "\n"); n > MaxLines {
		return nil, fmt.Errorf("%w: %d lines", ErrTooLarge, n)
	}
	if strings.IndexByte(string(body), 0) >= 0 {
		return nil, errors.New("sdp: NUL in description")
	}
	rest, streams, err := split(body)
	if err != nil {
		return nil, err
	}
	var d pion.SessionDescription
	if err := d.Unmarshal(rest); err != nil {
		return nil, fmt.Errorf("sdp: parse: %w", err)
	}
	s := &Session{SessionID: d.Origin.SessionID, Version: d.Origin.SessionVersion, Streams: streams, Audio: -1}
	plain := 0
	for _, m := range streams {
		if m.plain() {
			plain++
		}
	}
	if plain != len(d.MediaDescriptions) {
		return nil, errors.New("sdp: lines end in more than one way") // the grammar also ends them at a bare CR
	}
	i := -1
	for _, m := range d.MediaDescriptions {
		for i++; !streams[i].plain(); i++ { // the sections that split left out
		}
		if m.MediaName.Port.Value == 0 {
			continue
		}
		if err := s.audio(&d, m); err != nil {
			return nil, err
		}
		s.Audio = i
		break
	}
	return s, nil
}

// plain reports whether a stream is audio over plain RTP.
func (s Stream) plain() bool {
	return s.Kind == "audio" && (s.Protocol == "RTP/AVP" || s.Protocol == "RTP/AVPF")
}

// split lists the m= lines and leaves out the sections of streams that are not ours to take: the grammar
// knows fewer kinds of media than the world (m=image), and what we refuse need not be understood.
func split(body []byte) (rest []byte, streams []Stream, err error) {
	keep := true
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(line, "m="); ok {
			f := strings.Fields(value)
			if len(f) < 4 {
				return nil, nil, errors.New("sdp: short m= line")
			}
			if len(f)-3 > MaxFormats {
				return nil, nil, fmt.Errorf("%w: %d formats", ErrTooLarge, len(f)-3)
			}
			m := Stream{Kind: f[0], Protocol: f[2], Formats: strings.Join(f[3:], " ")}
			if streams = append(streams, m); len(streams) > MaxStreams {
				return nil, nil, fmt.Errorf("%w: %d streams", ErrTooLarge, len(streams))
			}
			keep = m.plain()
		}
		if keep {
			rest = append(rest, line...)
		}
	}
	return rest, streams, nil
}

func (s *Session) audio(d *pion.SessionDescription, m *pion.MediaDescription) error {
	conn := m.ConnectionInformation
	if conn == nil {
		conn = d.ConnectionInformation
	}
	addr, err := address(conn)
	if err != nil {
		return err
	}
	port := m.MediaName.Port.Value
	if port < 0 || port > 65535 {
		return fmt.Errorf("sdp: port %d", port)
	}
	s.Remote = netip.AddrPortFrom(addr, uint16(port))
	if port > 0 && port < 65535 {
		s.RTCP = netip.AddrPortFrom(addr, uint16(port)+1)
	}
	s.Direction = direction(d.Attributes, SendRecv)
	s.Direction = direction(m.Attributes, s.Direction)
	names := make(map[uint8]string)
	for _, a := range m.Attributes {
		switch a.Key {
		case "rtpmap":
			pt, name, ok := strings.Cut(a.Value, " ")
			if n, err := strconv.ParseUint(pt, 10, 7); ok && err == nil {
				names[uint8(n)] = strings.ToLower(strings.TrimSpace(name))
			}
		case "ptime":
			if ms, err := strconv.ParseFloat(a.Value, 64); err == nil && ms > 0 && ms <= 200 {
				s.Ptime = time.Duration(ms * float64(time.Millisecond))
			}
		case "rtcp-mux":
			s.Mux = true
		case "rtcp":
			s.rtcp(a.Value, addr)
		case "rtcp-xr":
			s.XR = s.XR || slices.Contains(strings.Fields(a.Value), "voip-metrics")
		}
	}
	s.Formats, s.Events = formats(m.MediaName.Formats, names)
	return nil
}

// rtcp reads a=rtcp:PORT [IN IP4 ADDRESS] (RFC 3605); what does not parse is ignored.
func (s *Session) rtcp(value string, addr netip.Addr) {
	f := strings.Fields(value)
	if len(f) == 0 {
		return
	}
	port, err := strconv.ParseUint(f[0], 10, 16)
	if err != nil || port == 0 {
		return
	}
	if len(f) == 4 && f[1] == "IN" {
		a, err := netip.ParseAddr(f[3])
		if err != nil {
			return
		}
		addr = a
	}
	s.RTCP = netip.AddrPortFrom(addr, uint16(port))
}

// formats sorts the payload types of an m= line into codecs we know and telephone events. A payload type
// named twice counts once.
func formats(list []string, names map[uint8]string) ([]Format, map[uint32]uint8) {
	static := map[uint8]string{0: "pcmu/8000", 8: "pcma/8000", 9: "g722/8000"}
	var out []Format
	events := make(map[uint32]uint8)
	seen := make(map[uint8]bool)
	for _, f := range list {
		n, err := strconv.ParseUint(f, 10, 7)
		pt := uint8(n)
		if err != nil || seen[pt] {
			continue
		}
		seen[pt] = true
		name, ok := names[pt]
		if !ok {
			name = static[pt]
		}
		switch strings.TrimSuffix(name, "/1") {
		case "pcmu/8000":
			out = append(out, Format{media.PCMU, pt})
		case "pcma/8000":
			out = append(out, Format{media.PCMA, pt})
		case "g722/8000":
			out = append(out, Format{media.G722, pt})
		case "opus/48000/2":
			out = append(out, Format{media.Opus, pt})
		case "telephone-event/8000":
			events[8000] = pt
		case "telephone-event/48000":
			events[48000] = pt
		}
	}
	return out, events
}

func direction(attrs []pion.Attribute, d Direction) Direction {
	for _, a := range attrs {
		switch a.Key {
		case "sendrecv":
			d = SendRecv
		case "sendonly":
			d = SendOnly
		case "recvonly":
			d = RecvOnly
		case "inactive":
			d = Inactive
		}
	}
	return d
}

// address is the unicast address of a c= line. Names are refused: resolving them is the trunk's
// business, and a multicast address is no phone.
func address(c *pion.ConnectionInformation) (netip.Addr, error) {
	if c == nil || c.Address == nil {
		return netip.Addr{}, errors.New("sdp: audio without a c= line")
	}
	a, err := netip.ParseAddr(c.Address.Address)
	if err != nil || c.NetworkType != "IN" || c.Address.TTL != nil || c.Address.Range != nil {
		return netip.Addr{}, errors.New("sdp: c= line without a plain address")
	}
	a = a.Unmap()
	if (c.AddressType == "IP4") != a.Is4() || a.Zone() != "" {
		return netip.Addr{}, errors.New("sdp: c= line with the wrong address type")
	}
	if a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.Addr{}, errors.New("sdp: c= line with a group address")
	}
	return a, nil
}
