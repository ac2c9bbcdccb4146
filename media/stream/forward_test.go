package stream

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// hand is a room in which one party's packets are forwarded to another, by hand.
type hand struct {
	t    testing.TB
	now  time.Time
	tick uint64
	rx   *Receiver
	tx   *Sender
	got  []header
	in   struct {
		ssrc uint32
		seq  uint16
		ts   uint32
	}
	deaf bool
	buf  [300]byte
}

func newHand(t testing.TB) *hand {
	h := &hand{t: t, now: time.Unix(1000, 0)}
	h.in.ssrc, h.in.seq, h.in.ts = 5, 65500, 1<<32-5000
	h.rx = NewReceiver(ReceiverConfig{Codecs: map[uint8]media.Codec{8: media.PCMA}, EventPT: 101, LevelExtID: 2, Clock: func() time.Time { return h.now }})
	h.tx = NewSender(SenderConfig{Codec: media.PCMA, PT: 8, EventPT: 96, LevelExtID: 9}, func(p []byte) {
		var hd header
		if !hd.parse(p, 9) {
			t.Fatal("no packet")
		}
		hd.payload = nil
		if !h.deaf {
			h.got = append(h.got, hd)
		}
	})
	for range 50 {
		h.push(0)
		h.beat()
	}
	if !h.rx.Relay(h.tick, h.tx) {
		t.Fatal("no relay")
	}
	return h
}

var aLaw = func() (b [160]byte) {
	for i := range b {
		b[i] = 0xd5
	}
	return b
}()

// push brings the next packet; ahead is for one that comes before its turn.
func (h *hand) push(ahead int) {
	p := appendHeader(h.buf[:0], 8, false, h.in.seq+uint16(ahead), h.in.ts+uint32(160*ahead), h.in.ssrc, 2, 30, true)
	h.rx.PushPacket(append(p, aLaw[:]...), h.now.Add(-8*time.Millisecond))
	if ahead == 0 {
		h.in.seq++
		h.in.ts += 160
	}
}

// beat is one tick.
func (h *hand) beat() {
	h.rx.Skip()
	h.tx.WriteFrame(media.OutFrame{Tick: h.tick})
	h.tick++
	h.now = h.now.Add(pcm.Period)
}

func (h *hand) steady(n int) {
	for range n {
		h.push(0)
		h.beat()
	}
}

