// Package webrtcleg is a browser as a party of a call: a media.Leg over one pion PeerConnection with one
// audio track each way. It knows Opus and telephone events and nothing else, and leaves out of pion what
// an audio leg does not need: no retransmission, no bandwidth estimation, no interceptors; RTCP is spoken
// by media/stream. All legs share one UDP port and one ICE-TCP port, so a firewall needs one rule.
//
//	browser -> UDP mux -> ICE -> DTLS-SRTP -> Track.Read into an owned buffer -> stream.Receiver -> room
//	room -> stream.Sender -> track -> SRTP -> ICE -> UDP mux -> browser
//
// SDP goes in and out as strings; how they travel is signalling's business. The server is always the one
// that answers. It is a full ICE agent (not lite), so it notices by itself, within seconds, when the path
// is gone, and it has only host candidates, which are ready at once: its answer is complete and nothing
// trickles from this side.
package webrtcleg

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Config says where browsers reach us.
type Config struct {
	// UDPPort is shared by all legs; 0 picks a free one.
	UDPPort int `toml:"udp_port"`
	// TCPPort is the ICE-TCP port: 0 is the same number as UDPPort, less than 0 is none.
	TCPPort int `toml:"tcp_port"`
	// IPs are the local addresses to listen on; none means all of the machine's that are not loopback
	// (with Loopback, those too).
	IPs []string `toml:"ips"`
	// PublicIPs are announced in place of the local ones, where a NAT with fixed ports stands between.
	PublicIPs []string `toml:"public_ips"`
	// Loopback offers loopback addresses too, for tests and demos.
	Loopback bool `toml:"loopback"`
	// DisconnectedAfter is how long nothing may come before EventReconnecting, LostAfter how much longer
	// until the leg ends. 0 takes DefaultDisconnectedAfter and DefaultLostAfter.
	DisconnectedAfter time.Duration `toml:"disconnected_after"`
	LostAfter         time.Duration `toml:"lost_after"`
	// CNAME names us in RTCP; it says nothing about anybody when left empty.
	CNAME string `toml:"cname"`
}

// The times of a Config that names none.
const (
	DefaultDisconnectedAfter = 3 * time.Second
	DefaultLostAfter         = 20 * time.Second
)

// Validate checks the configuration.
func (c Config) Validate() error {
	if c.UDPPort < 0 || c.UDPPort > 65535 || c.TCPPort > 65535 {
		return fmt.Errorf("webrtcleg: ports %d and %d: must be 0 to 65535", c.UDPPort, c.TCPPort)
	}
	for _, s := range slices.Concat(c.IPs, c.PublicIPs) {
		if net.ParseIP(s) == nil {
			return fmt.Errorf("webrtcleg: %q is no IP address", s)
		}
	}
	if c.DisconnectedAfter < 0 || c.LostAfter < 0 {
		return errors.New("webrtcleg: times must not be negative")
	}
	return nil
}

// API holds what all browser legs share: the ports and the certificate. Safe for concurrent use.
type API struct {
	cfg     Config
	api     *webrtc.API
	muxes   []interface{ Close() error }
	port    int
	tcpPort int

	mu     sync.Mutex
	cert   *webrtc.Certificate
	legs   map[*Leg]struct{}
	closed bool

	stop chan struct{}
	wg   sync.WaitGroup
}

// ErrClosed: the API or the leg has been closed.
var ErrClosed = errors.New("webrtcleg: closed")

// NewAPI opens the ports and starts to listen. Close ends it.
func NewAPI(cfg Config) (*API, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.DisconnectedAfter == 0 {
		cfg.DisconnectedAfter = DefaultDisconnectedAfter
	}
	if cfg.LostAfter == 0 {
		cfg.LostAfter = DefaultLostAfter
	}
	a := &API{cfg: cfg, legs: make(map[*Leg]struct{}), stop: make(chan struct{})}
	if err := a.open(); err != nil {
		a.closePorts()
		return nil, err
	}
	a.wg.Go(a.report)
	return a, nil
}

// Port is the UDP port of all legs.
func (a *API) Port() int { return a.port }

