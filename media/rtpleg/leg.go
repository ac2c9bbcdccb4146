// Package rtpleg is a party on plain RTP: the media of a SIP call, or of a program that was given an
// address and a codec. It owns a pair of UDP ports and implements media.Leg.
//
//	socket -> source check -> stream.Receiver -> ReadFrame (tick)
//	WriteFrame (tick): stream.Sender -> socket, without waiting
//	keeper, twice a second: RTCP in and out, RTP timeout
//
// A leg has no goroutine of its own. Its packets are taken by the room's tick once SetPolled says so, and
// until then, or where they must not wait for a tick, by one of a few loops that wake for all legs of the
// process; a keeper beats for all of them. Packets from any other address than the party's are dropped and
// counted; see source for how the party's address is found.
package rtpleg

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/jitter"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/stream"
)

// ErrTimeout is why a leg ends whose party sends nothing.
var ErrTimeout = errors.New("rtpleg: no media from the party")

// Direction says which way audio flows, seen from cordboard (RFC 4566 section 6).
type Direction uint8

const (
	SendRecv Direction = iota
	SendOnly           // the party is held or only listens: nothing it sends is heard
	RecvOnly           // the party hears nothing
	Inactive
)

func (d Direction) sends() bool    { return d == SendRecv || d == SendOnly }
func (d Direction) receives() bool { return d == SendRecv || d == RecvOnly }

// Session is what offer and answer settled. A re-INVITE brings a new one.
type Session struct {
	Remote     netip.AddrPort // the party's RTP; an unspecified address (c=0.0.0.0) or port 0 stops sending
	RemoteRTCP netip.AddrPort // zero: the port above Remote
	RTCPMux    bool           // RTCP shares the RTP port (RFC 5761)
	Codec      media.Codec    // what we send
	PT         uint8
	Codecs     map[uint8]media.Codec // what the party may send; nil: PT alone
	EventPT    uint8                 // RFC 4733, 0 for none
	LevelExtID uint8                 // RFC 6464, 0 for none
	Ptime      time.Duration         // 0 is 20 ms
	Format     media.Format          // zero: the codec's default
	Direction  Direction
	XR         bool // extended reports (RFC 3611) agreed; else they only answer the party's
	// Symmetric marks the party as behind a NAT: its address may be learned from its first packets. From,
	// when valid, is where such an address must lie; the source of the signalling is a good choice.
	Symmetric bool
	From      netip.Prefix
}

// Cipher protects a leg's packets (SRTP). Each method appends to dst and returns it; an error drops the
// packet. No method is called twice at once; the four may be concurrent with each other.
type Cipher interface {
	OpenRTP(dst, pkt []byte) ([]byte, error)
	SealRTP(dst, pkt []byte) ([]byte, error)
	OpenRTCP(dst, pkt []byte) ([]byte, error)
	SealRTCP(dst, pkt []byte) ([]byte, error)
}

// Config makes a leg.
type Config struct {
	Socket *Socket // the leg's from now on; Close releases it
	Session
	CNAME             string
	Cipher            Cipher           // nil for plain RTP
	RTPTimeoutInitial time.Duration    // until the first packet; 30 s when zero, negative for never
	RTPTimeout        time.Duration    // between packets; 15 s when zero, negative for never
	Clock             func() time.Time // time.Now when nil
	Jitter            jitter.Config
	InbandDigits      bool // hear keys in the audio of a party that agreed to no telephone events
}

const maxDatagram = stream.MaxPacket + 64

// Leg is one party on RTP. It implements media.Leg and media.PayloadSource.
type Leg struct {
	cfg   Config
	clock func() time.Time
	// ownClock: the clock is not the system's, so the kernel's times mean nothing on it.
	ownClock bool

	rx     *stream.Receiver
	tx     *stream.Sender
	rep    *stream.Reporter
	out    sender
	events chan media.Event

	session   atomic.Pointer[Session]
	update    atomic.Pointer[Session] // for the reader to take up
	held      atomic.Bool
	aliveFrom atomic.Int64 // ns after start from which silence counts
	start     time.Time
	counts    struct {
		foreign, malformed, eventsDropped, overflow, boxFull atomic.Uint64
	}

	// Whoever reads the RTP port holds owner meanwhile; see own.
	owner     atomic.Uint32
	src       source
	connected bool
	plain     []byte
	screened  atomic.Int64 // since when the kernel screens the port, in ns after start; 0 when it does not

	sealed []byte // the sender's; see send

	gates []*gate // the shard's: to whom packets are handed on

	polled atomic.Bool
	box    atomic.Pointer[mailbox] // RTCP from the RTP port, for the beat; nil without RTCPMux

	rtcpTo   atomic.Pointer[netip.AddrPort] // where our reports go
	rtcpFrom atomic.Pointer[netip.AddrPort] // whom we take reports from; port 0: any

	done    chan struct{}
	once    sync.Once // guards err and done
	err     error
	closing sync.Once

	life    sync.Mutex // Start, SetPolled and Close against each other; held for no longer than a system call
	started atomic.Bool
	gone    bool
	reader  reader

	beating sync.Mutex // the keeper's, and Close's to end it
	still   bool       // no more beats
	foreign uint64     // datagrams, at the last
}

