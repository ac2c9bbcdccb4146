// Package webrtcleg is a browser as a party of a call: a media.Leg over ICE, DTLS and SRTP with audio and
// nothing else. It speaks these protocols itself, over pion's ciphers: a server with a public address
// needs an answering ICE only (RFC 8445 section 2.5), and an audio leg needs no data channel, no
// retransmission and no bandwidth estimation. So all legs share one socket per address and one goroutine
// reads it, decrypts in place and pushes into the leg's receiver; a leg that is up has no goroutine of its
// own, and a packet costs no allocation.
//
//	browser -> UDP or TCP socket -> STUN: binding | DTLS: association | SRTP: decrypt -> stream.Receiver -> room
//	room -> stream.Sender -> encrypt -> socket -> browser
//
// SDP goes in and out as strings; how they travel is signalling's business. The server is always the one
// that answers, its candidates are all in the answer, and the browser is the one who looks for a way. A way
// is lost when nothing authentic has come over it for a while: sound comes fifty times a second, and a
// browser that says nothing still renews its consent (RFC 7675).
//
// A browser that offers several audio sections, of which all but one only receive, may be given separate
// streams: one Line per section, each with its own SSRC.
package webrtcleg

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
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
	// until the leg ends. 0 takes DefaultDisconnectedAfter and DefaultLostAfter. From a browser that sends
	// no sound nothing but its consent comes, every five seconds or so: there ConsentAfter counts, if longer.
	DisconnectedAfter time.Duration `toml:"disconnected_after"`
	LostAfter         time.Duration `toml:"lost_after"`
	// CNAME names us in RTCP; it says nothing about anybody when left empty.
	CNAME string `toml:"cname"`
}

// The times of a Config that names none.
const (
	DefaultDisconnectedAfter = 3 * time.Second
	DefaultLostAfter         = 20 * time.Second
	// ConsentAfter is how long a browser that sends no sound may be silent: it renews its consent every
	// 4 to 6 s (RFC 7675 section 5.1).
	ConsentAfter = 7 * time.Second
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

// certificateLife is how long a certificate of ours is used; a browser checks its fingerprint alone.
const certificateLife = 30 * 24 * time.Hour

// API holds what all browser legs share: the ports and the certificate. Safe for concurrent use.
type API struct {
	cfg        Config
	epoch      time.Time
	ports      []interface{ Close() error }
	port       int
	tcpPort    int
	candidates []string // without a=
	foreign    atomic.Uint64

	mu      sync.Mutex
	cert    *certificate
	legs    map[*Leg]struct{}
	byUfrag map[string]*Leg // by the name we gave the leg in ICE
	closed  bool

	stop chan struct{}
	wg   sync.WaitGroup // of the ports and the watch
}

// certificate is ours, with its fingerprint as it stands in SDP.
type certificate struct {
	tls.Certificate
	fingerprint string
	until       time.Time
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
	a := &API{
		cfg: cfg, epoch: time.Now(), legs: make(map[*Leg]struct{}), byUfrag: make(map[string]*Leg),
		stop: make(chan struct{}),
	}
	if err := a.listen(); err != nil {
		_ = a.closePorts() // the first error is the one that counts
		a.wg.Wait()
		return nil, err
	}
	a.wg.Go(a.watch)
	return a, nil
}

// Port is the UDP port of all legs.
func (a *API) Port() int { return a.port }

// TCPPort is the ICE-TCP port of all legs, 0 when there is none.
func (a *API) TCPPort() int { return a.tcpPort }

// Stats counts what concerns no leg alone.
type Stats struct {
	Legs    int    // alive
	Foreign uint64 // packets that belonged to no leg
	Dropped uint64 // packets the UDP sockets would not take at once
}

// Stats reads the counters.
func (a *API) Stats() Stats {
	s := Stats{Foreign: a.foreign.Load(), Legs: len(a.all())}
	for _, p := range a.ports {
		if u, ok := p.(*socket); ok {
			s.Dropped += u.dropped.Load()
		}
	}
	return s
}

// certificate is shared by all legs and renewed well before it expires: making one costs more than the
// rest of a leg.
func (a *API) certificate() (*certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cert == nil || time.Until(a.cert.until) < certificateLife/4 {
		c, err := newCertificate(time.Now())
		if err != nil {
			return nil, fmt.Errorf("webrtcleg: make certificate: %w", err)
		}
		a.cert = c
	}
	return a.cert, nil
}

func newCertificate(now time.Time) (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "webrtc"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(certificateLife), // browsers' clocks are off at times
	}
	der, err := x509.CreateCertificate(rand.Reader, &t, &t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	var hex strings.Builder
	for i, b := range sum {
		if i > 0 {
			hex.WriteByte(':')
		}
		fmt.Fprintf(&hex, "%02X", b)
	}
	return &certificate{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, "sha-256 " + hex.String(), t.NotAfter}, nil
}

// since is a time as kept in atomics: nanoseconds since the API began, at least 1.
func (a *API) since(t time.Time) int64 { return max(int64(t.Sub(a.epoch)), 1) }

// add makes a leg known by its name in ICE.
func (a *API) add(l *Leg, ufrag string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	a.legs[l] = struct{}{}
	a.byUfrag[ufrag] = l
	return nil
}

// rename forgets one name of a leg.
func (a *API) rename(old string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byUfrag, old)
}

func (a *API) remove(l *Leg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.legs, l)
	for name, o := range a.byUfrag {
		if o == l {
			delete(a.byUfrag, name)
		}
	}
}

func (a *API) named(ufrag string) *Leg {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byUfrag[ufrag]
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

// watchEvery is how often legs are looked after. A leg's times are kept to within it.
const watchEvery = 100 * time.Millisecond

// watch looks after all legs, so that none needs a timer: their reports, and whether they are still there.
func (a *API) watch() {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-a.stop:
			return
		case now := <-t.C:
			for _, l := range a.all() {
				l.watch(now)
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
	legs := a.all()
	for _, l := range legs {
		l.end(nil)
	}
	for _, l := range legs {
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
	for _, p := range a.ports {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
