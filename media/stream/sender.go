package stream

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/dtmf"
	"github.com/cordboard/cordboard/media/pcm"
)

// ErrNoEvents: the party did not agree to telephone events.
var ErrNoEvents = errors.New("stream: the party takes no telephone events")

// SenderConfig says what the party takes.
type SenderConfig struct {
	Codec      media.Codec
	PT         uint8
	EventPT    uint8         // RFC 4733 telephone events, 0 for none; their clock is the codec's
	LevelExtID uint8         // RFC 6464 header extension, 0 for none
	SSRC       uint32        // 0 picks one at random
	CNAME      string        // for the Reporter
	Format     media.Format  // how the audio is wanted on a clean link; zero: the codec's default
	Ptime      time.Duration // packet time; 0 is 20 ms. Others only for G.711 and G.722
}

// target is what a Sender sends as now. It is replaced as a whole.
type target struct {
	codec   media.Codec
	pt      uint8
	eventPT uint8
	levelID uint8
	digits  *dtmf.Sender
	bytes   int    // payload bytes of a packet with another time than a frame, else 0
	payload []byte // the tick's: audio of such a packet that is not yet full
}

// Sender turns encoded frames into RTP packets, or hands on those of another party. WriteFrame, BeginRelay
// and EndRelay are for the room's tick alone, RelayPacket for one goroutine between the two; everything else
// is safe from anywhere.
type Sender struct {
	out    func(pkt []byte)
	ssrc   uint32
	cname  string
	target atomic.Pointer[target]
	policy formatPolicy
	stats  senderStats
	alarm  alarm

	// The tick's.
	buf     []byte
	held    int // bytes in the target's payload
	heldTS  uint32
	heldTgt *target
	offset  uint32 // timestamp of tick 0
	clock   uint32
	seq     uint16
	talking bool   // the last frame was sent
	keeps   bool   // what was sent last is still here,
	kept    uint32 // with this timestamp

	join     join
	forward  forwarding
	catching bool   // frames before until were handed on already
	until    uint32 // our timestamp behind what was handed on
	event    [dtmf.PacketLen]byte
}

type senderStats struct {
	packets, bytes atomic.Uint64
	ts             atomic.Uint32 // timestamp of the last tick
	level          atomic.Uint32
	forwards       atomic.Bool
}

// NewSender makes a sender that hands every finished packet to out, in the tick, in a buffer that is
// borrowed for the call and must not be changed. out must not block. Sequence number and timestamp start at random (RFC 3550
// section 5.1).
func NewSender(cfg SenderConfig, out func(pkt []byte)) *Sender {
	var seed [10]byte
	rand.Read(seed[:])
	if cfg.SSRC == 0 {
		cfg.SSRC = binary.BigEndian.Uint32(seed[:]) | 1
	}
	s := &Sender{
		out: out, ssrc: cfg.SSRC, cname: cfg.CNAME,
		offset: binary.BigEndian.Uint32(seed[4:]),
		seq:    binary.BigEndian.Uint16(seed[8:]),
		buf:    make([]byte, 0, 256), // grows with the first longer packet
	}
	s.stats.level.Store(127)
	s.Update(cfg)
	return s
}

// Update changes what is sent, after a re-INVITE: codec, payload types, extension, packet time and format
// of cfg. SSRC and CNAME stay.
func (s *Sender) Update(cfg SenderConfig) {
	t := &target{codec: cfg.Codec, pt: cfg.PT, eventPT: cfg.EventPT, levelID: cfg.LevelExtID}
	if cfg.Codec != media.Opus && cfg.Ptime > 0 && cfg.Ptime != pcm.Period {
		t.bytes = int(min(cfg.Ptime, 60*time.Millisecond) * 8000 / time.Second)
		t.payload = make([]byte, t.bytes+int(pcm.Rate8k.Samples()))
	}
	f := cfg.Format
	if f.Codec != cfg.Codec {
		f = DefaultFormat(cfg.Codec)
	}
	s.policy.base(f)
	if old := s.target.Load(); old != nil && old.codec.ClockRate() == t.codec.ClockRate() {
		t.digits = old.digits // with what is queued
	} else {
		t.digits = dtmf.NewSender(t.codec.ClockRate())
	}
	s.target.Store(t)
	s.alarm.ring()
}

// SSRC is the sender's synchronisation source.
func (s *Sender) SSRC() uint32 { return s.ssrc }

// Format is how the audio is wanted now: the configured format on a clean link, with forward error
// correction where the party reports loss. Safe for concurrent use.
func (s *Sender) Format() media.Format { return s.policy.format() }

// SendDigits queues DTMF digits as RFC 4733 events, each tone long, in place of audio.
func (s *Sender) SendDigits(digits string, tone time.Duration) error {
	t := s.target.Load()
	if t.eventPT == 0 {
		return ErrNoEvents
	}
	defer s.alarm.ring()
	return t.digits.Queue(digits, tone)
}

