package e2e

import (
	"bytes"
	wirefmt "encoding/binary"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// party is a plain RTP or a WebRTC leg whose other end is this test: it says a tone, and while it is secret remembers
// every byte it says. What comes to it is kept with the time at which the server sent it.
type party struct {
	t    *testing.T
	send func(pkt []byte)
	hang func() // closes the connection
	late time.Duration
	leg  wire.Leg
	says talks
	done chan struct{}
	once sync.Once
	wg   sync.WaitGroup

	mu     sync.Mutex
	hz     float64 // of what it says; negative: it sends nothing at all
	secret bool
	keys   []byte
	down   bool     // the key that is being pressed is not let go
	stuck  bool     // the network holds up what it sends,
	queue  [][]byte // which is this
	said   [][]byte // payloads
	got    []gotten
}

// gotten is a payload that came to a party; at is when the kernel had it, which on one machine is when it was
// sent.
type gotten struct {
	at      time.Time
	payload []byte
}

// talks says what a party sends.
type talks string

const (
	talksPCMU talks = "PCMU"
	talksOpus talks = "opus"
	listens   talks = "" // in Opus, and sends next to nothing
)

// join brings a party into a call.
func join(t *testing.T, s *server, callID string, says talks, role wire.Role, hz float64) *party {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); err != nil {
		t.Fatal(err)
	}
	codecName, pt := "opus", 111
	if says == talksPCMU {
		codecName, pt = "PCMU", 0
	}
	var a wire.LegAnswer
	req := wire.LegRequest{Kind: wire.LegRTP, CallID: callID, Role: role, Address: conn.LocalAddr().String(), Codec: codecName, PayloadType: pt, EventType: 101}
	waitFor(t, 30*time.Second, "room for a leg", func() bool { // a busy machine refuses with 503
		return s.call(http.MethodPost, "/v1/legs", req, &a) == http.StatusCreated
	})
	to, err := net.ResolveUDPAddr("udp", a.Address)
	if err != nil {
		t.Fatal(err)
	}
	p := &party{t: t, leg: a.Leg, says: says, done: make(chan struct{}), hz: hz}
	p.send = func(pkt []byte) { _, _ = conn.WriteToUDP(pkt, to) }
	p.hang = func() { _ = conn.Close() }
	v := newVoice(t, says)
	p.wg.Go(func() { p.speak(v) })
	p.wg.Go(func() { p.listen(conn) })
	t.Cleanup(p.close)
	return p
}

// joinBrowser brings a party into a call that speaks WebRTC, Opus in SRTP. When what comes to it was sent is known to
// half a second only.
func joinBrowser(t *testing.T, s *server, callID string, role wire.Role, hz float64) *party {
	t.Helper()
	p := &party{t: t, says: talksOpus, done: make(chan struct{}), hz: hz, late: 500 * time.Millisecond}
	var track *webrtc.TrackLocalStaticRTP
	waitFor(t, 30*time.Second, "room for a browser", func() bool {
		var pc *webrtc.PeerConnection
		pc, track, p.leg, _, _ = connectPeer(t, s, s.admin, wire.LegRequest{CallID: callID, Role: role}, p.receive)
		p.hang = func() { _ = pc.Close() }
		return track != nil
	})
	p.send = func(pkt []byte) { _, _ = track.Write(pkt) }
	v := newVoice(t, talksOpus)
	p.wg.Go(func() { p.speak(v) })
	t.Cleanup(p.close)
	return p
}

// receive keeps what comes to a browser.
func (p *party) receive(tr *webrtc.TrackRemote) {
	for {
		pkt, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		p.keep(time.Now(), pkt.Payload)
	}
}

func (p *party) keep(at time.Time, payload []byte) {
	if len(payload) <= 40 { // silence, or a key
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, gotten{at, bytes.Clone(payload)})
}

func (p *party) close() {
	p.once.Do(func() {
		close(p.done)
		p.hang()
		p.wg.Wait()
	})
}

// say changes the tone; secret says whether what is said from now on must be nowhere later. When it returns
// nothing that was said before is still on its way to the socket.
func (p *party) say(hz float64, secret bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hz, p.secret = hz, secret
}

// press keys in digits and returns when they are through, or the party has gone.
func (p *party) press(digits string) {
	p.mu.Lock()
	p.keys = append(p.keys, digits...)
	p.mu.Unlock()
	for left := true; left; {
		select {
		case <-p.done:
			return
		case <-time.After(10 * time.Millisecond):
		}
		p.mu.Lock()
		left = len(p.keys) > 0
		p.mu.Unlock()
	}
}

// begin presses a key and holds it until let is called. It returns when the server has been told of it.
func (p *party) begin(digit byte) (let func()) {
	p.mu.Lock()
	p.keys, p.down = append(p.keys, digit), true
	p.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.down = false
	}
}

// stick has the network hold up what the party sends, until it is let through in a heap.
func (p *party) stick(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck = on
	if !on {
		for _, pkt := range p.queue {
			p.send(pkt)
		}
		p.queue = nil
	}
}

// speak sends a packet each 20 ms, under the lock: who has changed the tone knows that no packet of the old one
// comes later.
func (p *party) speak(v *voice) {
	defer v.close()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		var key byte
		if len(p.keys) > 0 {
			key = p.keys[0]
		}
		v.rough = p.secret
		pkt, payload, through := v.next(p.hz, key, p.down)
		if through {
			p.keys = p.keys[1:]
		}
		switch {
		case pkt == nil:
		case p.stuck:
			p.queue = append(p.queue, bytes.Clone(pkt))
		default:
			p.send(pkt)
		}
		if p.secret && payload != nil {
			p.said = append(p.said, bytes.Clone(payload))
		}
		p.mu.Unlock()
	}
}

