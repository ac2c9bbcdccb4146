package stream

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// TestDozingChangesNothing: what a listener gets is the same to the bit, whether the room runs in each tick or
// in every tenth, through forwarding, mixing and back.
func TestDozingChangesNothing(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.G722, media.Opus} {
		for _, jitter := range []int{0, 20, 60} {
			play := func(doze int) *chain {
				h := newChain(t, c, jitter)
				h.doze = doze
				h.signal = func(n int) int16 { return int16(n * n % 9000) }
				h.lost = func(n int) bool { return n%37 == 0 }
				h.run(1500)
				for k := range 8 {
					h.forward = !h.forward
					h.run(1010 + 40*k) // so that it wakes with any number of ticks owed
				}
				return h
			}
			want, got := play(0), play(10)
			if len(want.switches) != 8 || !slices.Equal(got.switches, want.switches) {
				t.Errorf("%v, jitter %d: changes over at %v, want %v", c, jitter, got.switches, want.switches)
			}
			if len(want.packets) < 300 || len(got.packets) != len(want.packets) {
				t.Fatalf("%v, jitter %d: %d packets, want %d", c, jitter, len(got.packets), len(want.packets))
			}
			for i, w := range want.packets {
				g := got.packets[i]
				if g.seq-got.packets[0].seq != w.seq-want.packets[0].seq || g.ts-got.packets[0].ts != w.ts-want.packets[0].ts || g.marker != w.marker {
					t.Errorf("%v, jitter %d, packet %d: %+v, want %+v", c, jitter, i, g, w)
					break
				}
			}
			if !slices.Equal(got.heard, want.heard) {
				t.Errorf("%v, jitter %d: the listener hears something else", c, jitter)
			}
		}
	}
}

// TestDozeWakes: a party that has been left alone says so when it needs its ticks.
func TestDozeWakes(t *testing.T) {
	h := newHand(t)
	h.steady(5)
	var wake atomic.Bool
	if !h.rx.Doze(&wake) || !h.tx.Doze(&wake) || wake.Load() {
		t.Fatal("no doze")
	}
	h.steady(5)
	if wake.Load() {
		t.Error("wakes without a reason")
	}
	rung := func(what string, want bool) {
		t.Helper()
		if wake.Swap(false) != want {
			t.Errorf("%s: alarm %v, want %v", what, !want, want)
		}
	}
	if err := h.tx.SendDigits("5", 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	rung("digits", true)
	if h.tx.Doze(&wake) {
		t.Error("dozes with digits to be sent")
	}
	h.steady(1)
	rung("a digit goes out", true)
	h.steady(50)
	rung("it has gone out", true)
	h.steady(50)
	rung("nothing more", false)
	if !h.tx.Doze(&wake) {
		t.Error("no doze when the digit is over")
	}
	h.rx.Update(map[uint8]media.Codec{8: media.PCMA, 0: media.PCMU}, 101, 2)
	rung("other terms in", true)
	h.tx.Update(SenderConfig{Codec: media.PCMA, PT: 8})
	rung("other terms out", true)
	p := appendHeader(h.buf[:0], 0, false, h.in.seq, h.in.ts, h.in.ssrc, 2, 30, true)
	h.rx.PushPacket(append(p, aLaw[:]...), h.now)
	rung("another codec", true)

	inband := NewReceiver(ReceiverConfig{Codecs: map[uint8]media.Codec{8: media.PCMA}, InbandDigits: true})
	if inband.Doze(&wake) {
		t.Error("dozes although keys are looked for in the audio")
	}
}

// TestDozeKeepsCount: with beats left out, a digit's timestamp is that of the audio it takes the place of, and
// neither jitter nor a late beat is taken for a jump of the party's clock.
func TestDozeKeepsCount(t *testing.T) {
	h := newHand(t)
	h.steady(20)
	first, n := h.got[0], len(h.got)
	for range 5 {
		for k := range 10 { // the packets come, and only then a beat
			h.push(0)
			h.now = h.now.Add(pcm.Period)
			if k < 9 {
				h.tick++
			}
		}
		for k := 9; k > 0; k-- {
			h.rx.SkipPast(time.Duration(k) * pcm.Period)
		}
		h.rx.Skip()
		h.tx.WriteFrame(media.OutFrame{Tick: h.tick})
		h.tick++
	}
	for i, g := range h.got[n:] {
		if k := uint32(n + i); g.seq != first.seq+uint16(k) || g.ts != first.ts+160*k || g.marker {
			t.Fatalf("packet %d: %+v after %+v", k, g, first)
		}
	}
	n = len(h.got)
	if err := h.tx.SendDigits("5", 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	h.steady(1)
	if len(h.got) != n+1 || h.got[n].pt != 96 {
		t.Fatalf("%d packets, the last %+v; want a digit", len(h.got)-n, h.got[len(h.got)-1])
	}
	if d := int32(h.got[n].ts - h.got[n-1].ts); d < 160 || d > 480 {
		t.Errorf("the digit begins %d behind the audio", d)
	}
	h.in.ts += 100 * 8000 // the party's clock jumps all the same
	h.steady(40)
	last := h.got[len(h.got)-1]
	if d := int32(last.ts - h.got[n].ts); d > 60*160 {
		t.Errorf("the jump was handed on: %d", d)
	}
}
