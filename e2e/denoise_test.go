package e2e

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/signaling/wire"
)

// denoiseTone is one of which the delays of codecs, frames and noise suppression, 6.5, 10 and 20 ms, are whole periods:
// switched from one way to another it goes on as it was.
const denoiseTone = 2000

// TestX3_DenoiseSwitchesOpus: two parties with Opus are forwarded to each other. While noise suppression is switched on they
// are mixed, and forwarded again when it is off. What the other hears of a tone goes on: no hole of more than 20 ms, and
// no jump of the wave. A machine that has no time for a party makes holes, too, so one round of three must be whole.
func TestX3_DenoiseSwitchesOpus(t *testing.T) {
	s := newServer(t, "").start()
	var room wire.Room
	if st := s.call(http.MethodPost, "/v1/rooms", map[string]any{}, &room); st != http.StatusCreated {
		t.Fatalf("POST /v1/rooms: %d", st)
	}
	noisy, st, problem := newPeer(t, s, room.CallID, denoiseTone)
	if noisy == nil {
		t.Fatalf("%d %v", st, problem)
	}
	listener, st, problem := newPeer(t, s, room.CallID, 500)
	if listener == nil {
		t.Fatalf("%d %v", st, problem)
	}
	moves := func(metric string) func() bool {
		was := s.metric(metric)
		return func() bool { return s.metric(metric) > was+5 }
	}
	var why string
	for round := range 3 {
		why = ""
		// A server that is short of time suppresses nothing: the round begins when it has some.
		waitFor(t, 40*time.Second, "time for noise suppression", func() bool { return s.metric("cordboard_mixer_shed") == 0 })
		waitFor(t, 15*time.Second, "the tone", func() bool { return len(listener.hears([]float64{denoiseTone})) == 1 })
		waitFor(t, 15*time.Second, "forwarding", moves("cordboard_mixer_forwarded_total"))
		time.Sleep(time.Second)
		from := listener.count()
		for _, level := range []int{1, 0} { // so little that the tone stays what it is
			frames := moves("cordboard_mixer_suppressed_total")
			if level == 0 {
				time.Sleep(300 * time.Millisecond)
				frames = moves("cordboard_mixer_forwarded_total")
			}
			if st := s.call(http.MethodPatch, "/v1/legs/"+noisy.leg.ID, map[string]any{"denoise": map[string]any{"in": level}}, nil); st != http.StatusOK {
				t.Fatalf("level %d: %d", level, st)
			}
			waitFor(t, 15*time.Second, fmt.Sprintf("level %d at work", level), frames)
		}
		time.Sleep(500 * time.Millisecond)
		if why = whole(listener.since(from)); why == "" {
			return
		}
		t.Logf("round %d: %s", round, why)
	}
	t.Error(why)
}

// whole says what is missing in a steady tone at 48 kHz, "" where nothing is.
func whole(heard []int16) string {
	const window = 480
	quiet := 0
	var last float64
	for at := 0; at+window <= len(heard); at += window {
		l := testaudio.Level(heard[at:at+window], denoiseTone, 48000)
		if l < -36 {
			if quiet += 10; quiet > 20 {
				return fmt.Sprintf("a hole of %d ms and more at %d ms", quiet, at/48)
			}
			continue
		}
		quiet = 0
		last = max(last, math.Pow(10, l/20)*32768)
	}
	if last == 0 {
		return "nothing was heard"
	}
	own := last * 2 * math.Sin(math.Pi*denoiseTone/48000) // between two samples of the tone
	for i := 1; i < len(heard); i++ {
		if step := math.Abs(float64(heard[i]) - float64(heard[i-1])); step > 1.5*own {
			return fmt.Sprintf("a step of %.0f at %d ms, the tone's own are %.0f", step, i/48, own)
		}
	}
	return ""
}

func (p *peer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.heard)
}

