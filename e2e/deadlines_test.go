package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/cordboard/cordboard/signaling/wire"
)

// inTime checks that something came within a second of the server's deadline for it, and not before.
func inTime(t *testing.T, what string, deadline, at time.Time) {
	t.Helper()
	late := at.Sub(deadline)
	if late <= -time.Millisecond || late > time.Second { // an event's time is in whole milliseconds
		t.Errorf("%s came %v after its deadline, want 0 to 1 s", what, late)
		return
	}
	t.Logf("%s came %v after its deadline", what, late)
}

// kill ends the browser with all its processes, as a power switch does.
func (d *desktop) kill() {
	d.t.Helper()
	b := chromedp.FromContext(d.ctx).Browser
	if b == nil || b.Process() == nil {
		d.t.Fatal("there is no browser to kill")
	}
	for _, pid := range descendants(d.t, b.Process().Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone already
	}
}

// descendants are a process and all that came from it.
func descendants(t *testing.T, root int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // gone
		}
		_, rest, _ := strings.Cut(string(b), ") ") // pid (name) state parent
		f := strings.Fields(rest)
		pid, errP := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if len(f) < 2 || errP != nil {
			continue
		}
		parent, err := strconv.Atoi(f[1])
		if err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// cable is the network between a browser and the server. Pulled, it carries nothing either way and tells nobody; what was
// sent meanwhile comes when it is plugged in again.
type cable struct {
	http string

	mu   sync.Mutex
	live chan struct{} // closed while the cable is plugged in
	open []net.Conn
}

func newCable(t *testing.T, s *server) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &cable{http: "http://" + l.Addr().String(), live: make(chan struct{})}
	k.plug()
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		k.plug()
		k.mu.Lock()
		for _, c := range k.open {
			_ = c.Close()
		}
		k.mu.Unlock()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(s.http, "http://"))
			if err != nil {
				_ = near.Close()
				continue
			}
			k.mu.Lock()
			k.open = append(k.open, near, far)
			k.mu.Unlock()
			wg.Go(func() { k.carry(far, near) })
			wg.Go(func() { k.carry(near, far) })
		}
	})
	return k
}

func (k *cable) pull() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.live = make(chan struct{})
}

func (k *cable) plug() {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.live:
	default:
		close(k.live)
	}
}

// carry copies one way, and the end of the connection too.
func (k *cable) carry(to io.WriteCloser, from io.Reader) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		k.mu.Lock()
		live := k.live
		k.mu.Unlock()
		<-live
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// offline tells the browser that its network is gone, or back.
func (d *desktop) offline(yes bool) {
	d.t.Helper()
	d.run(patience, "switch the network", network.Enable(), network.EmulateNetworkConditions(yes, 0, -1, -1))
}

// twoQueues is a server on which calls to 1000 ring for as long as a browser on a busy machine may take, and those to 2000
// for so short that nobody answers them.
func twoQueues(t *testing.T, wrapup, desk string) *server {
	t.Helper()
	s := newServer(t, "")
	s.configure(`queues = [{ id = "service", name = "Service", ring = "4s", wrapup = "5s" }]`, fmt.Sprintf(
		`queues = [{ id = "service", name = "Service", ring = "1m", wrapup = %q }, { id = "missed", name = "Missed", ring = "2s" }]`, wrapup)+"\n"+desk)
	s.configure(`{ number = "1000", queue = "service" }`, `{ number = "1000", queue = "service" }, { number = "2000", queue = "missed" }`)
	return s.start()
}

// talks takes a call to 1000 in a browser.
func (d *desktop) talks(p *phone) {
	d.t.Helper()
	p.dial(d.s, "1000", "udp")
	d.see("ring", patience)
	d.press("a")
	d.see("call-card", patience)
	d.see("hangup", patience)
}

// hangsUp ends the call and gives the wrap-up that begins.
func (d *desktop) hangsUp() (w wire.Wrapup) {
	d.t.Helper()
	d.press("E")
	waitFor(d.t, patience, "a wrap-up", func() bool { return len(d.s.events("wrapup.started")) > 0 })
	decode(d.t, d.s.events("wrapup.started")[0].Data, &w)
	return w
}

// wrappedUp waits for the end of a wrap-up that nobody ended.
func (s *server) wrappedUp(w wire.Wrapup) {
	s.t.Helper()
	waitFor(s.t, patience, "the end of the wrap-up", func() bool { return len(s.events("wrapup.completed")) > 0 })
	e := s.events("wrapup.completed")[0]
	var got wire.Wrapup
	decode(s.t, e.Data, &got)
	if got.ID != w.ID || got.By == "agent" || got.Reason != "none" {
		s.t.Errorf("%+v ended, want %s with the default reason", got, w.ID)
	}
	inTime(s.t, "the end of the wrap-up", w.Deadline, e.Time)
}

