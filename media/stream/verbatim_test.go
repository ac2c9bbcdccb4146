package stream

import (
	"bytes"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// TestPayloadOfAnyPacketTime: what Payload gives of G.711 is the bytes that were sent, in frames, whatever packets they
// came in and at whatever rate the audio is read; after a hole it is again.
func TestPayloadOfAnyPacketTime(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.PCMA} {
		for _, ms := range []int{10, 20, 30, 40, 60} {
			for _, rate := range []pcm.Rate{pcm.Rate8k, pcm.Rate48k} {
				l := newLine(t, c, func(s *SenderConfig, _ *ReceiverConfig) { s.Ptime = time.Duration(ms) * time.Millisecond })
				l.tone = func(n int) int16 { return int16(n * n % 20011) }
				l.out.Reset(rate)
				hole := false
				l.fate = func(int) bool { return hole }
				var sent, got []byte
				bare := 0
				for i := range 200 {
					hole = i == 100
					l.step(0)
					sent = append(sent, l.buf[:160]...)
					pc, p := l.rx.Payload()
					switch {
					case i < 20: // the first packets, and what the jitter buffer makes of them
					case len(p) == 160 && pc == c:
						got = append(got, p...)
					case p != nil:
						t.Fatalf("%v %d ms: %d bytes of %v", c, ms, len(p), pc)
					default:
						bare++
					}
				}
				if bare > 8 {
					t.Errorf("%v %d ms at %v: %d frames without bytes", c, ms, rate, bare)
				}
				runs := 0
				for rest := got; len(rest) > 0; runs++ { // in runs of what was sent
					at := bytes.Index(sent, rest[:160])
					if at < 0 {
						t.Fatalf("%v %d ms at %v: a frame that was never sent", c, ms, rate)
					}
					n := 0
					for n < len(rest) && at+n < len(sent) && rest[n] == sent[at+n] {
						n++
					}
					rest, sent = rest[n:], sent[at+n:]
				}
				if runs > 3 {
					t.Errorf("%v %d ms at %v: the bytes are in %d pieces", c, ms, rate, runs)
				}
			}
		}
	}
}
