package webrtcleg

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/stream"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

var (
	// ErrPeerClosed: the browser has closed the connection.
	ErrPeerClosed = errors.New("webrtcleg: closed by the browser")
	// ErrLost: nothing has come from the browser for Config.DisconnectedAfter and LostAfter together.
	ErrLost = errors.New("webrtcleg: connection lost")
	// ErrStale: a candidate belongs to an ICE session that is over.
	ErrStale = errors.New("webrtcleg: candidate of another ice session")
)

const (
	readSize   = 1600 // the longest datagram
	eventQueue = 64
	gatherTime = 2 * time.Second // host candidates take milliseconds
)

// DefaultFormat is how a browser hears unless told otherwise. DTX is off: at this complexity libopus takes
// steady music for background noise and would tear holes into it; the room knows silence better.
var DefaultFormat = media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}

// Options are those of one leg.
type Options struct {
	// Format is how the browser hears on a clean link; zero takes DefaultFormat. Forward error correction
	// is added when the browser reports loss.
	Format media.Format
	// OnLocalCandidate, where set, gets our candidates as RFC 8840 fragments as well. It must not block.
	// They are all in the answer already.
	OnLocalCandidate func(sdpFrag string)
}

// Leg is a browser. It implements media.Leg and media.PayloadSource.
//
//	NewLeg -> connecting -> connected <-> reconnecting -> over
//	              |             |              |           ^
//	              '-------------+--------------+-----------'
//
// Reconnecting begins when nothing has come for a while and ends by itself or with Restart.
type Leg struct {
	api    *API
	pc     *webrtc.PeerConnection
	sender *webrtc.RTPSender
	rx     *stream.Receiver
	tx     *stream.Sender
	rtcp   *stream.Reporter
	out    outTrack
	opts   Options

	events        chan media.Event
	eventsDropped atomic.Uint64
	up            atomic.Bool // media may flow out

	negotiation sync.Mutex // one offer or candidate at a time
	ufrag       string     // the browser's, under negotiation
	terms       atomic.Pointer[terms]

	push    sync.Mutex // readers of rx; there is one, but for the moment one track follows another
	tracks  chan *webrtc.TrackRemote
	changed chan struct{} // the connection's state may have changed
	readers sync.WaitGroup

	once sync.Once
	stop chan struct{}
	done chan struct{}
	err  error // before stop is closed
}

// phase is where the connection is, as the leg's own goroutine has seen it.
type phase uint8

const (
	connecting phase = iota
	connected
	reconnecting
)

// NewLeg answers a browser's offer. The answer holds all candidates. Errors that are ErrMalformed or
// ErrUnusable are the offer's fault. The context bounds the call, not the leg.
func (a *API) NewLeg(ctx context.Context, offer string, opts Options) (*Leg, string, error) {
	ufrag, err := checkOffer(offer)
	if err != nil {
		return nil, "", err
	}
	cert, err := a.certificate()
	if err != nil {
		return nil, "", err
	}
	pc, err := a.api.NewPeerConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle, RTCPMuxPolicy: webrtc.RTCPMuxPolicyRequire,
		Certificates: []webrtc.Certificate{cert},
	})
	if err != nil {
		return nil, "", fmt.Errorf("webrtcleg: new connection: %w", err)
	}
	if opts.Format == (media.Format{}) {
		opts.Format = DefaultFormat
	}
	l := &Leg{
		api: a, pc: pc, opts: opts, ufrag: ufrag,
		events: make(chan media.Event, eventQueue), tracks: make(chan *webrtc.TrackRemote, 8),
		changed: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	answer, err := l.open(ctx, offer)
	if err == nil {
		err = a.add(l)
	}
	if err != nil {
		_ = pc.GracefulClose() // the first error is the one that counts
		if l.rx != nil {
			l.rx.Close()
		}
		return nil, "", err
	}
	l.readers.Go(l.readRTCP)
	go l.live()
	return l, answer, nil
}

// open brings the connection and the streams up to where they wait for the browser.
func (l *Leg) open(ctx context.Context, offer string) (string, error) {
	// pion calls these on goroutines of its own: they only post.
	l.pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		select {
		case l.tracks <- t:
		default: // a ninth track of one audio section: nobody means it
		}
	})
	l.pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { l.nudge() })
	if f := l.opts.OnLocalCandidate; f != nil {
		l.pc.OnICECandidate(func(c *webrtc.ICECandidate) {
			if c != nil {
				f("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=" + c.ToJSON().Candidate + "\r\n")
			}
		})
	}
	if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	sender, err := l.pc.AddTrack(&l.out)
	if err != nil {
		return "", fmt.Errorf("webrtcleg: add track: %w", err)
	}
	l.sender = sender
	answer, t, err := l.answer(ctx)
	if err != nil {
		return "", err
	}
	l.rx = stream.NewReceiver(stream.ReceiverConfig{
		Codecs:  map[uint8]media.Codec{t.opusPT: media.Opus},
		EventPT: t.eventPT, LevelExtID: t.levelID, Events: l.events,
	})
	cfg := l.sending(t)
	if e := sender.GetParameters().Encodings; len(e) > 0 {
		cfg.SSRC = uint32(e[0].SSRC)
	}
	l.tx = stream.NewSender(cfg, l.out.send)
	l.rtcp = stream.NewReporter(l.rx, l.tx, time.Now())
	l.terms.Store(&t)
	return answer, nil
}

func (l *Leg) sending(t terms) stream.SenderConfig {
	return stream.SenderConfig{
		Codec: media.Opus, PT: t.opusPT, EventPT: t.eventPT, LevelExtID: t.levelID,
		CNAME: l.api.cfg.CNAME, Format: l.opts.Format,
	}
}