func TestForwardedNumbers(t *testing.T) {
	h := newHand(t)
	h.steady(20)
	first := h.got[0]
	check := func(what string, i, seq int, ts int32, marker bool) {
		t.Helper()
		if i >= len(h.got) {
			t.Fatalf("%s: %d packets", what, len(h.got))
		}
		g := h.got[i]
		if int(int16(g.seq-first.seq)) != seq || int32(g.ts-first.ts) != ts*160 || g.marker != marker || g.level != 30 || !g.voice || g.pt != 8 || g.ssrc != h.tx.ssrc {
			t.Errorf("%s: packet %d: %+v after %+v, want sequence %d, frame %d, marker %v", what, i, g, first, seq, ts, marker)
		}
	}
	check("steady", 19, 19, 19, false)

	h.in.seq, h.in.ts = h.in.seq+2, h.in.ts+320 // two are lost
	h.now = h.now.Add(2 * pcm.Period)
	h.tick += 2
	h.steady(1)
	check("loss keeps its hole", 20, 22, 22, false)

	h.push(1) // overtakes
	h.push(0)
	check("overtaking", 21, 24, 24, false)
	check("overtaken", 22, 23, 23, false)
	h.in.seq, h.in.ts = h.in.seq-1, h.in.ts-160
	h.push(0) // twice
	h.in.seq, h.in.ts = h.in.seq+1, h.in.ts+160
	if len(h.got) != 23 {
		t.Errorf("a duplicate was handed on: %d packets", len(h.got))
	}
	h.beat()
	h.beat()

	for range 50 { // a pause
		h.beat()
	}
	h.in.ts += 50 * 160
	h.steady(1)
	check("after a pause", 23, 25, 75, false)

	h.in.ssrc, h.in.seq, h.in.ts = 77, 9, 123456 // another source: the first packet is a suspect
	h.steady(3)
	check("new source", 24, 26, 77, true)
	check("new source", 25, 27, 78, false)

	h.in.ts += 1 << 30 // their count jumps
	h.steady(2)
	check("timestamp jump", 26, 28, 79, true)
	check("timestamp jump", 27, 29, 80, false)

	if err := h.tx.SendDigits("5", 60*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	n := len(h.got)
	h.steady(20)
	digits, voice := 0, 0
	for i, g := range h.got[n:] {
		if g.seq != h.got[n-1].seq+uint16(i)+1 {
			t.Errorf("digits: sequence %d after %d", g.seq, h.got[n-1].seq)
		}
		if g.pt == 96 {
			digits++
		} else if voice++; voice == 1 && (digits == 0 || !g.marker) {
			t.Errorf("no marker behind the digit: %+v", g)
		}
	}
	if digits != 5 || voice != 20-8 {
		t.Errorf("%d packets of the digit, %d of audio", digits, voice)
	}

	before := h.got[len(h.got)-1]
	var st media.Stats
	if h.tx.Stats(&st); !st.Forwarded {
		t.Error("the stats do not say that packets are handed on")
	}
	if !h.rx.Unrelay(h.tx) || !h.tx.EndRelay(h.tick) {
		t.Fatal("no end")
	}
	if h.tx.Stats(&st); st.Forwarded {
		t.Error("the stats still say that packets are handed on")
	}
	for range 5 {
		h.push(0)
		h.rx.Skip()
		h.tx.WriteFrame(media.OutFrame{Tick: h.tick, Payload: aLaw[:], Level: 30, Voice: true})
		h.tick++
		h.now = h.now.Add(pcm.Period)
	}
	after := h.got[len(h.got)-1]
	if d := after.seq - before.seq; d < 4 || after.ts-before.ts != uint32(d)*160 {
		t.Errorf("mixing goes on with %+v after %+v", after, before)
	}
}

// The party's clock is not ours: after ten minutes of forwarding the two are apart, and mixing still goes on
// where forwarding left off.
func TestForwardingOutlastsSkew(t *testing.T) {
	for _, ppm := range []float64{200, -200} {
		h := newHand(t)
		sent := 0.0
		for i := range 30_000 {
			for sent += 1 + ppm/1e6; sent >= 1; sent-- {
				h.push(0)
			}
			h.beat()
			if i%1000 == 0 && len(h.got) > 10 {
				h.got = h.got[len(h.got)-2:]
			}
		}
		was := h.got[len(h.got)-1]
		if !h.rx.Unrelay(h.tx) || !h.tx.EndRelay(h.tick) {
			t.Fatal("no end")
		}
		from := len(h.got)
		for range 20 {
			h.push(0)
			h.rx.Skip()
			h.tx.WriteFrame(media.OutFrame{Tick: h.tick, Payload: aLaw[:], Level: 30, Voice: true})
			h.tick++
			h.now = h.now.Add(pcm.Period)
		}
		for i, g := range h.got[from:] {
			if d := int32(g.ts - was.ts); g.seq != was.seq+1 || d < 80 || d > 320 {
				t.Errorf("%v ppm, packet %d: goes on by %d", ppm, i, d)
			}
			was = g
		}
		if n := len(h.got) - from; n < 16 {
			t.Errorf("%v ppm: %d of 20 frames sent", ppm, n)
		}
	}
}

// Reader and tick at once, with forwarding switched on and off all the time: what goes out is one stream,
// without a packet twice.
func TestForwardingFromTwoGoroutines(t *testing.T) {
	h := newHand(t)
	var mu sync.Mutex
	start := h.now
	var at time.Duration
	h.rx.clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return start.Add(at) }
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(1, 1))
		for {
			select {
			case <-stop:
				return
			default:
			}
			mu.Lock()
			at += pcm.Period
			h.now = start.Add(at)
			mu.Unlock()
			h.push(0)
			time.Sleep(time.Duration(r.IntN(100)) * time.Microsecond)
		}
	})
	on := true
	for i := range 5000 {
		switch {
		case i%50 != 0:
		case on && h.rx.Unrelay(h.tx):
			for !h.tx.EndRelay(h.tick) {
			}
			on = false
		case !on && h.rx.Relay(h.tick, h.tx):
			on = true
		}
		h.rx.Skip()
		h.tx.WriteFrame(media.OutFrame{Tick: h.tick, Payload: aLaw[:], Level: 30, Voice: true})
		h.tick++
		time.Sleep(50 * time.Microsecond)
	}
	close(stop)
	wg.Wait()
	seen := map[uint16]bool{}
	for _, g := range h.got {
		if seen[g.seq] && len(h.got) < 60000 {
			t.Fatalf("sequence number %d twice", g.seq)
		}
		seen[g.seq] = true
	}
}

func TestForwardingAllocatesNothing(t *testing.T) {
	h := newHand(t)
	h.deaf = true
	h.steady(100)
	if n := testing.AllocsPerRun(1000, func() { h.steady(1) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
