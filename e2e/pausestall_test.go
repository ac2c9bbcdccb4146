package e2e

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// stallFor is how long the server stands still: longer than a second, from which on a jitter buffer takes what comes
// in a heap for another stream.
const stallFor = 1500 * time.Millisecond

// stalled is a call of TestPauseOverAStall.
type stalled struct {
	name string
	recorded
	look *secrets
}

// say has both parties of the call say something.
func (c *stalled) say(hz float64, secret bool) {
	c.c.say(hz, secret)
	c.a.say(hz, secret)
}

// TestPauseOverAStall: the server stands still for a second and a half. One call's pause ends meanwhile by its deadline,
// another's has ended right before, and for a third one is asked meanwhile. What was said and keyed in the pauses waits
// in sockets and jitter buffers then, and must not pass for what was said behind them; nor must, in a fourth call, what
// the network has held up for longer than a second.
func TestPauseOverAStall(t *testing.T) {
	stalls.start()
	for try := 1; !pauseOverAStall(t); try++ {
		if t.Failed() || try == 5 {
			t.Fatal("the machine never ran for long enough")
		}
	}
}

func pauseOverAStall(t *testing.T) bool {
	s := newServer(t, "").start()
	calls := []*stalled{{name: "deadline"}, {name: "resumed"}, {name: "begun"}, {name: "network"}}
	for _, c := range calls {
		says := talksPCMU // of which no packet has anything of the one before
		if c.name == "resumed" {
			says = talksOpus
		}
		c.recorded = recordedRoom(t, s, says, true)
		c.look = &secrets{digits: []string{randomDigits(12)}}
	}
	deadline, resumed, begun, network := calls[0], calls[1], calls[2], calls[3]
	var w wire.Recording
	pause := func(c *stalled, seconds int) {
		t.Helper()
		if st := s.call(http.MethodPost, "/v1/recordings/"+c.recID+"/pause", wire.PauseRequest{MaxSeconds: seconds}, &w); st != http.StatusOK {
			t.Fatalf("pause: %d", st)
		}
	}
	resume := func(c *stalled) {
		t.Helper()
		if st := s.call(http.MethodPost, "/v1/recordings/"+c.recID+"/resume", nil, nil); st != http.StatusOK {
			t.Fatalf("resume: %d", st)
		}
	}
	pause(resumed, 60)
	pause(network, 60)
	pause(deadline, 5)
	till := *w.PausedTill
	var keyed sync.WaitGroup
	for c, digits := range map[*stalled]string{resumed: resumed.look.digits[0], network: network.look.digits[0], deadline: deadline.look.digits[0][:9]} {
		c.say(hzSecret, true)
		keyed.Go(func() { c.c.press(digits) })
	}
	keyed.Wait()

	// The network stands still: the last words of a pause come long behind it.
	network.c.stick(true)
	stuck := time.Now()
	time.Sleep(300 * time.Millisecond)
	network.c.say(nothing, false)
	network.a.say(hzAfter, false)
	resume(network)
	time.Sleep(time.Until(stuck.Add(stallFor)))
	network.c.stick(false)
	time.Sleep(200 * time.Millisecond)
	network.c.say(hzAfter, false)
	time.Sleep(time.Until(till.Add(-stallFor/2 - 200*time.Millisecond)))

	// The server stands still from here on. A key that is pressed in a pause is let go in the stall.
	resumed.say(hzAfter, false)
	let := resumed.c.begin('5')
	resume(resumed)
	time.Sleep(rand.N(20 * time.Millisecond))
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	let()
	asked := make(chan int, 1)
	go func() {
		st, _ := s.request(s.admin, http.MethodPost, "/v1/recordings/"+begun.recID+"/pause", wire.PauseRequest{MaxSeconds: 60}, nil)
		asked <- st
	}()
	deadline.c.press(deadline.look.digits[0][9:])
	time.Sleep(time.Until(till.Add(-30 * time.Millisecond)))
	deadline.say(hzAfter, false)
	inTime := time.Now().Before(till)
	time.Sleep(time.Until(from.Add(stallFor)))
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if st := <-asked; st != http.StatusOK {
		t.Fatalf("a pause asked for in the stall: %d", st)
	}
	begun.say(hzSecret, true)
	if !inTime {
		s.stop()
		return false
	}
	begun.c.press(begun.look.digits[0])
	waitFor(t, 20*time.Second, "the pause's end", func() bool {
		s.call(http.MethodGet, "/v1/recordings/"+deadline.recID, nil, &w)
		return w.State == wire.RecordingActive
	})
	begun.say(hzAfter, false)
	resume(begun)
	ran(time.Second)
	look := &secrets{} // of all, for one look through the memory
	for _, c := range calls {
		c.look.said(c.c)
		c.look.said(c.a)
		look.said(c.c)
		look.said(c.a)
		look.digits = append(look.digits, c.look.digits...)
	}
	for _, f := range look.memory(t, s.cmd.Process.Pid) {
		t.Errorf("a second after the pauses, in memory: %s", f)
	}
	ran(2 * time.Second) // on a busy machine what was said behind the pauses takes its time, too
	for _, c := range calls {
		if st := s.call(http.MethodPost, "/v1/calls/"+c.callID+"/end", nil, nil); st != http.StatusNoContent {
			t.Errorf("end: %d", st)
		}
	}
	for _, c := range calls {
		waitFor(t, 60*time.Second, "the recording in the archive", func() bool {
			s.call(http.MethodGet, "/v1/recordings/"+c.recID, nil, &w)
			return w.State == wire.RecordingStored
		})
		t.Logf("%s: gaps %+v", c.name, w.Gaps)
		nowhere(t, s, c.look, c.recorded, nil, w)
		files := s.written(c.began)
		for _, tr := range w.Tracks {
			if l := loudest(decodeTrack(t, find(files, w.ID, tr.Object)), hzAfter); l < -30 {
				t.Errorf("%s: track %s lacks what was said after the pause: %.0f dB", c.name, tr.ID, l)
			}
		}
	}
	return true
}

// loudest is the level of a tone in samples at 8 kHz where it stands out most.
func loudest(voice []int16, hz float64) float64 {
	most := -200.0
	for at := 0; at+320 <= len(voice); at += 80 {
		most = max(most, standsOut(voice[at:at+320], hz))
	}
	return most
}