// rings waits until a call to 2000 rings.
func (s *server) rings() (o wire.Offer) {
	s.t.Helper()
	waitFor(s.t, patience, "an offer", func() bool {
		for _, e := range s.events("offer.created") {
			if decode(s.t, e.Data, &o); o.Queue == "missed" {
				return true
			}
		}
		return false
	})
	return o
}

// rang waits for the end of an offer that nobody answered.
func (s *server) rang(o wire.Offer) {
	s.t.Helper()
	waitFor(s.t, patience, "the end of the offer", func() bool { return len(s.events("offer.expired")) > 0 })
	e := s.events("offer.expired")[0]
	var got wire.Offer
	decode(s.t, e.Data, &got)
	if got.ID != o.ID {
		s.t.Errorf("offer %s expired, want %s", got.ID, o.ID)
	}
	inTime(s.t, "the end of the offer", o.Deadline, e.Time)
}

// leftAt waits until the agent is signed out, which should be at a time.
func (s *server) leftAt(deadline func() time.Time) {
	s.t.Helper()
	waitFor(s.t, patience, "the sign-out", func() bool { return len(s.events("agent.signed_out")) > 0 })
	inTime(s.t, "the sign-out", deadline(), s.events("agent.signed_out")[0].Time)
}

// TestX1_X8_R20_W22_KilledBrowser: a browser is killed in wrap-up, with all its processes. The wrap-up ends at the server's
// time; the next call, which has waited for the agent, rings an empty chair for as long as it may and no longer; and the agent
// is signed out when that is due.
func TestX1_X8_R20_W22_KilledBrowser(t *testing.T) {
	const signout = time.Second
	s := twoQueues(t, "3s", fmt.Sprintf("absent_grace = \"7s\"\nabsent_signout = %q\n", signout))
	first, second := newCaller(t, "041000111", toneCaller), newCaller(t, "041000222", toneOther)
	d := newDesktop(t, s, "alice", toneFile(t, toneAlice, 48000, 1, 10))
	d.press("r")
	d.talks(first)
	second.calls(s, "2000")
	w := d.hangsUp()
	d.kill()
	if late := time.Since(w.Deadline); late > 0 {
		t.Fatalf("the browser was killed %v after the wrap-up", late)
	}
	s.wrappedUp(w)
	s.rang(s.rings())
	s.leftAt(func() time.Time {
		for _, e := range s.events("agent.state_changed") {
			var a wire.Agent
			if decode(t, e.Data, &a); a.Reason == "connection_lost" {
				return a.Since.Add(signout)
			}
		}
		t.Fatal("alice was signed out without having been missed")
		return time.Time{}
	})
	if second.seen("CALL_CLOSED") > 0 {
		t.Error("the caller was dropped")
	}
}

// TestX1_X8_R7_R20_W22_G36_NoNetworkAndAWrongClock: a browser whose clock is an hour ahead counts down by the server's time.
// Its network is gone while a call rings, and again in a wrap-up with a sign-out behind it: both, and the sign-out, come when
// they are due. With the network back the page shows how things are.
func TestX1_X8_R7_R20_W22_G36_NoNetworkAndAWrongClock(t *testing.T) {
	s := twoQueues(t, "10s", "")
	k := newCable(t, s)
	behind := *s
	behind.http = k.http
	p := newCaller(t, "041000111", toneCaller)
	d := newDesktop(t, &behind, "alice", toneFile(t, toneAlice, 48000, 1, 10), hourAhead)
	d.until("the clock is wrong", fmt.Sprintf(`Date.now() > %d`, time.Now().Add(59*time.Minute).UnixMilli()))
	d.press("r")

	p.calls(s, "2000")
	o := s.rings()
	k.pull()
	d.offline(true)
	s.rang(o)
	p.command("hangup", "")
	k.plug()
	d.offline(false)
	d.see("aftermath", patience)

	d.press("r")
	d.talks(p)
	w := d.hangsUp()
	d.see("wrapup", patience)
	asked := time.Now()
	left := clock(t, d.text("wrapup-left"))
	// Whole seconds are shown.
	if most, least := w.Deadline.Sub(asked)+time.Second, time.Until(w.Deadline)-1500*time.Millisecond; left > most || left < least {
		t.Errorf("the page counts down from %v, want %v to %v", left, least, most)
	}
	d.click("signout")
	d.see("leaving", patience)
	k.pull()
	d.offline(true)
	if late := time.Since(w.Deadline); late > 0 {
		t.Fatalf("the network was cut %v after the wrap-up", late)
	}
	s.wrappedUp(w)
	s.leftAt(func() time.Time { return w.Deadline })
	k.plug()
	d.offline(false)
	d.run(patience, "the page is signed out", chromedp.WaitVisible(`body[data-screen="signin"]`, chromedp.ByQuery))
}
