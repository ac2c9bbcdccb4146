package dtmf_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/dtmf"
)

type packet struct {
	payload [4]byte
	marker  bool
	ts      uint32
}

// send lets a sender speak until it is done.
func send(t *testing.T, digits string, tone time.Duration, ts uint32) (packets []packet) {
	t.Helper()
	s := dtmf.NewSender(8000)
	if err := s.Queue(digits, tone); err != nil {
		t.Fatal(err)
	}
	for ; s.Busy(); ts += 160 {
		var p packet
		n, marker, start, busy := s.Next(p.payload[:], ts)
		if !busy {
			t.Fatal("busy sender has nothing to say")
		}
		if n > 0 {
			p.marker, p.ts = marker, start
			packets = append(packets, p)
		}
	}
	return packets
}

func receive(packets []packet, lost func(i int) bool) (digits string, held []time.Duration) {
	r := dtmf.Receiver{ClockRate: 8000}
	add := func(e media.Event, ok bool) {
		if ok {
			digits += string(e.Digit)
			held = append(held, e.Duration)
		}
	}
	var ts uint32
	for i, p := range packets {
		if !lost(i) {
			add(r.Push(p.payload[:], p.marker, p.ts))
		}
		ts = p.ts
	}
	add(r.Idle(ts + 160))
	add(r.Idle(ts + 8000*10))
	return digits, held
}

func TestSendAndReceive(t *testing.T) {
	all := "0123456789*#ABCD"
	for _, c := range []struct {
		name string
		ts   uint32
		lost func(i int) bool
	}{
		{"nothing lost", 1000, func(int) bool { return false }},
		{"timestamps wrap", 0xffffff00, func(int) bool { return false }},
		{"starts lost", 1000, func(i int) bool { return i%7 < 3 }},
		{"every other lost", 1000, func(i int) bool { return i%2 == 1 }},
		{"all ends lost", 1000, func(i int) bool { return i%7 >= 4 }},
		{"all but the last end lost", 1000, func(i int) bool { return i%7 != 6 }},
	} {
		packets := send(t, all, 100*time.Millisecond, c.ts)
		if len(packets) != 16*7 {
			t.Fatalf("%s: %d packets for 16 digits of 100 ms, want 5 and two more ends each", c.name, len(packets))
		}
		digits, held := receive(packets, c.lost)
		if digits != all {
			t.Errorf("%s: got %q, want %q", c.name, digits, all)
		}
		for _, h := range held {
			if h < 80*time.Millisecond || h > 100*time.Millisecond {
				t.Errorf("%s: held for %v, want 80 to 100 ms", c.name, h)
			}
		}
	}
}

func TestSameKeyTwice(t *testing.T) {
	digits, _ := receive(send(t, "1155", 60*time.Millisecond, 0), func(int) bool { return false })
	if digits != "1155" {
		t.Errorf("got %q, want 1155", digits)
	}
}

