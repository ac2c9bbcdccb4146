package webrtcleg

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
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

// association is a leg's DTLS: it makes the keys, and brings the browser's goodbye. A connection of package
// dtls keeps three goroutines and their buffers, for what is one alert in an hour: so once there are keys its
// state is put aside, and made a connection again when an alert comes, or when we say goodbye.
//
//	idle -> handshake -> asleep <-> awake -> over
//
// Where the browser began the handshake we stay awake, for it may ask for the end of it again.
type association struct {
	leg    *Leg
	prints []print
	client bool // we begin

	mu    sync.Mutex
	begun bool
	over  bool
	state []byte // once there are keys: what a connection is made from
	awake *pipe  // the connection that takes what comes
	tasks sync.WaitGroup
}

const (
	alertRecord = 21 // content type (RFC 6347 section 4.1, RFC 5246 section 6.2.1)
	epochAt     = 3  // where the epoch stands in a record; 0 is in the clear
	recordSize  = 13 // of a record's header
	// awakeFor is how long an alert keeps the association awake that was no goodbye, settle how long a
	// connection has for what came just before it was put aside.
	awakeFor = time.Second
	settle   = 100 * time.Millisecond
)

// secure begins the handshake. Called once, on the first authentic check.
func (l *Leg) secure() {
	d := &l.dtls
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begun || d.over {
		return
	}
	d.begun = true
	d.wake(d.handshake)
}

// wake starts a goroutine with a connection of its own. Called under the lock.
func (d *association) wake(f func(p *pipe)) {
	p := newPipe(d.leg)
	d.awake = p
	d.tasks.Go(func() { f(p) })
}

// push takes a datagram from the port's reader.
func (d *association) push(b []byte) {
	if len(b) < recordSize {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.over:
		return
	case d.awake != nil:
	case d.state != nil && b[0] == alertRecord && (b[epochAt] != 0 || b[epochAt+1] != 0):
		d.wake(d.listen)
	default: // not begun, or what nobody needs any more
		return
	}
	_, _ = d.awake.in.Write(b) // a flood is dropped; DTLS repeats what counts
}

// handshake makes the keys.
func (d *association) handshake(p *pipe) {
	conn, err := d.dial(p)
	if err == nil {
		d.use(p, conn)
		err = conn.HandshakeContext(d.leg.ctx)
	}
	if err == nil {
		err = d.leg.unlock(conn, d.client)
	}
	switch {
	case err != nil:
		d.leg.end(fmt.Errorf("%w: dtls: %w", ErrLost, err))
	case !d.client || !d.sleep(p):
		d.goodbye(conn)
	}
}

// listen finds out what an alert says.
func (d *association) listen(p *pipe) {
	conn, err := d.resume(p)
	if err != nil { // the one thing that can end it before it has begun is the alert
		d.leg.end(ErrPeerClosed)
		return
	}
	d.use(p, conn)
	_ = conn.SetReadDeadline(time.Now().Add(awakeFor))
	if !d.goodbye(conn) && !d.sleep(p) {
		_ = conn.SetReadDeadline(time.Time{})
		d.goodbye(conn)
	}
}

func (d *association) use(p *pipe, conn *dtls.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p.conn = conn
}

// goodbye waits until the browser or we end the connection, which ends the leg; it reports false when the
// deadline passed before.
func (d *association) goodbye(conn *dtls.Conn) bool {
	var data [1]byte // nobody agreed to any
	for {
		_, err := conn.Read(data[:])
		var late net.Error
		switch {
		case errors.Is(err, io.EOF):
			d.leg.end(ErrPeerClosed)
			return true
		case errors.As(err, &late) && late.Timeout():
			return false
		}
	}
}

// sleep puts the connection aside. It reports false when the leg is over or it cannot be.
func (d *association) sleep(p *pipe) bool {
	state, ok := p.conn.ConnectionState()
	if !ok {
		return false
	}
	b, err := state.MarshalBinary()
	if err != nil {
		return false
	}
	d.mu.Lock()
	if d.over {
		d.mu.Unlock()
		return false
	}
	d.state, d.awake = b, nil // what comes from now on wakes another
	d.mu.Unlock()
	_ = p.conn.SetReadDeadline(time.Now().Add(settle))
	if !d.goodbye(p.conn) {
		p.mute.Store(true) // it is no goodbye
		_ = p.conn.Close()
	}
	return true
}

// resume makes a connection from the state put aside.
func (d *association) resume(p *pipe) (*dtls.Conn, error) {
	d.mu.Lock()
	b := d.state
	d.mu.Unlock()
	var state dtls.State
	if err := state.UnmarshalBinary(b); err != nil {
		return nil, err
	}
	conn, err := dtls.ResumeWithOptions(&state, p, pipeAddr{}, d.options()...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), awakeFor)
	defer cancel()
	return conn, conn.HandshakeContext(ctx) // nothing goes over the wire
}

func (d *association) options() []dtls.Option {
	return []dtls.Option{
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
}

func (d *association) dial(p *pipe) (*dtls.Conn, error) {
	shared := d.options()
	if d.client {
		opts := make([]dtls.ClientOption, 0, len(shared))
		for _, o := range shared {
			opts = append(opts, o)
		}
		return dtls.ClientWithOptions(p, pipeAddr{}, opts...)
	}
	opts := []dtls.ServerOption{
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has shown that the address is the browser's
	}
	for _, o := range shared {
		opts = append(opts, o)
	}
	return dtls.ServerWithOptions(p, pipeAddr{}, opts...)
}

// close says goodbye and returns when the goroutines have ended.
func (d *association) close() {
	d.mu.Lock()
	d.over = true
	p, asleep := d.awake, d.awake == nil && d.state != nil
	if asleep {
		p = newPipe(d.leg)
	}
	var conn *dtls.Conn
	if p != nil {
		conn = p.conn
	}
	d.mu.Unlock()
	if asleep {
		conn, _ = d.resume(p) // a browser that we cannot tell will notice
	}
	if conn != nil {
		_ = conn.Close() // what fails after the goodbye is of no use to anybody
	}
	if p != nil {
		_ = p.in.Close()
	}
	d.tasks.Wait()
}

// pipe is the net.PacketConn under one connection: in from the port's reader, out over the leg's route,
// whichever that is.
type pipe struct {
	leg  *Leg
	in   *packetio.Buffer
	mute atomic.Bool
	conn *dtls.Conn // under the association's lock, but for its own goroutine
}

func newPipe(l *Leg) *pipe {
	p := &pipe{leg: l, in: packetio.NewBuffer()}
	p.in.SetLimitCount(64)
	return p
}

// ReadFrom implements net.PacketConn.
func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.in.Read(b)
	return n, pipeAddr{}, err
}

// WriteTo implements net.PacketConn.
func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	if r := p.leg.route.Load(); r != nil && !p.mute.Load() {
		r.via.send(b, r.to) // what is lost is repeated
	}
	return len(b), nil
}

// Close implements net.PacketConn.
func (p *pipe) Close() error { return p.in.Close() }

// LocalAddr implements net.PacketConn.
func (p *pipe) LocalAddr() net.Addr { return pipeAddr{} }

// SetDeadline implements net.PacketConn.
func (p *pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (p *pipe) SetReadDeadline(t time.Time) error { return p.in.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn: writes never wait.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

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
