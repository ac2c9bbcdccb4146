package load

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

// Party is one end of a call: what it says, and what it noticed.
type Party struct {
	Room, Index int

	voice atomic.Pointer[Stream]
	usual *Stream                     // what it says when nothing else is asked
	to    *net.UDPAddr                // plain RTP
	track *webrtc.TrackLocalStaticRTP // WebRTC
	seq   uint16                      // sender goroutine only, like ts, at and packet
	ts    uint32
	at    int // next packet of the voice
	ssrc  uint32

	mu    sync.Mutex // guards what follows
	probe *probe     // the bursts to listen for, nil when nobody sends any
	ears  *ears      // nil: packets are counted and not decoded
	heard heard
	last  struct {
		seq   uint16
		at    time.Time
		valid bool
	}
}

// heard is what a party noticed since it was last asked.
type heard struct {
	packets, gaps int
	longest       time.Duration // between two packets
	latency       []float64     // ms
	frames, gone  int           // of the tone
}

// Say changes the voice between two packets.
func (p *Party) Say(s *Stream) { p.voice.Store(s) }

// listen makes a party decode what it hears, or stop. Bursts are timed against pr, nil for a tone.
func (p *Party) listen(on bool, pr *probe, c Codec) error {
	var e *ears
	if on {
		var err error
		if e, err = newEars(c); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ears, p.probe = e, pr
	return nil
}

// take gives what was heard and begins anew.
func (p *Party) take() heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.heard
	p.heard = heard{}
	return h
}

// watching says whether the party listens for the tone.
func (p *Party) watching() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ears != nil && p.probe == nil
}

const headerLen = 12

// packet writes the next RTP packet to b, which has room for it, and returns its length and the packet's
// index in the voice.
func (p *Party) packet(b []byte, s *Stream) (n, index int) {
	index = p.at % len(s.Packets)
	payload := s.Packets[index]
	b[0], b[1] = 0x80, s.Codec.PT
	binary.BigEndian.PutUint16(b[2:], p.seq)
	binary.BigEndian.PutUint32(b[4:], p.ts)
	binary.BigEndian.PutUint32(b[8:], p.ssrc)
	p.seq++
	p.ts += s.Codec.Step
	p.at++
	return headerLen + copy(b[headerLen:], payload), index
}

// payload finds the payload of an RTP packet (RFC 3550 section 5.1) behind CSRCs and extension; ok is false
// for RTCP and anything malformed.
func payload(b []byte) (seq uint16, data []byte, ok bool) {
	if len(b) < headerLen || b[0]>>6 != 2 || (b[1]&0x7f >= 64 && b[1]&0x7f < 96) {
		return 0, nil, false
	}
	n := headerLen + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return 0, nil, false
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[len(b)-1])
	}
	if end < n {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(b[2:]), b[n:end], true
}

// hear takes one packet that arrived at now. b is borrowed.
func (p *Party) hear(b []byte, now time.Time) {
	seq, data, ok := payload(b)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h := &p.heard
	h.packets++
	if p.last.valid {
		if seq-p.last.seq != 1 {
			h.gaps++
		}
		h.longest = max(h.longest, now.Sub(p.last.at))
	}
	p.last.seq, p.last.at, p.last.valid = seq, now, true
	if p.ears == nil {
		return
	}
	samples := p.ears.decode(data)
	if p.probe == nil {
		h.frames++
		if gone(samples) {
			h.gone++
		}
		return
	}
	if at, ok := p.ears.onset(samples); ok {
		if d, ok := p.probe.since(now.Add(time.Duration(at) * time.Second / 48000)); ok {
			h.latency = append(h.latency, d.Seconds()*1e3)
		}
	}
}

// probe remembers when bursts were sent. Safe for concurrent use.
type probe struct {
	mu   sync.Mutex
	sent [8]time.Time
	n    int
}

func (p *probe) note(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[p.n%len(p.sent)] = t
	p.n++
}

// since is the time from the latest burst before t to t; ok is false when that cannot have been the one.
func (p *probe) since(t time.Time) (d time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := p.n - 1; i >= 0 && i > p.n-len(p.sent); i-- {
		if d := t.Sub(p.sent[i%len(p.sent)]); d > 0 {
			return d, d < 900*time.Millisecond
		}
	}
	return 0, false
}