func TestSenderPackets(t *testing.T) {
	packets := send(t, "5", 60*time.Millisecond, 4000)
	var got []dtmf.Packet
	for i, p := range packets {
		d, err := dtmf.Parse(p.payload[:])
		if err != nil {
			t.Fatal(err)
		}
		if p.marker != (i == 0) || p.ts != 4000 {
			t.Errorf("packet %d: marker %v, timestamp %d", i, p.marker, p.ts)
		}
		got = append(got, d)
	}
	want := []dtmf.Packet{
		{Event: 5, Volume: 10, Duration: 160},
		{Event: 5, Volume: 10, Duration: 320},
		{Event: 5, Volume: 10, Duration: 480, End: true},
		{Event: 5, Volume: 10, Duration: 480, End: true},
		{Event: 5, Volume: 10, Duration: 480, End: true},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("packet %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestReceiverOddities(t *testing.T) {
	event := func(key byte, end bool, duration uint16) []byte {
		b := make([]byte, 4)
		dtmf.Packet{Event: key, End: end, Duration: duration}.Marshal(b)
		return b
	}
	t.Run("late packet of an earlier key", func(t *testing.T) {
		r := dtmf.Receiver{ClockRate: 8000}
		r.Push(event(1, true, 800), true, 1000)
		r.Push(event(2, false, 160), true, 3000)
		if _, ok := r.Push(event(1, true, 800), false, 1000); ok {
			t.Error("told twice")
		}
		if e, ok := r.Push(event(2, true, 320), false, 3000); !ok || e.Digit != '2' {
			t.Errorf("got %+v, %v", e, ok)
		}
	})
	t.Run("segments of a long key", func(t *testing.T) {
		r := dtmf.Receiver{ClockRate: 8000}
		r.Push(event(7, false, 0xffff), true, 0)
		r.Push(event(7, false, 160), false, 0xffff)
		e, ok := r.Push(event(7, true, 8000), false, 0xffff)
		if want := time.Duration(0xffff+8000) * time.Second / 8000; !ok || e.Digit != '7' || e.Duration != want {
			t.Errorf("got %+v, %v; want one 7 of %v", e, ok, want)
		}
	})
	t.Run("timestamp moves with each packet", func(t *testing.T) {
		r, n := dtmf.Receiver{ClockRate: 8000}, 0
		for i := range uint32(8) {
			if _, ok := r.Push(event(3, i == 7, 160), i == 0, i*160); ok {
				n++
			}
		}
		if n != 1 {
			t.Errorf("told %d times", n)
		}
	})
	t.Run("no key", func(t *testing.T) {
		r := dtmf.Receiver{ClockRate: 8000}
		if _, ok := r.Push(event(16, true, 160), true, 0); ok {
			t.Error("a hook flash is a digit")
		}
		if _, ok := r.Push([]byte{1, 2}, true, 0); ok {
			t.Error("two bytes are a digit")
		}
	})
	t.Run("reset tells the held key", func(t *testing.T) {
		r := dtmf.Receiver{ClockRate: 8000}
		r.Push(event(9, false, 160), true, 0)
		if e, ok := r.Reset(); !ok || e.Digit != '9' || r.Down() {
			t.Errorf("got %+v, %v", e, ok)
		}
	})
}

func TestQueueRefuses(t *testing.T) {
	s := dtmf.NewSender(8000)
	if err := s.Queue("12x", time.Second); !errors.Is(err, dtmf.ErrDigit) {
		t.Errorf("12x: %v", err)
	}
	for range 4 {
		if err := s.Queue("0123456789*#ABCD", time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Queue("1", time.Second); !errors.Is(err, dtmf.ErrFull) {
		t.Errorf("digit 65: %v", err)
	}
}

func TestNoAllocation(t *testing.T) {
	s := dtmf.NewSender(8000)
	if err := s.Queue("0123456789", time.Second); err != nil {
		t.Fatal(err)
	}
	r, buf, ts := dtmf.Receiver{ClockRate: 8000}, make([]byte, 4), uint32(0)
	if n := testing.AllocsPerRun(100, func() {
		_, marker, start, _ := s.Next(buf, ts)
		r.Push(buf, marker, start)
		ts += 160
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzReceiver(f *testing.F) {
	f.Add([]byte{5, 0x8a, 1, 0x40}, uint32(0), []byte{5, 10, 1, 0x40}, uint32(160))
	f.Add([]byte{15, 0, 0xff, 0xff}, uint32(0xfffffff0), []byte{15, 0x80, 0, 1, 9, 9}, uint32(40))
	f.Fuzz(func(t *testing.T, a []byte, ats uint32, b []byte, bts uint32) {
		p, err := dtmf.Parse(a)
		if (err == nil) != (len(a) >= dtmf.PacketLen) {
			t.Fatalf("Parse(%x): %v", a, err)
		}
		if err == nil {
			var again [4]byte
			p.Marshal(again[:])
			if q, err := dtmf.Parse(again[:]); err != nil || q != p {
				t.Fatalf("%x: %+v came back as %+v, %v", a, p, q, err)
			}
		}
		r, told := dtmf.Receiver{ClockRate: 8000}, 0
		count := func(e media.Event, ok bool) {
			if !ok {
				return
			}
			told++
			if !dtmf.Valid(string(e.Digit)) || e.Duration < 0 {
				t.Fatalf("told %+v", e)
			}
		}
		for range 3 {
			count(r.Push(a, false, ats))
			count(r.Push(b, true, bts))
		}
		count(r.Reset())
		if told > 6 {
			t.Fatalf("six packets made %d digits", told)
		}
	})
}
