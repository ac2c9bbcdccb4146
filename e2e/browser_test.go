package e2e

import (
	"context"
	"encoding/base64"
	le "encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// desktop is the agent desktop in a headless Chromium whose microphone is a file.
type desktop struct {
	t   *testing.T
	s   *server
	ctx context.Context

	mu      sync.Mutex
	console []string
}

// ear runs in the page before its own scripts: it switches the browser's voice processing off, which would
// change what a level test measures, and keeps the samples of every remote track.
const ear = `(() => {
  localStorage['cordboard.checked'] = 'yes';
  const e2e = window.__e2e = { pcs: [], chunks: [] };
  const gum = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = c => {
    if (c && c.audio) c = { ...c, audio: { ...(c.audio === true ? {} : c.audio), echoCancellation: false, noiseSuppression: false, autoGainControl: false } };
    return gum(c);
  };
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...a) {
      super(...a);
      e2e.pcs.push(this);
      this.addEventListener('track', e => {
        if (!e2e.ac) e2e.ac = new AudioContext({ sampleRate: 48000 });
        const ac = e2e.ac;
        ac.resume();
        const src = ac.createMediaStreamSource(new MediaStream([e.track]));
        const tap = ac.createScriptProcessor(4096, 1, 1);
        tap.onaudioprocess = ev => { if (e2e.on) e2e.chunks.push(ev.inputBuffer.getChannelData(0).slice()); };
        src.connect(tap); tap.connect(ac.destination);
      });
    }
  };
  e2e.take = () => {
    const n = e2e.chunks.reduce((s, c) => s + c.length, 0), out = new Int16Array(n);
    let at = 0;
    for (const c of e2e.chunks) for (const x of c) out[at++] = Math.max(-32768, Math.min(32767, Math.round(x * 32768)));
    e2e.chunks = [];
    const b = new Uint8Array(out.buffer);
    let s = '';
    for (let i = 0; i < b.length; i += 32768) s += String.fromCharCode.apply(null, b.subarray(i, i + 32768));
    return btoa(s);
  };
})();`

// newDesktop opens the desktop with a token in its address. wav is the microphone: 48 kHz mono 16 bit, it loops.
func newDesktop(t *testing.T, s *server, agent, wav string, scripts ...string) *desktop {
	t.Helper()
	return newPage(t, s, agent, wav, s.token("--agent", agent), `body[data-screen="idle"][data-link-state="open"]`, scripts...)
}

// newPage opens the page with any token, and waits for what a selector names. name is for what is kept of a failure.
// scripts run before the page's own.
func newPage(t *testing.T, s *server, name, wav, token, ready string, scripts ...string) *desktop {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("mute-audio", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-audio-capture", wav),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.WindowSize(1280, 900),
		chromedp.WSURLReadTimeout(time.Minute), // a busy machine starts a browser slowly
	)
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() { cancel(); cancelAlloc() })
	if err := chromedp.Run(ctx); err != nil { // the browser lives as long as the context of the first Run
		t.Fatalf("start chromium: %v", err)
	}
	d := &desktop{t: t, s: s, ctx: ctx}
	chromedp.ListenTarget(ctx, func(ev any) {
		d.mu.Lock()
		defer d.mu.Unlock()
		switch e := ev.(type) {
		case *runtime.EventConsoleAPICalled:
			for _, a := range e.Args {
				d.console = append(d.console, string(e.Type)+": "+string(a.Value)+a.Description)
			}
		case *runtime.EventExceptionThrown:
			d.console = append(d.console, "exception: "+e.ExceptionDetails.Text)
		}
	})
	t.Cleanup(func() {
		if t.Failed() {
			d.screenshot(filepath.Join(os.TempDir(), strings.ReplaceAll(t.Name(), "/", "-")+"-"+name+".png"))
			d.mu.Lock()
			t.Logf("desktop of %s: %v", name, d.console)
			d.mu.Unlock()
		}
	})
	d.run(60*time.Second, "open the desktop",
		browser.GrantPermissions([]browser.PermissionType{browser.PermissionTypeAudioCapture, browser.PermissionTypeNotifications}).WithOrigin(s.http),
		chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := page.AddScriptToEvaluateOnNewDocument(strings.Join(append(scripts, ear), "\n")).Do(ctx)
			return err
		}),
		chromedp.Navigate(s.http+"/#token="+token),
		chromedp.WaitVisible(ready, chromedp.ByQuery),
	)
	return d
}

func testid(id string) string { return fmt.Sprintf(`[data-testid="%s"]`, id) }

func (d *desktop) run(limit time.Duration, what string, actions ...chromedp.Action) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, limit)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
}

// click waits for a control and presses it.
func (d *desktop) click(id string) {
	d.t.Helper()
	d.run(10*time.Second, "click "+id, chromedp.WaitVisible(testid(id), chromedp.ByQuery), chromedp.Click(testid(id), chromedp.ByQuery))
}

func (d *desktop) see(id string, limit time.Duration) {
	d.t.Helper()
	d.run(limit, "see "+id, chromedp.WaitVisible(testid(id), chromedp.ByQuery))
}

func (d *desktop) gone(id string, limit time.Duration) {
	d.t.Helper()
	d.run(limit, "see "+id+" go", chromedp.WaitNotPresent(testid(id), chromedp.ByQuery))
}

// ready turns the agent ready.
func (d *desktop) ready() {
	d.t.Helper()
	d.click("state-ready")
}

// listen starts keeping what the agent hears; take returns it, 48 kHz.
func (d *desktop) listen() {
	d.t.Helper()
	d.run(5*time.Second, "listen", chromedp.Evaluate(`__e2e.chunks = []; __e2e.on = true`, nil))
}

func (d *desktop) take() []int16 {
	d.t.Helper()
	var b64 string
	d.run(20*time.Second, "take audio", chromedp.Evaluate(`__e2e.take()`, &b64))
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		d.t.Fatal(err)
	}
	out := make([]int16, len(raw)/2)
	for i := range out {
		out[i] = int16(le.LittleEndian.Uint16(raw[2*i:]))
	}
	return out
}

func (d *desktop) screenshot(path string) {
	ctx, cancel := context.WithTimeout(d.ctx, 5*time.Second)
	defer cancel()
	var png []byte
	if err := chromedp.Run(ctx, chromedp.CaptureScreenshot(&png)); err != nil {
		d.t.Logf("screenshot: %v", err)
		return
	}
	if err := os.WriteFile(path, png, 0o600); err != nil {
		d.t.Log(err)
	}
}
