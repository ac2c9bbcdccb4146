package stream

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// BenchmarkFrame is what one party costs in one tick on the way in, a packet and a frame: with its audio
// decoded, behind the gate, skipped, and skipped while its packets are handed on.
func BenchmarkFrame(b *testing.B) {
	for _, c := range []media.Codec{media.PCMU, media.Opus} {
		for _, how := range []string{"decoded", "gated", "skipped", "forwarded"} {
			b.Run(c.String()+"/"+how, func(b *testing.B) {
				amp := -20.0
				if how == "gated" {
					amp = -80
				}
				rate := c.Rate()
				speech := testaudio.Speech(1, float64(rate), 200*rate.Samples(), amp)
				enc, err := codec.NewEncoder(media.Format{Codec: c, Bitrate: 32000, Complexity: 5}, rate)
				if err != nil {
					b.Fatal(err)
				}
				now := time.Unix(1000, 0)
				rx := NewReceiver(ReceiverConfig{Codecs: map[uint8]media.Codec{96: c}, Clock: func() time.Time { return now }})
				pcmFrame := new(pcm.Frame)
				pcmFrame.Reset(rate)
				var packets [][]byte
				var buf [codec.MaxPayload]byte
				for i := range 200 {
					copy(pcmFrame.Samples(), speech[i*rate.Samples():])
					n, err := enc.Encode(buf[:], pcmFrame)
					if err != nil {
						b.Fatal(err)
					}
					packets = append(packets, append([]byte(nil), buf[:n]...))
				}
				tx := NewSender(SenderConfig{Codec: c, PT: 96}, func(p []byte) { rx.PushPacket(p, now) })
				to := NewSender(SenderConfig{Codec: c, PT: 96}, func([]byte) {})
				tick := uint64(0)
				step := func() {
					tx.WriteFrame(media.OutFrame{Payload: packets[tick%200], Tick: tick})
					tick++
					now = now.Add(pcm.Period)
					if how == "skipped" || how == "forwarded" {
						rx.Skip()
					} else {
						rx.ReadFrame(pcmFrame)
					}
				}
				for range 100 {
					step()
				}
				if how == "forwarded" && !rx.Relay(tick, to) {
					b.Fatal("no relay")
				}
				for b.Loop() {
					step()
				}
			})
		}
	}
}
