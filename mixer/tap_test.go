package mixer

import (
	"slices"
	"testing"

	"github.com/cordboard/cordboard/media"
)

// TestForwardedAndRecorded: a tap takes the packets of Opus parties as they are, and nothing is decoded for
// it but the first second; when packets can no longer be taken, the voice is decoded again.
func TestForwardedAndRecorded(t *testing.T) {
	h, r, legs := forwardRoom(t, media.Opus, 2)
	var last []media.Tapped
	h.do(r, SetTap{Tap: tapFunc(func(_ uint64, f []media.Tapped) { last = f })})
	h.ticks(trusted + 10)
	before := h.e.Stats()
	h.ticks(50)
	if s := h.e.Stats(); s.Decoded != before.Decoded || s.Encodes != before.Encodes {
		t.Errorf("recording two forwarded parties took %d decodes and %d encodes", s.Decoded-before.Decoded, s.Encodes-before.Encodes)
	}
	for i := range last {
		if f := &last[i]; f.Codec != media.Opus || len(f.Payload) != 4 || f.In != nil || f.Kind != media.Audio || f.Level != 30 {
			t.Errorf("the tap gets %+v", *f)
		}
	}
	legs[0].codec = media.PCMU
	h.ticks(2)
	if f := &last[0]; f.In == nil || f.In.Samples()[0] == 0 || len(f.Payload) == 4 {
		t.Errorf("after a change of codec the tap gets %d bytes and %v", len(f.Payload), f.In != nil)
	}
}

// TestTapTakesTheListenersPayload: a telephone's voice that is encoded to Opus for its one listener is
// recorded as that payload; a quiet one costs nothing.
func TestTapTakesTheListenersPayload(t *testing.T) {
	h := byHand(t, Config{})
	phone, browser := newTalker(8000, pcmu), newTalker(48000, opusFormat)
	phone.on = true
	var got media.Tapped
	var payload []byte
	h.open("r", Join{ID: "p", Leg: phone}, Join{ID: "b", Leg: browser},
		SetTap{Tap: tapFunc(func(_ uint64, f []media.Tapped) { got, payload = f[0], slices.Clone(f[0].Payload) })})
	h.ticks(10)
	if want := browser.out[9].Payload; got.Codec != media.Opus || !slices.Equal(payload, want) || len(want) < leastSpoken {
		t.Errorf("the tap gets %v %d bytes, the listener %d", got.Codec, len(payload), len(want))
	}
	phone.on = false
	h.ticks(30)
	if got.Kind != media.Silence || got.Payload != nil {
		t.Errorf("in silence the tap gets %v and %d bytes", got.Kind, len(got.Payload))
	}
}
