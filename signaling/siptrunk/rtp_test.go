package siptrunk

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/rtpleg"
)

// real gives a server real media on 127.0.0.1.
func real(t *testing.T) (*rtpleg.PortPool, func(*Server)) {
	t.Helper()
	pool, err := rtpleg.NewPortPool(netip.MustParseAddr("127.0.0.1"), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return pool, func(s *Server) { s.deps.Media = NewMedia(s.cfg, pool) }
}

// talk sends a tone into a leg and collects what comes back, at 8 kHz, for so many ticks.
func talk(t *testing.T, leg media.Leg, hertz float64, ticks int) []int16 {
	t.Helper()
	enc, err := codec.NewEncoder(leg.Format(), pcm.Rate8k)
	if err != nil {
		t.Fatal(err)
	}
	defer codec.PutEncoder(enc)
	var in, out pcm.Frame
	var heard []int16
	payload := make([]byte, codec.MaxPayload)
	tick := time.NewTicker(pcm.Period)
	defer tick.Stop()
	n := 0
	for i := range ticks {
		<-tick.C
		in.Reset(pcm.Rate8k)
		leg.ReadFrame(&in)
		heard = append(heard, in.Samples()...)
		out.Reset(pcm.Rate8k)
		for j := range out.Samples() {
			out.Samples()[j] = int16(8000 * math.Sin(2*math.Pi*hertz*float64(n)/8000))
			n++
		}
		size, err := enc.Encode(payload, &out)
		if err != nil {
			t.Fatal(err)
		}
		leg.WriteFrame(media.OutFrame{Payload: payload[:size], Tick: uint64(i), Level: 12, Voice: true})
	}
	return heard
}

// TestBaresip is a call from a real phone with sound both ways, held and resumed by the phone, in each
// codec; what each side heard is measured.
func TestBaresip(t *testing.T) {
	if _, err := exec.LookPath("baresip"); err != nil {
		t.Fatal("baresip is not installed (Debian: baresip-core)")
	}
	for _, tc := range []struct{ codec, network string }{{"PCMU/8000/1", "udp"}, {"PCMA/8000/1", "tcp"}} {
		t.Run(tc.codec+" "+tc.network, func(t *testing.T) {
			pool, media := real(t)
			legs := make(chan call.Inbound, 1)
			h := doing(func(ctx context.Context, in call.Inbound) {
				_ = in.Endpoint.Ring(ctx)
				if err := in.Endpoint.Answer(ctx); err != nil {
					t.Error(err)
				}
				legs <- in
			})
			s := serve(t, testConfig(local()), h, media)
			ua := newBaresip(t, tc.codec)
			ua.start(t, fmt.Sprintf("sip:1000@%s;transport=%s", s.Addr(tc.network), tc.network))
			var in call.Inbound
			select {
			case in = <-legs:
			case <-time.After(15 * time.Second):
				t.Fatalf("no call\n%s", ua.log())
			}
			_, p := h.last()
			p.await(t, "answered")
			heard := talk(t, in.Endpoint.Media(), 1000, 100)
			if got := testaudio.Level(heard[len(heard)/2:], 440, 8000); got < -30 {
				t.Errorf("the phone's 440 Hz arrive at %.1f dB", got)
			}
			ua.command(t, "hold")
			p.await(t, "held")
			ua.command(t, "resume")
			p.await(t, "unheld")
			talk(t, in.Endpoint.Media(), 1000, 50)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := in.Endpoint.Hangup(ctx, call.Cause{Code: call.CauseHangup}); err != nil {
				t.Error(err)
			}
			ua.quit(t)
			samples := ua.recording(t)
			if got := testaudio.Level(samples[len(samples)/4:len(samples)/2], 1000, 8000); got < -30 {
				t.Errorf("our 1000 Hz arrive at the phone at %.1f dB in %d samples", got, len(samples))
			}
			if n := pool.InUse(); n != 0 {
				t.Errorf("%d port pairs in use", n)
			}
		})
	}
}

// TestMediaTimeout: a far side that sends no RTP is hung up on.
func TestMediaTimeout(t *testing.T) {
	pool, media := real(t)
	cfg := testConfig(local())
	cfg.RTPTimeoutInitial = 600 * time.Millisecond
	h := answering(t)
	s := serve(t, cfg, h, media)
	p := newPhone(t, s)
	p.answered("quiet")
	bye := p.want("BYE")
	p.send("SIP/2.0 200 OK\r\nVia: " + header(bye, "Via") + "\r\nFrom: " + header(bye, "From") + "\r\nTo: " + header(bye, "To") +
		"\r\nCall-ID: quiet\r\nCSeq: " + header(bye, "CSeq") + "\r\nContent-Length: 0\r\n\r\n")
	_, q := h.last()
	q.await(t, "ended")
	if q.cause.Code != call.CauseMediaLost {
		t.Errorf("cause %+v", q.cause)
	}
	h.wg.Wait()
	for deadline := time.Now().Add(3 * time.Second); pool.InUse() > 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if n := pool.InUse(); n != 0 {
		t.Errorf("%d port pairs in use", n)
	}
}

// baresip is a headless phone with its folder of configuration.
type baresip struct {
	dir     string
	control string
	cmd     *exec.Cmd
	exited  chan error
}

func newBaresip(t *testing.T, codecs string) *baresip {
	t.Helper()
	dir := t.TempDir()
	b := &baresip{dir: dir, control: freeAddr(t), exited: make(chan error, 1)}
	if err := testaudio.WriteWAV(filepath.Join(dir, "tone.wav"), testaudio.Tone(440, 8000, 20*8000, -12), 8000, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "snd"), 0o700); err != nil {
		t.Fatal(err)
	}
	sipAddr := freeAddr(t)
	rtp := netip.MustParseAddrPort(freeAddr(t)).Port() &^ 1
	config := fmt.Sprintf(`poll_method epoll
sip_listen %s
audio_path /usr/share/baresip
audio_source aufile,%s/tone.wav
audio_player aufile,/dev/null
audio_alert aufile,/dev/null
audio_txmode thread
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports %d-%d
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module sndfile.so
module uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen %s
snd_path %s/snd
`, sipAddr, dir, rtp, min(rtp+18, 65534), b.control, dir)
	for name, text := range map[string]string{
		"config": config, "contacts": "",
		"accounts": "<sip:4930123456@" + sipAddr + ">;regint=0;ptime=20;audio_codecs=" + codecs + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *baresip) start(t *testing.T, uri string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	t.Cleanup(cancel)
	b.cmd = exec.CommandContext(ctx, "baresip", "-f", b.dir, "-t", "30", "-e", "/dial "+uri)
	out, err := os.Create(filepath.Join(b.dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	b.cmd.Stdout, b.cmd.Stderr = out, out
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		b.exited <- b.cmd.Wait()
		_ = out.Close()
	}()
}

func (b *baresip) log() string {
	text, _ := os.ReadFile(filepath.Join(b.dir, "out"))
	return string(text)
}

// command sends one command as JSON in a netstring.
func (b *baresip) command(t *testing.T, name string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", b.control, 3*time.Second)
	if err != nil {
		t.Fatalf("control: %v\n%s", err, b.log())
	}
	defer c.Close()
	text := fmt.Sprintf(`{"command":%q,"params":"","token":"t"}`, name)
	if _, err := fmt.Fprintf(c, "%d:%s,", len(text), text); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = c.Read(make([]byte, 4096)) // the reply, or events; either way it has been read
}

func (b *baresip) quit(t *testing.T) {
	t.Helper()
	b.command(t, "quit")
	select {
	case <-b.exited:
	case <-time.After(5 * time.Second):
		_ = b.cmd.Process.Kill()
		<-b.exited
	}
}

// recording is what the phone heard.
func (b *baresip) recording(t *testing.T) []int16 {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(b.dir, "snd", "*-dec.wav"))
	if len(files) == 0 {
		t.Fatalf("the phone recorded nothing\n%s", b.log())
	}
	samples, _, _, err := testaudio.ReadWAV(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) < 8000 {
		t.Fatalf("the phone heard %d samples", len(samples))
	}
	return samples
}