func (p *peer) since(from int) []int16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int16(nil), p.heard[from:]...)
}

// TestW3_W4_X3_DenoiseDesktop: an agent's controls of noise suppression, by keyboard alone, each until the server did it: the
// switch, the level, hearing the difference and hearing only the noise; and what the server makes of a caller that is
// music is shown.
func TestW3_W4_X3_DenoiseDesktop(t *testing.T) {
	s := newServer(t, "").start()
	music := t.TempDir() + "/music.wav"
	if err := testaudio.WriteWAV(music, testaudio.Music(2, 8000, 60*8000, -22), 8000, 1); err != nil {
		t.Fatal(err)
	}
	p := newPhone(t, phoneOpts{user: "caller", wav: music, codec: "PCMU/8000/1"})
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 60))
	d.ready()
	p.dial(s, "1000", "udp")
	p.wait("CALL_ESTABLISHED", 10*time.Second)
	d.see("ring", 10*time.Second)
	d.click("accept")
	d.see("noise", 10*time.Second)
	customer := func() wire.Denoise {
		var calls struct{ Items []wire.Call }
		s.call(http.MethodGet, "/v1/calls", nil, &calls)
		for _, c := range calls.Items {
			for _, l := range c.Legs {
				if l.Role == wire.RoleCustomer {
					return l.Denoise
				}
			}
		}
		return wire.Denoise{}
	}
	until := func(what string, ok func(wire.Denoise) bool) {
		t.Helper()
		waitFor(t, 15*time.Second, what, func() bool { return ok(customer()) })
	}
	press := func(what, id string, keys string) {
		t.Helper()
		d.run(10*time.Second, what, chromedp.WaitEnabled(testid(id), chromedp.ByQuery), chromedp.Focus(testid(id), chromedp.ByQuery), chromedp.KeyEvent(keys))
	}
	shows := func(id, attr, want string) {
		t.Helper()
		d.run(10*time.Second, id+" shows "+attr+" "+want, chromedp.WaitVisible(fmt.Sprintf(`[data-testid="%s"][%s="%s"]`, id, attr, want), chromedp.ByQuery))
	}
	press("switch on", "noise-caller", " ")
	until("switched on", func(n wire.Denoise) bool { return n.Level == 80 })
	press("level down", "noise-caller-level", kb.ArrowLeft)
	until("a step less", func(n wire.Denoise) bool { return n.Level == 70 })
	until("music is known, or the machine has no time for it", func(n wire.Denoise) bool {
		return n.Passes == wire.PassMusic || n.Passes == wire.PassOverload
	})
	d.see("noise-caller-badge", 10*time.Second)
	press("hear the difference", "noise-compare", "\r")
	shows("noise-compare", "aria-pressed", "true")
	until("as it came", func(n wire.Denoise) bool { return n.Level == 0 })
	until("back by itself", func(n wire.Denoise) bool { return n.Level == 70 })
	press("hear only the noise", "noise-residual", "\r")
	until("the noise", func(n wire.Denoise) bool { return n.Residual && n.Level == 70 })
	shows("noise-residual", "aria-pressed", "true")
	if path := os.Getenv("DENOISE_SCREENSHOT"); path != "" {
		d.run(5*time.Second, "scroll", chromedp.ActionFunc(func(ctx context.Context) error {
			return chromedp.ScrollIntoView(testid("noise"), chromedp.ByQuery).Do(ctx)
		}))
		d.screenshot(path)
	}
	press("hear the voice again", "noise-residual", "\r")
	until("the voice", func(n wire.Denoise) bool { return !n.Residual })
	d.run(10*time.Second, "the shortcut", chromedp.Evaluate(`document.activeElement.blur()`, nil), chromedp.KeyEvent("N"))
	until("off by the shortcut", func(n wire.Denoise) bool { return n.Level == 0 && n.In == 0 })
	d.gone("noise-caller-badge", 10*time.Second)
}