var (
	_ media.Leg           = (*Leg)(nil)
	_ media.PayloadSource = (*Leg)(nil)
	_ media.Poller        = (*Leg)(nil)
)

// New makes a leg on its socket. Nothing is read before Start.
func New(cfg Config) (*Leg, error) {
	if cfg.Socket == nil {
		return nil, errors.New("rtpleg: new leg: no socket")
	}
	if err := cfg.Session.check(); err != nil {
		return nil, fmt.Errorf("rtpleg: new leg: %w", err)
	}
	ownClock := cfg.Clock != nil
	if !ownClock {
		cfg.Clock = time.Now
	}
	if cfg.RTPTimeoutInitial == 0 {
		cfg.RTPTimeoutInitial = 30 * time.Second
	}
	if cfg.RTPTimeout == 0 {
		cfg.RTPTimeout = 15 * time.Second
	}
	l := &Leg{cfg: cfg, clock: cfg.Clock, ownClock: ownClock, start: cfg.Clock(), events: make(chan media.Event, 16), done: make(chan struct{})}
	s := cfg.Session
	l.rx = stream.NewReceiver(stream.ReceiverConfig{
		Codecs: s.codecs(), EventPT: s.EventPT, LevelExtID: s.LevelExtID,
		Events: l.events, Jitter: cfg.Jitter, Clock: cfg.Clock, InbandDigits: cfg.InbandDigits,
	})
	l.tx = stream.NewSender(s.sender(cfg.CNAME), l.send)
	l.rep = stream.NewReporter(l.rx, l.tx, l.start)
	l.rep.SendXR(s.XR)
	l.out.port = cfg.Socket.rtp
	l.session.Store(&s)
	l.readyBox(&s)
	l.adopt(&s)
	return l, nil
}

func (s *Session) check() error {
	if s.Codec == 0 {
		return errors.New("no codec")
	}
	if s.Direction > Inactive {
		return fmt.Errorf("direction %d", s.Direction)
	}
	return nil
}

func (s *Session) codecs() map[uint8]media.Codec {
	if s.Codecs == nil {
		return map[uint8]media.Codec{s.PT: s.Codec}
	}
	return s.Codecs
}

func (s *Session) sender(cname string) stream.SenderConfig {
	return stream.SenderConfig{
		Codec: s.Codec, PT: s.PT, EventPT: s.EventPT, LevelExtID: s.LevelExtID,
		CNAME: cname, Format: s.Format, Ptime: s.Ptime,
	}
}

// Start begins to read, once offer and answer are settled. Further calls do nothing. Where the process
// has no descriptors left the leg is Done at once.
func (l *Leg) Start() {
	l.life.Lock()
	defer l.life.Unlock()
	if l.gone || l.started.Load() {
		return
	}
	l.alive()
	if err := everyone.add(l); err != nil {
		l.end(fmt.Errorf("rtpleg: start leg: %w", err))
		return
	}
	l.started.Store(true)
	l.reader.wake(!l.polled.Load())
}

// Update takes up what a re-INVITE settled. The party's address may be learned again where the session
// is Symmetric. Safe for concurrent use; packets follow it within half a second.
func (l *Leg) Update(s Session) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("rtpleg: update leg: %w", err)
	}
	if s.XR {
		l.rep.SendXR(true)
	}
	l.session.Store(&s)
	l.rx.Update(s.codecs(), s.EventPT, s.LevelExtID)
	l.tx.Update(s.sender(l.cfg.CNAME))
	l.alive()
	l.readyBox(&s)
	l.update.Store(&s)
	if l.own() { // else its owner sees to it with the next packet, or the next beat does
		l.adoptUpdate()
		l.disown()
	}
	return nil
}

// adopt makes s the reader's session: whom to believe and where to send.
func (l *Leg) adopt(s *Session) {
	l.unscreen()
	l.src.reset(s.Remote, s.Symmetric, s.From)
	l.aim(s, s.Remote)
}

