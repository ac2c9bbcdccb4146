package webrtcleg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/stream"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

var (
	// ErrPeerClosed: the browser has closed the connection.
	ErrPeerClosed = errors.New("webrtcleg: closed by the browser")
	// ErrLost: nothing has come from the browser for Config.DisconnectedAfter and LostAfter together, or it
	// was not the browser that made the offer.
	ErrLost = errors.New("webrtcleg: connection lost")
	// ErrStale: a candidate belongs to an ICE session that is over.
	ErrStale = errors.New("webrtcleg: candidate of another ice session")
)

const eventQueue = 64

// DefaultFormat is how a browser hears unless told otherwise. DTX is off: at this complexity libopus takes
// steady music for background noise and would tear holes into it; the room knows silence better.
var DefaultFormat = stream.DefaultFormat(media.Opus)

// Options are those of one leg.
type Options struct {
	// Format is how the browser hears on a clean link; zero takes DefaultFormat. Forward error correction
	// is added when the browser reports loss.
	Format media.Format
	// Streams accepts further audio sections that only receive, up to MaxLines with the first, as lines of
	// their own. Otherwise they are refused in the answer.
	Streams bool
	// OnLocalCandidate, where set, gets our candidates as RFC 8840 fragments as well. It must not block.
	// They are all in the answer already.
	OnLocalCandidate func(sdpFrag string)
}

// Leg is a browser. It implements media.Leg and what a room can make use of beside it.
//
//	NewLeg -> connecting -> connected <-> reconnecting -> over
//	              |             |              |           ^
//	              '-------------+--------------+-----------'
//
// Reconnecting begins when nothing has come for a while and ends by itself or with Restart.
type Leg struct {
	api     *API
	cert    *certificate
	opts    Options
	created time.Time
	rx      *stream.Receiver
	main    *Line // what the room writes to

	ice   ice
	route atomic.Pointer[route] // nil before the first check
	dtls  association

	events        chan media.Event
	eventsDropped atomic.Uint64
	refused       atomic.Uint64 // packets that were not authentic
	up            atomic.Bool   // there are keys
	heard         atomic.Int64  // when anything authentic came last, and when sound did; see API.since
	sound         atomic.Int64

	negotiation sync.Mutex // one offer at a time
	session     description
	mu          sync.Mutex // guards keys and lines, which change under negotiation
	keys        *keys      // nil before the handshake
	lines       []*Line    // main is the first

	in     sync.Mutex // readers of rx; there is one, but for the moment TCP takes over from UDP
	cipher *srtp.Context
	header rtp.Header

	phase  phase  // the watch's own, like the next
	report []byte // scratch

	once   sync.Once
	ctx    context.Context // done when the leg ends
	cancel context.CancelFunc
	done   chan struct{}
	err    error // before ctx is done
}

// phase is where the connection is, as the watch has seen it.
type phase uint8

const (
	connecting phase = iota
	connected
	reconnecting
)