// listen keeps what comes by plain RTP.
func (p *party) listen(conn *net.UDPConn) {
	buf, oob := make([]byte, 2048), make([]byte, 256)
	for {
		n, on, _, _, err := conn.ReadMsgUDP(buf, oob)
		if err != nil {
			return
		}
		at := time.Now()
		if list, err := unix.ParseSocketControlMessage(oob[:on]); err == nil {
			for _, m := range list {
				if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
					at = time.Unix(int64(wirefmt.LittleEndian.Uint64(m.Data)), int64(wirefmt.LittleEndian.Uint64(m.Data[8:])))
				}
			}
		}
		if n < 12 || buf[1] >= 192 && buf[1] < 224 { // RTCP (RFC 5761 section 4) says nothing of what was said
			continue
		}
		p.keep(at, buf[12:n])
	}
}

// heardIn is what was sent to the party between two times, without the first few packets: a tick that had begun
// before may have sent one, and the next have waited behind it.
func (p *party) heardIn(from, till time.Time) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list [][]byte
	for _, h := range p.got {
		if h.at.After(from.Add(p.late)) && h.at.Before(till) {
			list = append(list, h.payload)
		}
	}
	return list[min(len(list), 3):]
}

// voice makes the packets of a party: the tone with a little noise, so that no two are alike, or telephone events.
type voice struct {
	says   talks
	seq    uint16
	ts     uint32
	ssrc   uint32
	at     int // samples so far
	pcm    []int16
	law    []byte
	frame  pcm.Frame
	enc    codec.Encoder
	events [][]byte
	held   int // packets more that a key takes because it is held down
	// rough has noise in the tone, so that no other stretch of it has eight samples the same: the same tone, said
	// before or after, may be anywhere.
	rough bool
}

func newVoice(t *testing.T, says talks) *voice {
	v := &voice{says: says, seq: uint16(rand.Uint32()), ts: rand.Uint32(), ssrc: rand.Uint32(), pcm: make([]int16, 160), law: make([]byte, codec.MaxPayload)}
	if says == talksOpus { // CELT: SILK makes other tones of one that begins without what came before
		var err error
		v.pcm = make([]int16, 320)
		if v.enc, err = codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 3, LowDelay: true}, pcm.Rate16k); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func (v *voice) close() {
	if v.enc != nil {
		codec.PutEncoder(v.enc)
	}
}

// clock is the RTP clock's units in 20 ms.
func (v *voice) clock() uint32 {
	if v.says == talksPCMU {
		return 160
	}
	return 960
}

// next is the packet of the next 20 ms, and its payload where that is voice. through says that the key has been
// pressed and let go, which it is not while it is down.
func (v *voice) next(hz float64, key byte, down bool) (pkt, payload []byte, through bool) {
	if len(v.events) == 0 && key != 0 {
		for k := 1; k <= 8; k++ {
			e := []byte{byte(strings.IndexByte("0123456789*#ABCD", key)), 10, 0, 0}
			wirefmt.BigEndian.PutUint16(e[2:], uint16(int(v.clock())*min(k, 6)))
			if k >= 6 {
				e[1] |= 0x80
			}
			v.events = append(v.events, append(rtpHead(101, k == 1, 0, v.ts, v.ssrc), e...))
		}
	}
	if len(v.events) > 0 {
		v.seq++
		pkt = v.events[0]
		switch {
		case len(v.events) > 3:
			v.events = v.events[1:]
		case down:
			v.held++
			pkt = bytes.Clone(pkt)
			pkt[13] &^= 0x80
			wirefmt.BigEndian.PutUint16(pkt[14:], uint16(int(v.clock())*(5+v.held)))
		default:
			wirefmt.BigEndian.PutUint16(pkt[14:], uint16(int(v.clock())*(6+v.held)))
			v.events = v.events[1:]
		}
		wirefmt.BigEndian.PutUint16(pkt[2:], v.seq)
		if len(v.events) == 0 {
			v.ts += uint32(8+v.held) * v.clock()
			v.held, through = 0, true
		}
		return pkt, nil, through
	}
	ts := v.ts
	v.ts += v.clock()
	if hz < 0 {
		return nil, nil, false
	}
	v.seq++
	if v.says == listens {
		return append(rtpHead(111, false, v.seq, ts, v.ssrc), 0xf8, 0xff, 0xfe), nil, false
	}
	rate, noise := 50*float64(len(v.pcm)), 150
	if v.rough && v.says == talksPCMU {
		noise = 2000
	}
	for i := range v.pcm {
		v.pcm[i] = int16(6000*math.Sin(2*math.Pi*hz*float64(v.at)/rate)) + int16(rand.IntN(2*noise)-noise)
		v.at++
	}
	if v.says == talksPCMU {
		payload = v.law[:160]
		g711.EncodeMu(payload, v.pcm)
		return append(rtpHead(0, false, v.seq, ts, v.ssrc), payload...), payload, false
	}
	v.frame.SetRate(pcm.Rate16k)
	copy(v.frame.Samples(), v.pcm)
	n, err := v.enc.Encode(v.law, &v.frame)
	if err != nil || n == 0 {
		return nil, nil, false
	}
	payload = v.law[:n]
	return append(rtpHead(111, false, v.seq, ts, v.ssrc), payload...), payload, false
}

func rtpHead(pt byte, marker bool, seq uint16, ts, ssrc uint32) []byte {
	b := make([]byte, 12, 256)
	b[0], b[1] = 0x80, pt
	if marker {
		b[1] |= 0x80
	}
	wirefmt.BigEndian.PutUint16(b[2:], seq)
	wirefmt.BigEndian.PutUint32(b[4:], ts)
	wirefmt.BigEndian.PutUint32(b[8:], ssrc)
	return b
}