// aim sends to remote from now on.
func (l *Leg) aim(s *Session, remote netip.AddrPort) {
	l.out.aim(remote)
	rtcp := remote
	switch {
	case s.RTCPMux:
	case remote == s.Remote && s.RemoteRTCP.IsValid():
		rtcp = s.RemoteRTCP
	case remote.Port() < 65535:
		rtcp = netip.AddrPortFrom(remote.Addr(), remote.Port()+1)
	}
	l.rtcpTo.Store(&rtcp)
	from := rtcp
	if s.Symmetric {
		from = netip.AddrPortFrom(rtcp.Addr(), 0)
	}
	l.rtcpFrom.Store(&from)
}

// SetHeld says that the party may be silent for as long as it likes; when the hold ends the timeout
// begins anew.
func (l *Leg) SetHeld(on bool) {
	l.held.Store(on)
	l.alive()
}

func (l *Leg) alive() { l.aliveFrom.Store(int64(l.clock().Sub(l.start))) }

// Rate implements media.Source.
func (l *Leg) Rate() pcm.Rate { return l.rx.Rate() }

// ReadFrame implements media.Source. A party that is not to be heard (SendOnly, Inactive) is silent.
func (l *Leg) ReadFrame(dst *pcm.Frame) media.Kind {
	k := l.rx.ReadFrame(dst)
	if !l.session.Load().Direction.receives() {
		clear(dst.Samples())
		return media.Silence
	}
	return k
}

// Forget implements media.Forgetter.
func (l *Leg) Forget() { l.tx.Forget() }

// Age implements media.AgedSource.
func (l *Leg) Age() time.Duration { return l.rx.Age() }

// Payload implements media.PayloadSource.
func (l *Leg) Payload() (media.Codec, []byte) {
	if !l.session.Load().Direction.receives() {
		return 0, nil
	}
	return l.rx.Payload()
}

// Format implements media.Sink.
func (l *Leg) Format() media.Format { return l.tx.Format() }

// WriteFrame implements media.Sink. A party that is to hear nothing (RecvOnly, Inactive) is sent nothing.
func (l *Leg) WriteFrame(f media.OutFrame) {
	if !l.session.Load().Direction.sends() {
		f.Payload = nil
	}
	l.tx.WriteFrame(f)
}

// send puts one packet on the wire: in the tick, or where the packet of another leg was read. The sender
// sees to it that there is one at a time.
func (l *Leg) send(pkt []byte) {
	if l.cfg.Cipher != nil {
		var err error
		if l.sealed, err = l.cfg.Cipher.SealRTP(l.sealed[:0], pkt); err != nil {
			l.out.dropped.Add(1)
			return
		}
		pkt = l.sealed
	}
	l.out.send(pkt)
}

// SendDigits implements media.Leg.
func (l *Leg) SendDigits(digits string, tone time.Duration) error {
	return l.tx.SendDigits(digits, tone)
}

// Stats implements media.Leg.
func (l *Leg) Stats() media.Stats {
	var s media.Stats
	l.rx.Stats(&s)
	l.tx.Stats(&s)
	l.rep.Stats(&s)
	s.Malformed += l.counts.malformed.Load()
	s.Foreign = l.counts.foreign.Load()
	s.SendDropped = l.out.dropped.Load()
	s.RecvDropped = l.counts.overflow.Load() + l.counts.boxFull.Load()
	s.EventsDropped += l.counts.eventsDropped.Load()
	return s
}

// Events implements media.Leg.
func (l *Leg) Events() <-chan media.Event { return l.events }

// Done implements media.Leg.
func (l *Leg) Done() <-chan struct{} { return l.done }

// Err implements media.Leg: nil before Done and after Close, ErrTimeout when the party fell silent.
func (l *Leg) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

func (l *Leg) end(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
	})
}

// Close says goodbye by RTCP, waits for a read that is just under way and releases the socket.
func (l *Leg) Close() error {
	l.closing.Do(func() {
		l.life.Lock()
		l.gone = true
		started := l.started.Load()
		l.life.Unlock()
		if started {
			everyone.remove(l)
		}
		l.beating.Lock()
		l.still = true
		l.beating.Unlock()
		if started && l.tx.Sent() > 0 {
			l.sendRTCP(l.rep.AppendBye(nil, l.clock()))
		}
		for !l.owner.CompareAndSwap(free, ended) {
			runtime.Gosched()
		}
		l.end(nil)
		l.cfg.Socket.Release()
		l.reader.wait()
		l.rx.Close()
	})
	return nil
}

func (l *Leg) String() string {
	s := l.session.Load()
	return fmt.Sprintf("rtpleg(%v/%d %v) > jitter(%v)", s.Codec, s.Codec.ClockRate(), s.Remote, l.rx.Jitter().Target.Round(time.Millisecond))
}

// Local is the leg's own RTP address.
func (l *Leg) Local() netip.AddrPort { return l.cfg.Socket.addr }