// NewLeg answers a browser's offer. The answer holds all candidates. Errors that are ErrMalformed or
// ErrUnusable are the offer's fault. The context bounds the call, not the leg.
func (a *API) NewLeg(ctx context.Context, offer string, opts Options) (*Leg, string, error) {
	o, err := readOffer(offer, "", opts.Streams)
	if err != nil {
		return nil, "", err
	}
	cert, err := a.certificate()
	if err != nil {
		return nil, "", err
	}
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	if opts.Format == (media.Format{}) {
		opts.Format = DefaultFormat
	}
	l := &Leg{
		api: a, cert: cert, opts: opts, created: time.Now(),
		events: make(chan media.Event, eventQueue), done: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.session = newDescription(cert.fingerprint, o.setup)
	l.dtls.leg, l.dtls.prints, l.dtls.client = l, o.prints, l.session.setup == "active"
	l.ice.now = newCredentials(o.ufrag, o.pwd)
	t := o.sections[o.main].terms
	l.rx = stream.NewReceiver(stream.ReceiverConfig{
		Codecs:  map[uint8]media.Codec{t.opusPT: media.Opus},
		EventPT: t.eventPT, LevelExtID: t.levelID, Events: l.events,
	})
	l.adopt(o)
	l.main = l.lines[0]
	if err := a.add(l, l.ice.now.ufrag); err != nil {
		l.cancel()
		l.rx.Close()
		return nil, "", err
	}
	if f := opts.OnLocalCandidate; f != nil {
		for _, c := range a.candidates {
			f("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:" + l.main.mid + "\r\na=" + c + "\r\n")
		}
	}
	return l, l.session.answer(o, l.ice.now, a.candidates, l.lines), nil
}

// adopt makes the lines what the offer asks for. Those that stay go on as they are.
func (l *Leg) adopt(o *offer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []*Line
	for i := range o.sections {
		s := &o.sections[i]
		if !s.accepted {
			continue
		}
		at := slices.IndexFunc(l.lines, func(n *Line) bool { return n.mid == s.mid })
		var n *Line
		if at < 0 {
			n = newLine(l, s.mid, s.terms)
			if l.keys != nil {
				_ = n.seal.unlock(l.keys) // the same keys have made a cipher before
			}
		} else {
			n = l.lines[at]
			n.update(s.terms)
		}
		n.wanted.Store(s.sends())
		if i == o.main {
			lines = slices.Insert(lines, 0, n)
		} else {
			lines = append(lines, n)
		}
	}
	for _, n := range l.lines {
		if !slices.Contains(lines, n) {
			n.wanted.Store(false)
		}
	}
	l.lines = lines
}

// all is the lines as they are now.
func (l *Leg) all() []*Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines // replaced as a whole, never changed
}

// Restart answers a new offer of the browser for the same leg: an ICE restart after its network changed,
// or any other renegotiation. The audio goes on, on a new path as soon as that is up.
func (l *Leg) Restart(ctx context.Context, offer string) (string, error) {
	l.negotiation.Lock()
	defer l.negotiation.Unlock()
	return l.renegotiate(ctx, offer, l.opts.Streams)
}

// Renegotiate is Restart that also says whether there are to be separate streams from now on.
func (l *Leg) Renegotiate(ctx context.Context, offer string, streams bool) (string, error) {
	l.negotiation.Lock()
	defer l.negotiation.Unlock()
	return l.renegotiate(ctx, offer, streams)
}

func (l *Leg) renegotiate(ctx context.Context, offer string, streams bool) (string, error) {
	o, err := readOffer(offer, l.main.mid, streams)
	if err != nil {
		return "", err
	}
	if l.over() {
		return "", ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if !slices.Equal(o.prints, l.dtls.prints) {
		return "", fmt.Errorf("%w: another certificate than before", ErrUnusable)
	}
	l.ice.mu.Lock()
	retired := ""
	if restarted := o.ufrag != l.ice.now.remoteUfrag || o.pwd != l.ice.now.remotePwd; restarted {
		retired, l.ice.before = l.ice.before.ufrag, l.ice.now
		l.ice.now = newCredentials(o.ufrag, o.pwd)
	}
	c := l.ice.now
	l.ice.mu.Unlock()
	if retired != "" {
		l.api.rename(retired)
	}
	if err := l.api.add(l, c.ufrag); err != nil {
		return "", err
	}
	if l.over() { // it may have been removed before it was added
		l.api.remove(l)
		return "", ErrClosed
	}
	l.opts.Streams = streams
	t := o.sections[o.main].terms
	if t != *l.main.terms.Load() {
		l.rx.Update(map[uint8]media.Codec{t.opusPT: media.Opus}, t.eventPT, t.levelID)
	}
	l.adopt(o)
	return l.session.answer(o, c, l.api.candidates, l.all()), nil
}

// AddCandidate takes candidates of the browser as an RFC 8840 fragment. It is the browser that looks for a
// way, so they are of no use but to be checked. ErrMalformed: it is none, or a candidate in it is none.
// ErrStale: it is of an ICE session before the last Restart. ErrClosed.
func (l *Leg) AddCandidate(sdpFrag string) error {
	f, err := parseFragment(sdpFrag)
	if err != nil {
		return err
	}
	if l.over() {
		return ErrClosed
	}
	l.ice.mu.Lock()
	stale := f.ufrag != "" && f.ufrag != l.ice.now.remoteUfrag
	l.ice.mu.Unlock()
	if stale {
		return ErrStale
	}
	return nil
}

// open takes the keys into use.
func (l *Leg) open(k *keys, in *srtp.Context) error {
	if err := l.seal(k); err != nil {
		return err
	}
	l.in.Lock()
	l.cipher = in
	l.in.Unlock()
	l.heard.Store(l.api.since(time.Now()))
	l.up.Store(true)
	return nil
}

// seal gives all lines their ciphers, those to come too.
func (l *Leg) seal(k *keys) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.lines {
		if err := n.seal.unlock(k); err != nil {
			return err
		}
	}
	l.keys = k
	return nil
}

