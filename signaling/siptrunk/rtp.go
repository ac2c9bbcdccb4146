package siptrunk

import (
	"net/netip"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/rtpleg"
	"github.com/cordboard/cordboard/signaling/siptrunk/sdp"
)

// RTP is the Media of real calls: RTP over UDP on a range of ports.
type RTP struct {
	pool             *rtpleg.PortPool
	advertised       netip.Addr // zero: the bound address
	initial, running time.Duration
}

// NewMedia makes the Media of a server with this configuration, which must be valid; its ports come from
// pool, which other kinds of legs may share.
func NewMedia(cfg Config, pool *rtpleg.PortPool) *RTP {
	r := &RTP{pool: pool, initial: cfg.RTPTimeoutInitial, running: cfg.RTPTimeout}
	r.advertised, _ = netip.ParseAddr(cfg.AdvertisedIP) // empty: the bound address
	return r
}

// Open implements Media.
func (r *RTP) Open() (Port, error) {
	s, err := r.pool.Get()
	if err != nil {
		return nil, err
	}
	return &rtpPort{r: r, socket: s}, nil
}

type rtpPort struct {
	r      *RTP
	socket *rtpleg.Socket
}

func (p *rtpPort) Addr() netip.AddrPort {
	a := p.socket.Addr()
	if p.r.advertised.IsValid() {
		return netip.AddrPortFrom(p.r.advertised, a.Port())
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (p *rtpPort) Close() error {
	p.socket.Release()
	return nil
}

func (p *rtpPort) Start(params Params) (Leg, error) {
	l, err := rtpleg.New(rtpleg.Config{
		Socket: p.socket, Session: session(params), CNAME: "cordboard",
		RTPTimeoutInitial: p.r.initial, RTPTimeout: p.r.running, InbandDigits: true,
	})
	if err != nil {
		return nil, err
	}
	l.SetHeld(silent(params))
	l.Start()
	return rtpLeg{l}, nil
}

// rtpLeg lets a leg follow offers and answers. Everything else is the leg's own, what it can do beyond
// media.Leg included.
type rtpLeg struct{ *rtpleg.Leg }

var (
	_ Leg                 = rtpLeg{}
	_ media.PayloadSource = rtpLeg{}
)

func (l rtpLeg) Update(p Params) error {
	err := l.Leg.Update(session(p))
	l.SetHeld(silent(p))
	return err
}

// silent reports whether the far side may rightly send nothing: it holds us, or we agreed not to hear it.
func silent(p Params) bool {
	return p.Held || p.Direction == sdp.SendOnly || p.Direction == sdp.Inactive
}

func session(p Params) rtpleg.Session {
	s := rtpleg.Session{
		Remote: p.Remote, RemoteRTCP: p.RTCP, RTCPMux: p.Mux, Codec: p.Codec, PT: p.PT,
		EventPT: p.EventPT, Ptime: sdp.Ptime, Symmetric: p.NAT, XR: p.XR,
	}
	if p.NAT && p.From.IsValid() {
		s.From = netip.PrefixFrom(p.From, p.From.BitLen())
	}
	switch p.Direction {
	case sdp.SendOnly:
		s.Direction = rtpleg.SendOnly
	case sdp.RecvOnly:
		s.Direction = rtpleg.RecvOnly
	case sdp.Inactive:
		s.Direction = rtpleg.Inactive
	}
	return s
}
