package webrtcleg

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v4/packetio"
)

var errFingerprint = errors.New("the certificate is not the one of the offer")

// print is a fingerprint of the browser's certificate as in its offer.
type print struct{ algorithm, value string }

func parsePrint(s string) (print, bool) {
	algorithm, value, ok := strings.Cut(s, " ")
	hash, err := fingerprint.HashFromString(algorithm)
	return print{algorithm, strings.ToLower(value)}, ok && err == nil && hash.Available() && hash.Size() >= 28 && len(value) == 3*hash.Size()-1
}

func (p print) matches(der []byte) bool {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return false
	}
	var hash crypto.Hash
	if hash, err = fingerprint.HashFromString(p.algorithm); err != nil {
		return false
	}
	got, err := fingerprint.Fingerprint(cert, hash)
	return err == nil && strings.EqualFold(got, p.value)
}

// association is a leg's DTLS: it makes the keys, and brings the browser's goodbye.
type association struct {
	leg    *Leg
	prints []print
	client bool // we begin
	done   chan struct{}

	mu   sync.Mutex
	in   *packetio.Buffer // nil before the first check
	conn *dtls.Conn
}

// secure begins the handshake. Called once, on the first authentic check.
func (l *Leg) secure() {
	d := &l.dtls
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.in != nil || l.over() {
		return
	}
	d.in = packetio.NewBuffer()
	d.in.SetLimitCount(64)
	d.done = make(chan struct{})
	go d.run()
}

// push takes a datagram from the socket's reader.
func (d *association) push(b []byte) {
	d.mu.Lock()
	in := d.in
	d.mu.Unlock()
	if in != nil {
		_, _ = in.Write(b) // a flood is dropped; DTLS repeats what counts
	}
}

// run shakes hands and then waits for the browser's goodbye or for close.
func (d *association) run() {
	defer close(d.done)
	conn, err := d.dial()
	if err == nil {
		d.mu.Lock()
		d.conn = conn
		d.mu.Unlock()
		err = conn.HandshakeContext(d.leg.ctx)
	}
	if err == nil {
		err = d.leg.unlock(conn, d.client)
	}
	if err != nil {
		d.leg.end(fmt.Errorf("%w: dtls: %w", ErrLost, err))
		return
	}
	var data [1]byte // nobody agreed to any
	for {
		if _, err := conn.Read(data[:]); errors.Is(err, io.EOF) {
			d.leg.end(ErrPeerClosed)
			return
		}
	}
}

func (d *association) dial() (*dtls.Conn, error) {
	shared := []dtls.Option{
		dtls.WithCertificates(d.leg.cert.Certificate),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // its fingerprint came by signalling, which is what counts (RFC 8827 section 6.5)
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			for _, p := range d.prints {
				if len(raw) > 0 && p.matches(raw[0]) {
					return nil
				}
			}
			return errFingerprint
		}),
	}
	if d.client {
		opts := make([]dtls.ClientOption, 0, len(shared))
		for _, o := range shared {
			opts = append(opts, o)
		}
		return dtls.ClientWithOptions(d, pipeAddr{}, opts...)
	}
	opts := []dtls.ServerOption{
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has shown that the address is the browser's
	}
	for _, o := range shared {
		opts = append(opts, o)
	}
	return dtls.ServerWithOptions(d, pipeAddr{}, opts...)
}

// close says goodbye and returns when the goroutine has ended.
func (d *association) close() {
	d.mu.Lock()
	conn, in, done := d.conn, d.in, d.done
	if d.in == nil {
		d.in = packetio.NewBuffer() // so that none begins
	}
	d.mu.Unlock()
	if done == nil {
		return
	}
	if conn != nil {
		_ = conn.Close() // what fails after the goodbye is of no use to anybody
	}
	_ = in.Close()
	<-done
}

// What follows makes an association the net.PacketConn under its own DTLS: in from the socket's reader, out
// over the leg's route, whichever that is.

// ReadFrom implements net.PacketConn.
func (d *association) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := d.in.Read(b)
	return n, pipeAddr{}, err
}

// WriteTo implements net.PacketConn.
func (d *association) WriteTo(b []byte, _ net.Addr) (int, error) {
	if r := d.leg.route.Load(); r != nil {
		r.via.send(b, r.to) // what is lost is repeated
	}
	return len(b), nil
}

// Close implements net.PacketConn.
func (d *association) Close() error { return d.in.Close() }

// LocalAddr implements net.PacketConn.
func (d *association) LocalAddr() net.Addr { return pipeAddr{} }

// SetDeadline implements net.PacketConn.
func (d *association) SetDeadline(t time.Time) error { return d.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (d *association) SetReadDeadline(t time.Time) error { return d.in.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn: writes never wait.
func (d *association) SetWriteDeadline(time.Time) error { return nil }

// pipeAddr stands for the browser, whose address may change under DTLS.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "ice" }
func (pipeAddr) String() string  { return "browser" }

// keys make a leg's ciphers. Those for sending are one for each stream, so that streams do not wait for each
// other; all have the same keys (RFC 3711 section 3.2.1: state is kept by SSRC).
type keys struct {
	profile srtp.ProtectionProfile
	srtp.SessionKeys
}

// unlock takes the keys out of the handshake and lets the media flow.
func (l *Leg) unlock(conn *dtls.Conn, client bool) error {
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.New("no state")
	}
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return errors.New("no srtp profile")
	}
	cfg := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := cfg.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return err
	}
	in, err := srtp.CreateContext(cfg.Keys.RemoteMasterKey, cfg.Keys.RemoteMasterSalt, cfg.Profile,
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return err
	}
	k := &keys{cfg.Profile, cfg.Keys}
	if err := l.open(k, in); err != nil {
		return err
	}
	l.emit(media.EventConnected)
	return nil
}

// replayWindow is in packets: more than any network reorders by.
const replayWindow = 128

// sealer encrypts one stream. Safe for concurrent use.
type sealer struct {
	mu     sync.Mutex
	ctx    *srtp.Context // nil until there are keys
	header rtp.Header
	buf    []byte
}

func (s *sealer) unlock(k *keys) error {
	ctx, err := srtp.CreateContext(k.LocalMasterKey, k.LocalMasterSalt, k.profile)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx, s.buf = ctx, make([]byte, 0, readSize)
	return nil
}

// rtp sends one RTP packet over r.
func (s *sealer) rtp(r *route, pkt []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return false
	}
	out, err := s.ctx.EncryptRTP(s.buf, pkt, &s.header)
	return err == nil && r.via.send(out, r.to)
}

// rtcp sends one compound RTCP packet over r.
func (s *sealer) rtcp(r *route, pkt []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return false
	}
	out, err := s.ctx.EncryptRTCP(s.buf, pkt, nil)
	return err == nil && r.via.send(out, r.to)
}