// take decrypts one SRTP or SRTCP packet in place and hands it on. Called by the port's reader.
func (l *Leg) take(b []byte, now time.Time) {
	l.in.Lock()
	defer l.in.Unlock()
	if l.cipher == nil {
		return // the handshake is not over, or the leg is
	}
	if stream.IsRTCP(b) {
		plain, err := l.cipher.DecryptRTCP(b, b, nil)
		if err != nil {
			l.refused.Add(1)
			return
		}
		l.heard.Store(l.api.since(now))
		for _, n := range l.all() {
			_ = n.rtcp.Handle(plain, now) // what is no report has nothing to say
		}
		return
	}
	plain, err := l.cipher.DecryptRTP(b, b, &l.header)
	if err != nil {
		l.refused.Add(1)
		return
	}
	at := l.api.since(now)
	l.heard.Store(at)
	l.sound.Store(at)
	l.rx.PushPacket(plain, now)
	clear(plain)
}

func (l *Leg) emit(k media.EventKind) {
	select {
	case l.events <- media.Event{Kind: k}:
	default:
		l.eventsDropped.Add(1)
	}
}

// watch sees whether the browser is still there and sends the reports that are due. Called by the API's
// watch alone.
func (l *Leg) watch(now time.Time) {
	if l.over() {
		return
	}
	cfg := &l.api.cfg
	if !l.up.Load() {
		if now.Sub(l.created) > cfg.DisconnectedAfter+cfg.LostAfter {
			l.end(ErrLost)
		}
		return
	}
	heard := l.heard.Load()
	limit := cfg.DisconnectedAfter
	if time.Duration(heard-l.sound.Load()) > limit { // consent is all that comes
		limit = max(limit, ConsentAfter)
	}
	silent := time.Duration(l.api.since(now) - heard)
	switch {
	case l.phase == connecting:
		l.phase = connected
	case l.phase == connected && silent > limit:
		l.phase = reconnecting
		l.emit(media.EventReconnecting)
	case l.phase == reconnecting && silent <= limit:
		l.phase = connected
		l.emit(media.EventReconnected)
	case silent > limit+cfg.LostAfter:
		l.end(ErrLost)
	}
	r := l.route.Load()
	for _, n := range l.all() {
		if n.rtcp.Due(now) {
			l.report = n.rtcp.Append(l.report[:0], now)
			if !n.seal.rtcp(r, l.report) {
				n.dropped.Add(1)
			}
		}
	}
}

// end asks the leg to end; the first reason counts.
func (l *Leg) end(err error) {
	l.once.Do(func() {
		l.err = err
		l.cancel()
		go l.close()
	})
}

func (l *Leg) over() bool { return l.ctx.Err() != nil }

// close gives everything back, in the order of the audio.
func (l *Leg) close() {
	l.up.Store(false)
	l.dtls.close()
	l.leave()
	l.api.remove(l)
	l.in.Lock()
	l.cipher = nil // from now on nothing is pushed
	l.in.Unlock()
	l.rx.Close()
	close(l.done)
}
