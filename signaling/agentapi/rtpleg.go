package agentapi

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

func (q *request) joinRTP(in wire.LegRequest) error {
	if q.s.deps.RTP == nil {
		return problem.New(http.StatusServiceUnavailable, "rtp_off", "plain RTP legs are switched off in the configuration")
	}
	remote, err := netip.ParseAddrPort(in.Address)
	if err != nil || remote.Port() == 0 {
		return invalid("/address", "invalid", "address must be IP:port")
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if ip := remote.Addr(); ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() || ip == broadcast {
		return invalid("/address", "invalid", "address must be that of one host")
	}
	if !q.s.allows(remote.Addr()) {
		return forbidden("", "plain RTP goes to loopback and to the networks of http.rtp_allow only")
	}
	codec, ok := codecs[strings.ToLower(in.Codec)]
	if !ok {
		return invalid("/codec", "unknown_value", "codec must be one of PCMU, PCMA, G722, opus")
	}
	pt, err := payloadType(codec, in.PayloadType)
	if err != nil {
		return err
	}
	if in.EventType != 0 && (in.EventType < 96 || in.EventType > 127 || in.EventType == int(pt)) {
		return invalid("/event_type", "out_of_range", "event_type must be 0 or lie between 96 and 127, and not be the payload type")
	}
	ptime, err := packetTime(codec, in.PtimeMS)
	if err != nil {
		return err
	}
	leg, local, err := q.s.deps.RTP.NewLeg(q.ctx(), RTPRequest{
		Remote: remote, Codec: codec,
		PayloadType: pt, Events: uint8(in.EventType), Ptime: ptime,
	})
	if err != nil {
		return err
	}
	l, err := q.attach(in, wire.LegRTP, remote.String(), &endpoint{media: leg})
	if err != nil {
		return err
	}
	q.header("Location", "/v1/legs/"+l.ID)
	return q.reply(http.StatusCreated, wire.LegAnswer{Leg: l, Address: local.String()})
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// fixed are the payload types that RFC 3551 gives to codecs once and for all.
var fixed = map[media.Codec]int{media.PCMU: 0, media.PCMA: 8, media.G722: 9}

// payloadType checks a codec's payload type: its own fixed one, which is also the default, or a dynamic one
// (RFC 3551 section 3).
func payloadType(c media.Codec, pt int) (uint8, error) {
	own, hasOwn := fixed[c]
	if pt == 0 && hasOwn {
		return uint8(own), nil
	}
	if pt >= 96 && pt <= 127 || hasOwn && pt == own {
		return uint8(pt), nil
	}
	if hasOwn {
		return 0, invalid("/payload_type", "out_of_range", "payload_type of %v must be %d or lie between 96 and 127", c, own)
	}
	return 0, invalid("/payload_type", "out_of_range", "payload_type of %v must lie between 96 and 127", c)
}

// packetTime checks how much audio we are to send in a packet.
func packetTime(c media.Codec, ms int) (time.Duration, error) {
	switch {
	case ms == 0:
		ms = 20
	case c == media.Opus && ms != 20:
		return 0, invalid("/ptime_ms", "out_of_range", "ptime_ms of opus must be 20")
	case ms != 20 && ms != 40 && ms != 60:
		return 0, invalid("/ptime_ms", "out_of_range", "ptime_ms must be 20, 40 or 60")
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// allows says whether plain RTP may be sent to an address.
func (s *Server) allows(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	for _, p := range s.cfg.RTPAllow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
