package stream

import (
	"runtime"
	"testing"

	"github.com/cordboard/cordboard/media"
)

// What a Receiver and a Sender take of the heap, with what their packets have made them take; the states of
// libopus lie outside of it, 18 kB for a decoder (see media/codec/opus).
func TestFootprint(t *testing.T) {
	for _, tc := range []struct {
		codec media.Codec
		limit uint64
	}{{media.PCMU, 24_000}, {media.Opus, 20_000}} {
		const parties = 200
		heap := func() uint64 {
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		source := newLine(t, tc.codec)
		type party struct {
			tx *Sender
			rx *Receiver
		}
		keep := make([]*party, 0, parties)
		before := heap()
		for range parties {
			l := new(party)
			l.tx = NewSender(SenderConfig{Codec: tc.codec, PT: 96, EventPT: 101}, func(p []byte) {
				l.rx.PushPacket(p, source.now)
			})
			l.rx = NewReceiver(ReceiverConfig{Codecs: map[uint8]media.Codec{96: tc.codec, 0: media.PCMU, 9: media.G722}, EventPT: 101, Clock: source.rx.clock})
			keep = append(keep, l)
		}
		bare := (heap() - before) / parties
		for range 50 {
			source.step(8000)
			n, err := source.enc.Encode(source.buf[:], &source.in)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range keep {
				l.tx.WriteFrame(media.OutFrame{Payload: source.buf[:n], Tick: source.tick, Level: 20, Voice: true})
				l.rx.ReadFrame(&source.out)
			}
		}
		used := (heap() - before) / parties
		t.Logf("%v: %d bytes when made, %d in use", tc.codec, bare, used)
		if used > tc.limit {
			t.Errorf("%v: %d bytes a party, want at most %d", tc.codec, used, tc.limit)
		}
		runtime.KeepAlive(keep)
	}
}