// stamp is the RTP timestamp of a tick.
func (s *Sender) stamp(tick uint64, t *target) uint32 {
	perTick := t.codec.ClockRate() / 50
	ts := s.offset + uint32(tick)*perTick
	if s.clock != perTick { // another RTP clock: go on from where the old one was
		if s.clock != 0 {
			ts = s.stats.ts.Load() + perTick
			s.offset = ts - uint32(tick)*perTick
		}
		s.clock = perTick
	}
	return ts
}

// WriteFrame sends one frame. Called once per tick, also when there is nothing to send.
func (s *Sender) WriteFrame(f media.OutFrame) {
	t := s.target.Load()
	ts := s.stamp(f.Tick, t)
	if s.forward.on {
		s.relayBeat(t, ts)
		return
	}
	if s.catching {
		var ok bool
		if ts, ok = s.caughtUp(ts, s.clock); !ok {
			return
		}
	}
	s.stats.ts.Store(ts)
	if t != s.heldTgt {
		s.held, s.heldTgt = 0, t
	}
	if t.eventPT != 0 {
		if n, marker, at, busy := t.digits.Next(s.event[:], ts); busy {
			s.held, s.talking = 0, false
			if n > 0 {
				s.send(t.eventPT, marker, at, 0, 127, false, s.event[:n])
			}
			return
		}
	}
	if len(f.Payload) == 0 || len(f.Payload) > MaxPacket-headerSize-8 {
		clear(t.payload[:s.held])
		s.held, s.talking = 0, false
		s.stats.level.Store(127)
		s.fade(ts)
		return
	}
	s.stats.level.Store(uint32(f.Level))
	if t.bytes == 0 {
		s.send(t.pt, !s.talking, ts, t.levelID, f.Level, f.Voice, f.Payload)
		s.talking = true
		return
	}
	s.repack(t, ts, f)
}

// repack cuts or joins frames of a codec with one byte per clock unit into packets of another time.
func (s *Sender) repack(t *target, ts uint32, f media.OutFrame) {
	if s.held == 0 {
		s.heldTS = ts
	}
	if s.held+len(f.Payload) > len(t.payload) {
		s.held = 0
		return
	}
	s.held += copy(t.payload[s.held:], f.Payload)
	from := 0
	for s.held-from >= t.bytes {
		s.send(t.pt, !s.talking, s.heldTS, t.levelID, f.Level, f.Voice, t.payload[from:from+t.bytes])
		s.talking = true
		from += t.bytes
		s.heldTS += uint32(t.bytes)
	}
	s.held = copy(t.payload[:], t.payload[from:s.held])
	clear(t.payload[s.held:])
}

func (s *Sender) send(pt uint8, marker bool, ts uint32, levelID, level uint8, voice bool, payload []byte) {
	s.put(pt, marker, s.seq, ts, levelID, level, voice, payload)
	s.seq++
}

func (s *Sender) put(pt uint8, marker bool, seq uint16, ts uint32, levelID, level uint8, voice bool, payload []byte) {
	t := s.target.Load()
	law := pt == t.pt && (t.codec == media.PCMU || t.codec == media.PCMA)
	if !law || s.join.next || len(payload) < joinPast {
		s.join.keep()
	}
	if law && s.join.next {
		if !marker {
			payload = s.join.over(t.codec, payload)
			defer clear(s.join.out[:])
		}
		s.join.next = false
	}
	s.buf = appendHeader(s.buf[:0], pt, marker, seq, ts, s.ssrc, levelID, level, voice)
	s.buf = append(s.buf, payload...)
	if law {
		s.join.note(s.buf[len(s.buf)-len(payload):])
		s.keeps, s.kept = true, ts
	}
	s.stats.packets.Add(1)
	s.stats.bytes.Add(uint64(len(payload)))
	s.out(s.buf)
	if law { // the join may need it
		clear(s.buf[len(s.buf):cap(s.buf)])
	} else {
		clear(s.buf)
	}
}

// fade forgets what was sent last when nothing has followed it for half a second: nothing joins on to it then.
// ts is now. The caller has the sender to itself.
func (s *Sender) fade(ts uint32) {
	if s.keeps && int32(ts-s.kept) > int32(s.clock*fadeAfter) {
		s.keeps = false
		clear(s.buf[:cap(s.buf)])
		s.join = join{next: s.join.next}
	}
}

// Forget overwrites what was sent last. For the goroutine of WriteFrame, once the sender has left its room.
func (s *Sender) Forget() {
	if !s.forward.mu.TryLock() {
		return // a packet is just being handed on, and overwrites it
	}
	defer s.forward.mu.Unlock()
	clear(s.buf[:cap(s.buf)])
	s.join = join{next: s.join.next}
	clear(s.target.Load().payload)
	s.held = 0
}

// Stats fills in what the sender counts. Safe for concurrent use.
func (s *Sender) Stats(m *media.Stats) {
	m.PacketsOut, m.BytesOut = s.stats.packets.Load(), s.stats.bytes.Load()
	m.LevelOut = uint8(s.stats.level.Load())
	m.Forwarded = s.stats.forwards.Load()
}

// Sent is the number of packets sent. Safe for concurrent use.
func (s *Sender) Sent() uint64 { return s.stats.packets.Load() }
