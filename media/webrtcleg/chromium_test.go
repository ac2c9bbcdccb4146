package webrtcleg_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/webrtcleg"
)

const chromiumPage = `<!doctype html><audio id="a" autoplay></audio><script>
async function call() {
	const mic = await navigator.mediaDevices.getUserMedia({audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
	window.pc = new RTCPeerConnection();
	mic.getTracks().forEach(t => pc.addTrack(t, mic));
	window.sections = [];
	pc.ontrack = e => { document.getElementById('a').srcObject = e.streams[0]; window.stream = e.streams[0]; sections.push(e.transceiver.mid); };
	await negotiate();
}
async function another() {
	pc.addTransceiver('audio', {direction: 'recvonly'});
	await negotiate();
	return sections;
}
async function negotiate() {
	await pc.setLocalDescription(await pc.createOffer());
	const answer = await (await fetch('/offer', {method: 'POST', body: pc.localDescription.sdp})).text();
	await pc.setRemoteDescription({type: 'answer', sdp: answer});
	for (let i = 0; i < 100 && pc.connectionState != 'connected'; i++) await new Promise(r => setTimeout(r, 50));
	return pc.connectionState;
}
async function listen() {
	const ac = new AudioContext({sampleRate: 48000}); await ac.resume();
	const an = ac.createAnalyser(); an.fftSize = 16384; an.smoothingTimeConstant = 0;
	ac.createMediaStreamSource(stream).connect(an);
	await new Promise(r => setTimeout(r, 1500));
	const bins = new Float32Array(an.frequencyBinCount); an.getFloatFrequencyData(bins);
	let k = 0; for (let i = 1; i < bins.length; i++) if (bins[i] > bins[k]) k = i;
	return k * 48000 / 16384;
}
</script>`

// A real browser plays a tone to the room and hears another one, over an ICE restart, and goes.
func TestChromium(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	a := newAPI(t, webrtcleg.Config{})
	wav := filepath.Join(t.TempDir(), "mic.wav")
	if err := testaudio.WriteWAV(wav, testaudio.Tone(1000, 48000, 30*48000, -10), 48000, 1); err != nil {
		t.Fatal(err)
	}
	legs := make(chan *webrtcleg.Leg, 1)
	var leg *webrtcleg.Leg
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, chromiumPage)
	})
	mux.HandleFunc("POST /offer", func(w http.ResponseWriter, r *http.Request) {
		offer, _ := io.ReadAll(r.Body)
		var answer string
		var err error
		if leg == nil {
			leg, answer, err = a.NewLeg(r.Context(), string(offer), webrtcleg.Options{Streams: true})
			legs <- leg
		} else {
			answer, err = leg.Restart(r.Context(), string(offer))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		_, _ = io.WriteString(w, answer)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()

	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-audio-capture", wav), chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("mute-audio", true),
		chromedp.Flag("disable-dev-shm-usage", true))
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()

	run := func(what, script string) (result any) {
		t.Helper()
		js := `(async () => JSON.stringify(await ` + script + ` ?? null))()`
		var out string
		if err := chromedp.Run(ctx, chromedp.Evaluate(js, &out, awaitPromise)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := json.Unmarshal([]byte(out), &result); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return result
	}
	if err := chromedp.Run(ctx, chromedp.Navigate(srv.URL)); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	run("call", "call()")
	l := <-legs
	if l == nil {
		t.Fatal("the offer was refused")
	}
	type sound struct {
		heard []int16
		err   error
	}
	listened := make(chan sound, 1)
	go func() {
		heard, _, err := room(l, pcm.Rate48k, 350, testaudio.Tone(440, 48000, 7*48000, -10))
		listened <- sound{heard, err}
	}()
	if got, _ := run("listen", "listen()").(float64); math.Abs(got-440) > 6 {
		t.Errorf("the browser hears %.0f Hz, want 440", got)
	}
	run("restart", "(pc.restartIce(), negotiate())")
	if got, _ := run("listen again", "listen()").(float64); math.Abs(got-440) > 6 {
		t.Errorf("after the restart the browser hears %.0f Hz, want 440", got)
	}
	s := <-listened
	// A second stream, which the browser hears beside the first.
	sections, _ := run("another section", "another()").([]any)
	streams := l.Streams()
	if len(sections) != 2 || len(streams) != 2 || sections[1] != streams[1].ID {
		t.Fatalf("sections %v, streams %v", sections, streams)
	}
	said := make(chan error, 1)
	go func() { said <- say(streams[1].Sink, testaudio.Tone(700, 48000, 4*48000, -10)) }()
	if got, _ := run("listen to it", "listen()").(float64); math.Abs(got-700) > 6 {
		t.Errorf("in its second section the browser hears %.0f Hz, want 700", got)
	}
	if err := <-said; err != nil {
		t.Fatal(err)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	best := -200.0
	for at := 48000; at+24000 <= len(s.heard); at += 24000 {
		best = max(best, testaudio.Level(s.heard[at:at+24000], 1000, 48000))
	}
	if math.Abs(best+10) > 1.5 {
		t.Errorf("the room hears 1000 Hz at %.1f dB, want -10; %+v", best, l.Stats())
	}
	begin := time.Now()
	run("hang up", "pc.close()")
	select {
	case <-l.Done():
		t.Logf("over %v after pc.close; %+v", time.Since(begin), l.Stats())
	case <-time.After(5 * time.Second):
		t.Error("the leg lives on after pc.close")
	}
	if !errors.Is(l.Err(), webrtcleg.ErrPeerClosed) {
		t.Errorf("ended with %v", l.Err())
	}
}

// say speaks to one sink in real time.
func say(to media.Sink, signal []int16) error {
	e, err := codec.NewEncoder(to.Format(), pcm.Rate48k)
	if err != nil {
		return err
	}
	defer codec.PutEncoder(e)
	var f pcm.Frame
	buf := make([]byte, codec.MaxPayload)
	next := time.Now()
	for i := 0; (i+1)*960 <= len(signal); i++ {
		f.SetRate(pcm.Rate48k)
		copy(f.Samples(), signal[i*960:])
		n, err := e.Encode(buf, &f)
		if err != nil {
			return err
		}
		to.WriteFrame(media.OutFrame{Tick: uint64(i), Payload: buf[:n], Level: 10})
		next = next.Add(pcm.Period)
		time.Sleep(time.Until(next))
	}
	return nil
}

func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
