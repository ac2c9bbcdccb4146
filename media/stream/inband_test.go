package stream

import (
	"math"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

func TestInbandDigits(t *testing.T) {
	low := map[byte]float64{'1': 697, '5': 770, '9': 852, '#': 941}
	high := map[byte]float64{'1': 1209, '5': 1336, '9': 1477, '#': 1477}
	for _, tc := range []struct {
		codec media.Codec
		rate  pcm.Rate // the room's
		skip  bool
		event uint8
		want  string
	}{
		{media.PCMU, pcm.Rate8k, false, 0, "159#"},
		{media.PCMA, pcm.Rate48k, false, 0, "159#"},
		{media.G722, pcm.Rate16k, false, 0, "159#"},
		{media.Opus, pcm.Rate48k, false, 0, "159#"},
		{media.PCMU, pcm.Rate8k, true, 0, "159#"},
		{media.PCMU, pcm.Rate8k, false, 101, ""},
	} {
		l := newLine(t, tc.codec, func(s *SenderConfig, r *ReceiverConfig) { r.EventPT, r.InbandDigits = tc.event, true })
		l.out.Reset(tc.rate)
		l.skip = tc.skip
		var got []byte
		press := func(key byte, frames int) {
			for range frames {
				l.tone = func(n int) int16 {
					if key == 0 {
						return 0
					}
					at := 2 * math.Pi * float64(n) / float64(l.in.Rate())
					return int16(5000*math.Sin(low[key]*at) + 5000*math.Sin(high[key]*at))
				}
				l.step(0)
				select {
				case e := <-l.event:
					got = append(got, e.Digit)
					if e.Duration < 60e6 || e.Duration > 140e6 || !e.Inband {
						t.Errorf("%v: %c lasted %v", tc.codec, e.Digit, e.Duration)
					}
				default:
				}
			}
		}
		press(0, 20)
		for _, key := range []byte("159#") {
			press(key, 5)
			press(0, 5)
		}
		press(0, 10)
		if string(got) != tc.want {
			t.Errorf("%v in a room at %v, skipped %v, event type %d: %q, want %q", tc.codec, tc.rate, tc.skip, tc.event, got, tc.want)
		}
	}
}
