package stream

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/cordboard/cordboard/media"
)

func TestReportsAreWhatOthersRead(t *testing.T) {
	l := newLine(t, media.PCMU)
	lost := 0
	l.fate = func(n int) bool {
		if n%10 == 0 {
			lost++
			return true
		}
		return false
	}
	rep := NewReporter(l.rx, l.tx, l.now)
	for range 100 {
		l.step(5000)
	}
	if !rep.Due(l.now.Add(5 * time.Second)) {
		t.Error("no report due after five seconds")
	}
	pkts, err := rtcp.Unmarshal(rep.AppendBye(nil, l.now))
	if err != nil {
		t.Fatal(err)
	}
	if len(pkts) != 3 {
		t.Fatalf("%d packets: %v", len(pkts), pkts)
	}
	sr, ok := pkts[0].(*rtcp.SenderReport)
	if !ok || sr.SSRC != l.tx.SSRC() || sr.PacketCount != 100 || sr.OctetCount != 16000 || len(sr.Reports) != 1 {
		t.Fatalf("%+v", pkts[0])
	}
	// The last packet was one of the lost, so nobody can know of it yet.
	if r := sr.Reports[0]; r.SSRC != l.tx.SSRC() || r.TotalLost != uint32(lost-1) || r.FractionLost < 20 || r.FractionLost > 30 {
		t.Errorf("%+v, %d lost", r, lost)
	}
	if d := pkts[1].(*rtcp.SourceDescription); d.Chunks[0].Items[0].Text != "x@example.org" {
		t.Errorf("%+v", d)
	}
	if b := pkts[2].(*rtcp.Goodbye); b.Sources[0] != l.tx.SSRC() {
		t.Errorf("%+v", b)
	}
	rest, err := rtcp.Unmarshal(rep.Append(nil, l.now))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := rest[0].(*rtcp.ReceiverReport); !ok {
		t.Errorf("nothing was sent since, want a receiver report, got %T", rest[0])
	}
}