// answer makes the answer to the offer that was set, and waits for our candidates.
func (l *Leg) answer(ctx context.Context) (string, terms, error) {
	answer, err := l.pc.CreateAnswer(nil)
	if err != nil {
		return "", terms{}, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	gathered := webrtc.GatheringCompletePromise(l.pc)
	if err := l.pc.SetLocalDescription(answer); err != nil {
		return "", terms{}, fmt.Errorf("webrtcleg: set answer: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTime)
	defer cancel()
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", terms{}, fmt.Errorf("webrtcleg: gather candidates: %w", ctx.Err())
	}
	return answered(l.pc.LocalDescription().SDP)
}

// Restart answers a new offer of the browser for the same leg: an ICE restart after its network changed,
// or any other renegotiation. The audio goes on as soon as the new path is up.
func (l *Leg) Restart(ctx context.Context, offer string) (string, error) {
	ufrag, err := checkOffer(offer)
	if err != nil {
		return "", err
	}
	l.negotiation.Lock()
	defer l.negotiation.Unlock()
	if l.over() {
		return "", ErrClosed
	}
	if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	answer, t, err := l.answer(ctx)
	if err != nil {
		return "", err
	}
	l.ufrag = ufrag
	if t != *l.terms.Load() {
		l.rx.Update(map[uint8]media.Codec{t.opusPT: media.Opus}, t.eventPT, t.levelID)
		l.tx.Update(l.sending(t))
		l.terms.Store(&t)
	}
	return answer, nil
}

// AddCandidate takes candidates of the browser as an RFC 8840 fragment. ErrMalformed: it is none, or a
// candidate in it is none. ErrStale: it is of an ICE session before the last Restart. ErrClosed.
func (l *Leg) AddCandidate(sdpFrag string) error {
	f, err := parseFragment(sdpFrag)
	if err != nil {
		return err
	}
	l.negotiation.Lock()
	defer l.negotiation.Unlock()
	if l.over() {
		return ErrClosed
	}
	if f.ufrag != "" && f.ufrag != l.ufrag {
		return ErrStale
	}
	for i, c := range f.candidates {
		line, mid := uint16(0), f.mids[i]
		init := webrtc.ICECandidateInit{Candidate: c, SDPMLineIndex: &line}
		if mid != "" {
			init.SDPMid = &mid
		}
		if err := l.pc.AddICECandidate(init); err != nil {
			return fmt.Errorf("%w: candidate: %w", ErrMalformed, err)
		}
	}
	return nil
}

func (l *Leg) nudge() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// live is the leg's own goroutine: it follows the connection's state and tidies up.
func (l *Leg) live() {
	p := connecting
	for {
		select {
		case <-l.stop:
			l.close()
			return
		case t := <-l.tracks:
			l.readers.Go(func() { l.read(t) })
		case <-l.changed:
			p = l.follow(p, l.pc.ConnectionState())
		}
	}
}

// follow turns pion's states into ours.
func (l *Leg) follow(p phase, s webrtc.PeerConnectionState) phase {
	switch s {
	case webrtc.PeerConnectionStateConnected:
		switch p {
		case connecting:
			l.emit(media.EventConnected)
		case reconnecting:
			l.emit(media.EventReconnected)
		}
		l.up.Store(true)
		return connected
	case webrtc.PeerConnectionStateDisconnected:
		if p == connected {
			l.emit(media.EventReconnecting)
			return reconnecting
		}
	case webrtc.PeerConnectionStateFailed:
		l.end(ErrLost)
	case webrtc.PeerConnectionStateClosed:
		l.end(ErrPeerClosed)
	}
	return p
}

func (l *Leg) emit(k media.EventKind) {
	select {
	case l.events <- media.Event{Kind: k}:
	default:
		l.eventsDropped.Add(1)
	}
}

// close gives everything back, in the order of the audio.
func (l *Leg) close() {
	l.up.Store(false)
	_ = l.pc.GracefulClose() // it sends the browser a goodbye; what fails after that is of no use to anybody
	l.readers.Wait()
	l.rx.Close()
	l.api.remove(l)
	close(l.done)
}

// read moves one track's packets into the receiver.
func (l *Leg) read(t *webrtc.TrackRemote) {
	buf := make([]byte, readSize)
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			return
		}
		l.push.Lock()
		l.rx.PushPacket(buf[:n], time.Now())
		l.push.Unlock()
	}
}

// readRTCP reads the browser's reports about us.
func (l *Leg) readRTCP() {
	// The browser's sender reports arrive at its track's receiver, its receiver reports at our sender.
	for _, tr := range l.pc.GetTransceivers() {
		if r := tr.Receiver(); r != nil {
			l.readers.Go(func() { l.handleRTCP(r.Read) })
		}
	}
	l.handleRTCP(l.sender.Read)
}

func (l *Leg) handleRTCP(read func([]byte) (int, interceptor.Attributes, error)) {
	buf := make([]byte, readSize)
	for {
		n, _, err := read(buf)
		if err != nil {
			return
		}
		_ = l.rtcp.Handle(buf[:n], time.Now()) // what is no report has nothing to say
	}
}

// report sends an RTCP report when one is due.
func (l *Leg) report(now time.Time) {
	if !l.up.Load() || !l.rtcp.Due(now) {
		return
	}
	packets, err := rtcp.Unmarshal(l.rtcp.Append(nil, now))
	if err == nil {
		err = l.pc.WriteRTCP(packets)
	}
	if err != nil {
		l.out.dropped.Add(1)
	}
}
