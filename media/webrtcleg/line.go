package webrtcleg

import (
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/stream"
)

// MaxLines is how many audio sections a leg may have: one each for all others of a full room.
const MaxLines = 8

// Line is one stream of a leg to its browser, an audio section of the offer with an SSRC of its own. It
// implements media.RelaySink; a line that the browser has given up sends nothing.
type Line struct {
	leg     *Leg
	mid     string
	tx      *stream.Sender
	rtcp    *stream.Reporter
	seal    sealer
	terms   atomic.Pointer[terms]
	wanted  atomic.Bool // the browser receives here
	dropped atomic.Uint64
}

var _ media.RelaySink = (*Line)(nil)

func newLine(l *Leg, mid string, t terms) *Line {
	n := &Line{leg: l, mid: mid}
	n.terms.Store(&t)
	n.tx = stream.NewSender(n.sending(t), n.send)
	n.rtcp = stream.NewReporter(l.rx, n.tx, time.Now())
	return n
}

func (n *Line) sending(t terms) stream.SenderConfig {
	return stream.SenderConfig{
		Codec: media.Opus, PT: t.opusPT, EventPT: t.eventPT, LevelExtID: t.levelID,
		CNAME: n.leg.api.cfg.CNAME, Format: n.leg.opts.Format,
	}
}

func (n *Line) update(t terms) {
	if t != *n.terms.Load() {
		n.tx.Update(n.sending(t))
		n.terms.Store(&t)
	}
}

// send encrypts a finished packet and puts it on the wire. It is called in the tick, and for packets that are
// handed on by whoever reads them.
func (n *Line) send(pkt []byte) {
	if !n.wanted.Load() {
		return
	}
	r := n.leg.route.Load()
	if r == nil || !n.seal.rtp(r, pkt) {
		n.dropped.Add(1)
	}
}

// sends reports whether what is written goes anywhere.
func (n *Line) sends() bool { return n.wanted.Load() && n.leg.up.Load() }

// Format implements media.Sink.
func (n *Line) Format() media.Format { return n.tx.Format() }

// WriteFrame implements media.Sink. Before the connection is up frames go nowhere.
func (n *Line) WriteFrame(f media.OutFrame) {
	if !n.sends() {
		f.Payload = nil // the timestamp moves on
	}
	n.tx.WriteFrame(f)
}

// Relays implements media.RelaySink.
func (n *Line) Relays(c media.Codec, duration time.Duration) bool {
	return n.sends() && n.tx.Relays(c, duration)
}

// BeginRelay implements media.RelaySink.
func (n *Line) BeginRelay(tick uint64, ts uint32) bool { return n.tx.BeginRelay(tick, ts) }

// RelayPacket implements media.RelaySink.
func (n *Line) RelayPacket(p *media.Packet) { n.tx.RelayPacket(p) }

// EndRelay implements media.RelaySink.
func (n *Line) EndRelay(tick uint64) bool { return n.tx.EndRelay(tick) }