func TestRoundTripAndLossFromReports(t *testing.T) {
	l := newLine(t, media.Opus)
	rep := NewReporter(l.rx, l.tx, l.now)
	l.step(5000)
	mine, err := rtcp.Unmarshal(rep.Append(nil, l.now))
	if err != nil {
		t.Fatal(err)
	}
	ntp := mine[0].(*rtcp.SenderReport).NTPTime
	report := func(fraction uint8, highest uint32) []byte {
		b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 5, Reports: []rtcp.ReceptionReport{{
			SSRC: l.tx.SSRC(), FractionLost: fraction, TotalLost: 12, LastSequenceNumber: highest, Jitter: 480,
			LastSenderReport: uint32(ntp >> 16), Delay: 65536 / 10,
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	now := l.now.Add(150 * time.Millisecond)
	if err := rep.Handle(report(26, 1), now); err != nil {
		t.Fatal(err)
	}
	var s media.Stats
	rep.Stats(&s)
	if d := s.RoundTrip - 50*time.Millisecond; d < -time.Millisecond || d > time.Millisecond {
		t.Errorf("round trip %v, want 50ms", s.RoundTrip)
	}
	if s.RemoteLost != 12 || s.RemoteJitter != 10*time.Millisecond {
		t.Errorf("%+v", s)
	}
	if f := l.tx.Format(); f.LossPercent < 5 || f.LowDelay {
		t.Errorf("10 %% loss reported, format %+v", f)
	}
	for i := range uint32(4) { // clean again: not at once
		now = now.Add(5 * time.Second)
		_ = rep.Handle(report(0, 2+i), now)
		if f := l.tx.Format(); i < 3 && f.LossPercent == 0 {
			t.Errorf("report %d: forward error correction is off already", i)
		}
	}
	for i := range uint32(6) {
		now = now.Add(5 * time.Second)
		_ = rep.Handle(report(0, 10+i), now)
	}
	if f := l.tx.Format(); f.LossPercent != 0 || !f.LowDelay {
		t.Errorf("long clean, format %+v", f)
	}
}

func FuzzRTCP(f *testing.F) {
	l := newLine(f, media.PCMU)
	rep := NewReporter(l.rx, l.tx, l.now)
	f.Add(rep.AppendBye(nil, l.now))
	rep.SendXR(true)
	l.step(5000)
	f.Add(rep.Append(nil, l.now))
	f.Add([]byte{0x80, 207, 0, 4, 0, 0, 0, 9, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte{0x80, 207, 0, 2, 0, 0, 0, 9, 5, 0, 0xff, 0xff})
	f.Add([]byte{0x80, 200, 0, 1, 0, 0, 0, 0})
	f.Add([]byte{0x9f, 201, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		rep.remoteLost, rep.roundTrip = 0, 0
		if err := rep.Handle(b, l.now); err != nil && IsRTCP(b) && len(b) == 8 && b[2] == 0 && b[3] == 1 && b[1] == rtcpRR && b[0]&0x1f == 0 {
			t.Errorf("an empty receiver report is refused: %v", err)
		}
		if rep.roundTrip < 0 || rep.roundTrip > 30*time.Second {
			t.Errorf("round trip %v", rep.roundTrip)
		}
	})
}

func FuzzRTP(f *testing.F) {
	f.Add(appendHeader(nil, 96, true, 1, 2, 3, 5, 10, true), uint8(5))
	f.Add([]byte{0xb1, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 9, 0x10, 0, 0, 1, 5, 1, 0x83, 0, 1, 2, 2}, uint8(5))
	f.Fuzz(func(t *testing.T, b []byte, id uint8) {
		var h header
		if !h.parse(b, id) {
			return
		}
		if len(h.payload) > len(b)-headerSize || h.level > 127 && h.level != noLevel || h.pt > 127 {
			t.Fatalf("%+v", h)
		}
		if h.seq != binary.BigEndian.Uint16(b[2:]) {
			t.Fatal("wrong sequence number")
		}
		// What we write of it reads back as the same.
		var again header
		ext := uint8(0)
		if h.level != noLevel {
			ext = 3
		}
		out := append(appendHeader(nil, h.pt, h.marker, h.seq, h.ts, h.ssrc, ext, h.level, h.voice), h.payload...)
		if len(out) > MaxPacket {
			return
		}
		if !again.parse(out, 3) {
			t.Fatal("does not read back")
		}
		if string(again.payload) != string(h.payload) || again.ts != h.ts || again.ssrc != h.ssrc || again.marker != h.marker || again.level != h.level || again.voice != h.voice {
			t.Fatalf("%+v\n%+v", h, again)
		}
	})
}

// FuzzPackets lets foreign packets through the whole receiver.
func FuzzPackets(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newLine(t, media.PCMU)
		pkt := appendHeader(nil, 96, false, 0, 0, 1, 0, 0, false)
		pkt = append(pkt, make([]byte, 160)...)
		for len(b) >= 4 { // each four bytes move sequence number, timestamp and payload length about
			binary.BigEndian.PutUint16(pkt[2:], binary.BigEndian.Uint16(pkt[2:])+uint16(int8(b[0])))
			binary.BigEndian.PutUint32(pkt[4:], binary.BigEndian.Uint32(pkt[4:])+uint32(int32(int8(b[1]))<<(b[2]%24)))
			l.rx.PushPacket(pkt[:12+int(b[3])%161], l.now)
			if b[3]&1 != 0 {
				l.now = l.now.Add(20 * time.Millisecond)
				if k := l.rx.ReadFrame(&l.out); k > media.Concealed {
					t.Fatalf("kind %v", k)
				}
			}
			b = b[4:]
		}
		if l.rx.n < 0 || l.rx.n > fifoSize/2 {
			t.Fatalf("%d samples wait", l.rx.n)
		}
	})
}
