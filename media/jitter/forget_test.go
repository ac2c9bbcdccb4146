package jitter

import (
	"bytes"
	"testing"
	"time"
)

// TestForgets: no payload stays in the buffer's memory once it can no longer be asked for.
func TestForgets(t *testing.T) {
	b := New(Config{})
	now := b.epoch.Add(time.Second)
	secret := bytes.Repeat([]byte("4111"), 40)
	left := func() int {
		n := 0
		for _, s := range b.slots {
			if s != nil && bytes.Contains(s.buf[:cap(s.buf)], secret[:8]) {
				n++
			}
		}
		return n
	}
	say := func(seq int, payload []byte) {
		b.Push(&Packet{SSRC: 1, Seq: uint16(seq), TS: uint32(160 * seq), Clock: 8000, Duration: 160, Payload: payload}, now)
		b.Pop(now, 0)
		now = now.Add(20 * time.Millisecond)
	}
	for i := range 20 {
		say(i, secret)
	}
	if n := left(); n < Kept {
		t.Fatalf("%d payloads are there while they may be asked for, want at least %d", n, Kept)
	}
	for i := range Kept + 2 {
		say(20+i, bytes.Repeat([]byte{0xff}, 160))
	}
	if n := left(); n != 0 {
		t.Errorf("%d payloads stay after they were replaced", n)
	}
	for i := range 10 {
		say(30+i, secret)
	}
	b.Push(&Packet{SSRC: 1, Seq: 40, TS: 160 * 40, Clock: 8000, Duration: 160, Payload: secret}, now)
	b.Forget()
	if n := left(); n != 0 {
		t.Errorf("%d payloads stay after Forget", n)
	}
	say(41, secret)
	if it, ok := b.Ahead(0); b.n > 1 || ok && it.Kind != Audio {
		t.Errorf("after Forget the stream does not go on: %d stored", b.n)
	}
}