// TCPPort is the ICE-TCP port of all legs, 0 when there is none.
func (a *API) TCPPort() int { return a.tcpPort }

// open makes the pion API over freshly opened ports.
func (a *API) open() error {
	ips, err := a.localIPs()
	if err != nil {
		return err
	}
	engine := new(webrtc.MediaEngine)
	if err := registerCodecs(engine); err != nil {
		return err
	}
	var s webrtc.SettingEngine
	if err := a.listen(&s, ips); err != nil {
		return err
	}
	if len(a.cfg.PublicIPs) > 0 {
		rule := webrtc.ICEAddressRewriteRule{
			External: a.cfg.PublicIPs, AsCandidateType: webrtc.ICECandidateTypeHost,
			Mode: webrtc.ICEAddressRewriteReplace,
		}
		if err := s.SetICEAddressRewriteRules(rule); err != nil {
			return fmt.Errorf("webrtcleg: public addresses: %w", err)
		}
	}
	s.SetIPFilter(func(ip net.IP) bool {
		return slices.ContainsFunc(ips, ip.Equal)
	})
	s.SetIncludeLoopbackCandidate(a.cfg.Loopback)
	s.SetICETimeouts(a.cfg.DisconnectedAfter, a.cfg.LostAfter, time.Second)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.DisableActiveTCP(true)
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	s.SetReceiveMTU(readSize)
	a.api = webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(s),
		webrtc.WithInterceptorRegistry(new(interceptor.Registry)))
	return nil
}

// registerCodecs tells pion all it may agree on. Both kinds of telephone event are offered by browsers; we
// take the one with the clock of the audio (RFC 4733 section 2.1).
func registerCodecs(engine *webrtc.MediaEngine) error {
	for _, c := range []webrtc.RTPCodecParameters{
		{PayloadType: 111, RTPCodecCapability: opusCapability},
		{PayloadType: 110, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: 48000}},
	} {
		if err := engine.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return fmt.Errorf("webrtcleg: register %s: %w", c.MimeType, err)
		}
	}
	level := webrtc.RTPHeaderExtensionCapability{URI: sdp.AudioLevelURI}
	if err := engine.RegisterHeaderExtension(level, webrtc.RTPCodecTypeAudio); err != nil {
		return fmt.Errorf("webrtcleg: register audio level: %w", err)
	}
	return nil
}

var opusCapability = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: opusFmtp}

// certificate is shared by all legs and renewed well before it expires: making one costs more than the
// rest of a leg.
func (a *API) certificate() (webrtc.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cert == nil || time.Until(a.cert.Expires()) < 7*24*time.Hour {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return webrtc.Certificate{}, fmt.Errorf("webrtcleg: make key: %w", err)
		}
		if a.cert, err = webrtc.GenerateCertificate(key); err != nil {
			return webrtc.Certificate{}, fmt.Errorf("webrtcleg: make certificate: %w", err)
		}
	}
	return *a.cert, nil
}

func (a *API) add(l *Leg) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	a.legs[l] = struct{}{}
	return nil
}

func (a *API) remove(l *Leg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.legs, l)
}

func (a *API) all() []*Leg {
	a.mu.Lock()
	defer a.mu.Unlock()
	legs := make([]*Leg, 0, len(a.legs))
	for l := range a.legs {
		legs = append(legs, l)
	}
	return legs
}

// report sends the RTCP reports of all legs, so that no leg needs a timer.
func (a *API) report() {
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-a.stop:
			return
		case now := <-t.C:
			for _, l := range a.all() {
				l.report(now)
			}
		}
	}
}

// Close ends all legs and closes the ports. Idempotent; returns after all goroutines have ended.
func (a *API) Close() error {
	a.mu.Lock()
	first := !a.closed
	a.closed = true
	a.mu.Unlock()
	for _, l := range a.all() {
		l.end(nil)
	}
	for _, l := range a.all() {
		<-l.done
	}
	var err error
	if first {
		close(a.stop)
		err = a.closePorts()
	}
	a.wg.Wait()
	return err
}

func (a *API) closePorts() error {
	var errs []error
	for _, m := range a.muxes {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
