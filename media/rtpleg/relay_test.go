package rtpleg

import (
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// bridge is two parties and a leg for each:
//
//	speaker -> in --relay--> out -> ear
type bridge struct {
	speaker *mouth
	in, out *Leg
	ear     *net.UDPConn
	frame   pcm.Frame
	tick    uint64
}

func newBridge(t *testing.T, change func(in, out *Config)) *bridge {
	b := &bridge{speaker: newMouth(t), tick: 1000}
	var err error
	if b.ear, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.ear.Close() })
	p := pool(t)
	in := Config{Socket: socket(t, p), Session: Session{Codec: media.PCMU, Remote: b.speaker.addr()}}
	out := Config{Socket: socket(t, p), Session: Session{Codec: media.PCMU, Remote: b.ear.LocalAddr().(*net.UDPAddr).AddrPort()}}
	if change != nil {
		change(&in, &out)
	}
	b.speaker.to = in.Socket.Addr()
	if b.in, err = New(in); err != nil {
		t.Fatal(err)
	}
	if b.out, err = New(out); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.in.Close(); _ = b.out.Close() })
	b.in.Start()
	b.out.Start()
	b.frame.Reset(pcm.Rate8k)
	return b
}

// beat is one tick of the room.
func (b *bridge) beat() {
	b.in.Poll(time.Now())
	b.in.ReadFrame(&b.frame)
	b.tick++
	b.out.WriteFrame(media.OutFrame{Tick: b.tick})
}

// relay speaks until the relay stands.
func (b *bridge) relay(t *testing.T) {
	for range 50 {
		b.speaker.speak(1)
		time.Sleep(pcm.Period)
		b.beat()
		if b.in.Codec() == media.PCMU && b.out.Relays(media.PCMU, pcm.Period) && b.in.Relay(b.tick+1, b.out) {
			return
		}
	}
	t.Fatal("no relay")
}

// hear reads one packet, or nil when none comes in time.
func (b *bridge) hear() []byte {
	buf := make([]byte, 2048)
	_ = b.ear.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	for {
		n, _, err := b.ear.ReadFromUDPAddrPort(buf)
		if err != nil {
			return nil
		}
		if buf[1] < 192 || buf[1] > 223 { // no RTCP
			return buf[:n]
		}
	}
}

func TestRelayFromSocketToSocket(t *testing.T) {
	b := newBridge(t, nil)
	b.relay(t)
	for _ = b.ear.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); ; { // what waited in the jitter buffer
		if _, _, err := b.ear.ReadFromUDPAddrPort(make([]byte, 2048)); err != nil {
			break
		}
	}
	var delays []time.Duration
	var seq uint16
	var ts uint32
	begin := time.Now()
	const n = 100
	for i := range n {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * 5 * time.Millisecond))) // four times as fast, to be short
		lost := i == 40 || i == 41
		if lost {
			b.speaker.seq++
			continue
		}
		b.speaker.pkt[20] = byte(i)
		at := time.Now()
		b.speaker.speak(1)
		pkt := b.hear()
		delays = append(delays, time.Since(at))
		if pkt == nil {
			t.Fatalf("packet %d does not come out", i)
		}
		if pkt[20] != byte(i) || len(pkt) != 172 {
			t.Errorf("packet %d: %d bytes, marked %d", i, len(pkt), pkt[20])
		}
		q, s := binary.BigEndian.Uint16(pkt[2:]), binary.BigEndian.Uint32(pkt[4:])
		step := uint16(1)
		if i == 42 {
			step = 3 // the listener sees what was lost
		}
		if i > 0 && (q-seq != step || s-ts != 160*uint32(step)) {
			t.Errorf("packet %d: sequence number moves by %d, timestamp by %d", i, q-seq, s-ts)
		}
		if ssrc := binary.BigEndian.Uint32(pkt[8:]); ssrc != b.out.tx.SSRC() {
			t.Errorf("packet %d: SSRC %d", i, ssrc)
		}
		seq, ts = q, s
		if i%4 == 3 {
			b.beat()
		}
	}
	slices.Sort(delays)
	t.Logf("from socket to socket p50 %v, p99 %v, most %v", delays[len(delays)/2], delays[len(delays)*99/100], delays[len(delays)-1])
	for !b.in.Unrelay(b.out) || !b.out.EndRelay(b.tick+1) {
		b.beat()
	}
	b.speaker.speak(1)
	if pkt := b.hear(); pkt != nil {
		t.Error("handed on after the end")
	}
}

// A re-INVITE in the middle of a relay: nothing goes past it.
func TestRelayMindsTheDirection(t *testing.T) {
	for _, tc := range []struct {
		name    string
		in, out Direction
	}{
		{"the speaker is held", SendOnly, SendRecv},
		{"the listener is to hear nothing", SendRecv, RecvOnly},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBridge(t, nil)
			b.relay(t)
			for b.hear() != nil {
			}
			update := func(l *Leg, d Direction) {
				s := *l.session.Load()
				s.Direction = d
				if err := l.Update(s); err != nil {
					t.Fatal(err)
				}
			}
			update(b.in, tc.in)
			update(b.out, tc.out)
			b.speaker.speak(3)
			if b.hear() != nil {
				t.Error("a packet is handed on")
			}
			if b.out.Relays(media.PCMU, pcm.Period) && b.in.Relay(b.tick+1, &gate{b.out, b.in}) {
				t.Error("another relay may begin")
			}
			update(b.in, SendRecv)
			update(b.out, SendRecv)
			b.speaker.speak(3)
			if b.hear() == nil {
				t.Error("nothing is handed on afterwards")
			}
		})
	}
}

func TestRelayAllocatesNothing(t *testing.T) {
	for _, polled := range []bool{false, true} {
		b := newBridge(t, nil)
		b.relay(t)
		if polled {
			b.in.SetPolled(true)
		}
		from := b.in.session.Load().Remote
		pkt := slices.Clone(b.speaker.pkt)
		now := time.Now()
		sent := b.out.Stats().PacketsOut
		if n := testing.AllocsPerRun(1000, func() {
			binary.BigEndian.PutUint16(pkt[2:], b.speaker.seq)
			binary.BigEndian.PutUint32(pkt[4:], uint32(b.speaker.seq)*160)
			b.speaker.seq++
			now = now.Add(pcm.Period)
			if polled {
				copy(b.speaker.pkt, pkt)
				b.speaker.seq--
				b.speaker.speak(1)
			} else if b.in.own() {
				b.in.packet(pkt, from, now)
				b.in.disown()
			}
			b.beat()
		}); n != 0 {
			t.Errorf("polled %v: %v allocations a packet", polled, n)
		}
		if n := b.out.Stats().PacketsOut - sent; loopsExist && n < 1000 {
			t.Errorf("polled %v: %d packets were handed on", polled, n)
		}
	}
}
