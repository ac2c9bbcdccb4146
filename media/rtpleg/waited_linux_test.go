package rtpleg

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// TestWaitedInTheSocket: what has waited in the socket because nobody read it is as old as it is: a key counts from when
// it was pressed, and a voice from when it was spoken.
func TestWaitedInTheSocket(t *testing.T) {
	const stall = 400 * time.Millisecond
	m := newMouth(t)
	l := m.leg(func(c *Config) { c.Session.EventPT = 101 })
	l.Start()
	l.SetPolled(true)
	var f pcm.Frame
	f.Reset(pcm.Rate8k)
	next := time.Now()
	hear := func(packets, ticks int) {
		for i := range ticks {
			if i < packets {
				m.speak(1)
			}
			l.Poll(time.Now())
			l.ReadFrame(&f)
			next = next.Add(pcm.Period)
			time.Sleep(time.Until(next))
		}
	}
	hear(100, 100)
	for l.Poll(time.Now()); len(l.Events()) > 0; {
		<-l.Events()
	}
	m.speak(3)
	key := append(append([]byte(nil), m.pkt[:12]...), 5, 0x8a, 0x03, 0x20)
	key[1] = 101 | 0x80
	for range 3 {
		binary.BigEndian.PutUint16(key[2:], m.seq)
		binary.BigEndian.PutUint32(key[4:], uint32(m.seq)*160)
		if _, err := m.conn.WriteToUDPAddrPort(key, m.to); err != nil {
			t.Fatal(err)
		}
	}
	sent := time.Now()
	time.Sleep(stall)
	l.Poll(time.Now())
	var e media.Event
	for e.Kind != media.EventDigit {
		select {
		case e = <-l.Events():
		default:
			t.Fatal("no key was told")
		}
	}
	if late := e.At.Sub(sent); late > stall/2 {
		t.Errorf("a key that came %v before it was read passes for %v later", stall, late)
	}
	for range 10 {
		if l.ReadFrame(&f) == media.Audio {
			break
		}
	}
	if age := l.Age(); age < stall {
		t.Errorf("a voice that has waited %v passes for %v old", stall, age)
	}
}
