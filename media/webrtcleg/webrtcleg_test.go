package webrtcleg_test

import (
	"context"
	"errors"
	"math"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/webrtcleg"
	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func newAPI(t testing.TB, cfg webrtcleg.Config) *webrtcleg.API {
	t.Helper()
	cfg.IPs, cfg.Loopback = []string{"127.0.0.1"}, true
	a, err := webrtcleg.NewAPI(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return a
}

// keepalive is how often a browser checks the path.
var keepalive = 200 * time.Millisecond

// browser is a plain pion peer that plays a tone and hears what comes.
type browser struct {
	t     testing.TB
	pc    *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
	heard chan []byte // RTP payloads
	got   atomic.Int64
	lose  atomic.Int64 // of a hundred packets not to send
}

func newBrowser(t testing.TB, tcp bool) *browser {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() && ip.To4() != nil })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if tcp {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	s.SetICETimeouts(2*time.Second, 10*time.Second, keepalive)
	m := new(webrtc.MediaEngine)
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	event := webrtc.RTPCodecParameters{PayloadType: 110, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: 48000}}
	if err := m.RegisterCodec(event, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: "urn:ietf:params:rtp-hdrext:ssrc-audio-level"}, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, pc: pc, heard: make(chan []byte, 1000)}
	if b.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "mic", "mic"); err != nil {
		t.Fatal(err)
	}
	if _, err = pc.AddTrack(b.track); err != nil {
		t.Fatal(err)
	}
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			b.got.Add(1)
			select {
			case b.heard <- append([]byte(nil), p.Payload...):
			default:
			}
		}
	})
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return b
}

func (b *browser) offer(opts *webrtc.OfferOptions) string {
	b.t.Helper()
	o, err := b.pc.CreateOffer(opts)
	if err != nil {
		b.t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(b.pc)
	if err := b.pc.SetLocalDescription(o); err != nil {
		b.t.Fatal(err)
	}
	<-done
	return b.pc.LocalDescription().SDP
}

func (b *browser) accept(answer string) {
	b.t.Helper()
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		b.t.Fatalf("answer: %v\n%s", err, answer)
	}
}

// talk plays a signal at 48 kHz in real time.
func (b *browser) talk(ctx context.Context, signal []int16, f media.Format) {
	e, err := codec.NewEncoder(f, pcm.Rate48k)
	if err != nil {
		b.t.Error(err)
		return
	}
	defer codec.PutEncoder(e)
	next := time.Now()
	var frame pcm.Frame
	buf := make([]byte, codec.MaxPayload)
	lost, seq := int64(0), uint16(65500)
	for i := 0; (i+1)*960 <= len(signal); i++ {
		frame.SetRate(pcm.Rate48k)
		copy(frame.Samples(), signal[i*960:])
		n, err := e.Encode(buf, &frame)
		if err != nil {
			b.t.Error(err)
			return
		}
		lost += b.lose.Load()
		drop := lost >= 100
		if drop {
			lost -= 100
		}
		if n > 0 { // in silence nothing is sent, and no sequence number used
			if !drop {
				_ = b.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(i * 960)}, Payload: buf[:n]})
			}
			seq++
		}
		next = next.Add(pcm.Period) // absolute, so that a busy machine delays but does not lose
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next)):
		}
	}
}

// room ticks a leg: it hears it and, where the encoder is given, speaks to it.
func room(leg *webrtcleg.Leg, r pcm.Rate, ticks int, speak []int16) (heard []int16, kinds map[media.Kind]int, err error) {
	kinds = map[media.Kind]int{}
	e, err := codec.NewEncoder(leg.Format(), pcm.Rate48k)
	if err != nil {
		return nil, nil, err
	}
	defer codec.PutEncoder(e)
	next := time.Now()
	var in, out pcm.Frame
	buf := make([]byte, codec.MaxPayload)
	for i := range ticks {
		next = next.Add(pcm.Period)
		time.Sleep(time.Until(next))
		in.SetRate(r)
		kinds[leg.ReadFrame(&in)]++
		heard = append(heard, in.Samples()...)
		f := media.OutFrame{Tick: uint64(i), Level: 127}
		if (i+1)*960 <= len(speak) {
			out.SetRate(pcm.Rate48k)
			copy(out.Samples(), speak[i*960:])
			n, err := e.Encode(buf, &out)
			if err != nil {
				return nil, nil, err
			}
			f.Payload, f.Level = buf[:n], pcm.Level(out.Samples())
		}
		leg.WriteFrame(f)
	}
	return heard, kinds, nil
}

func wait(t testing.TB, leg *webrtcleg.Leg, want media.EventKind, limit time.Duration) {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case e := <-leg.Events():
			if e.Kind == want {
				return
			}
		case <-leg.Done():
			t.Fatalf("leg ended with %v, waiting for event %d", leg.Err(), want)
		case <-timer.C:
			t.Fatalf("no event %d in %v", want, limit)
		}
	}
}

// until waits for a state of the browser's connection.
func (b *browser) until(s webrtc.PeerConnectionState) {
	b.t.Helper()
	for limit := time.Now().Add(5 * time.Second); b.pc.ConnectionState() != s; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			b.t.Fatalf("the browser is %v, not %v", b.pc.ConnectionState(), s)
		}
	}
}

func connect(t testing.TB, a *webrtcleg.API, tcp bool) (*browser, *webrtcleg.Leg) {
	t.Helper()
	b := newBrowser(t, tcp)
	leg, answer, err := a.NewLeg(t.Context(), b.offer(nil), webrtcleg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"useinbandfec=1;usedtx=1", "ssrc-audio-level", "telephone-event/48000", "a=candidate:"} {
		if !strings.Contains(answer, want) {
			t.Errorf("answer has no %q:\n%s", want, answer)
		}
	}
	b.accept(answer)
	wait(t, leg, media.EventConnected, 5*time.Second)
	b.until(webrtc.PeerConnectionStateConnected)
	return b, leg
}

var voice = media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}

func TestTonesBothWays(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, tcp := range []bool{false, true} {
		a := newAPI(t, webrtcleg.Config{})
		b, leg := connect(t, a, tcp)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go b.talk(ctx, testaudio.Tone(1000, 48000, 3*48000, -10), voice)
		heard, kinds, err := room(leg, pcm.Rate16k, 100, testaudio.Tone(440, 48000, 2*48000, -10))
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		tail := heard[16000:]
		if got := testaudio.Level(tail, 1000, 16000); math.Abs(got+10) > 1 {
			t.Errorf("tcp %v: the room hears 1000 Hz at %.1f dB, want -10; kinds %v", tcp, got, kinds)
		}
		best := 0.0 // a busy machine makes the jitter buffer move, so look at a quiet stretch
		for at := 0; at+1600 <= len(tail); at += 800 {
			best = max(best, testaudio.SINAD(tail[at:at+1600], 1000, 16000))
		}
		if best < 25 {
			t.Errorf("tcp %v: the room hears the tone with SINAD %.1f dB at best", tcp, best)
		}
		d, err := codec.NewDecoder(media.Opus)
		if err != nil {
			t.Fatal(err)
		}
		var back []int16
		dst := make([]int16, 5760)
		for len(b.heard) > 0 {
			n, err := d.Decode(dst, <-b.heard, pcm.Rate48k)
			if err != nil {
				t.Fatal(err)
			}
			back = append(back, dst[:n]...)
		}
		codec.PutDecoder(d)
		if len(back) < 48000 {
			t.Fatalf("tcp %v: the browser got %d samples", tcp, len(back))
		}
		if got := testaudio.Level(back[24000:48000], 440, 48000); math.Abs(got+10) > 1 {
			t.Errorf("tcp %v: the browser hears 440 Hz at %.1f dB, want -10", tcp, got)
		}
		s := leg.Stats()
		if s.PacketsIn < 80 || s.PacketsOut < 80 || s.SendDropped > 0 || s.LastPacket.IsZero() {
			t.Errorf("tcp %v: stats %+v", tcp, s)
		}
		if err := leg.Close(); err != nil {
			t.Error(err)
		}
		if err := leg.Close(); err != nil || leg.Err() != nil {
			t.Errorf("closed twice: %v, %v", err, leg.Err())
		}
		_ = b.pc.GracefulClose()
		_ = a.Close()
	}
}

func TestBrowserCloses(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{})
	b, leg := connect(t, a, false)
	begin := time.Now()
	_ = b.pc.GracefulClose()
	select {
	case <-leg.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the leg lives on")
	}
	t.Logf("ended after %v", time.Since(begin))
	if !errors.Is(leg.Err(), webrtcleg.ErrPeerClosed) {
		t.Errorf("ended with %v", leg.Err())
	}
	if err := leg.AddCandidate("a=end-of-candidates\r\n"); !errors.Is(err, webrtcleg.ErrClosed) {
		t.Errorf("candidate for a dead leg: %v", err)
	}
}

// A browser that begins the handshake itself is served, and its goodbye and ours arrive.
func TestBrowserBegins(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{})
	for _, ours := range []bool{false, true} {
		b := newBrowser(t, false)
		leg, answer, err := a.NewLeg(t.Context(), strings.ReplaceAll(b.offer(nil), "a=setup:actpass", "a=setup:active"), webrtcleg.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(answer, "a=setup:passive") {
			t.Fatalf("answer:\n%s", answer)
		}
		b.accept(answer)
		wait(t, leg, media.EventConnected, 5*time.Second)
		b.until(webrtc.PeerConnectionStateConnected)
		if ours {
			_ = leg.Close()
			b.until(webrtc.PeerConnectionStateClosed)
			continue
		}
		_ = b.pc.GracefulClose()
		select {
		case <-leg.Done():
		case <-time.After(5 * time.Second):
			t.Fatal("the leg lives on")
		}
		if !errors.Is(leg.Err(), webrtcleg.ErrPeerClosed) {
			t.Errorf("ended with %v", leg.Err())
		}
	}
}

// Our goodbye reaches the browser, right after the handshake and long after it.
func TestGoodbye(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{})
	for _, later := range []time.Duration{0, 300 * time.Millisecond} {
		b, leg := connect(t, a, false)
		time.Sleep(later)
		_ = leg.Close()
		b.until(webrtc.PeerConnectionStateClosed)
	}
}

func TestNeverConnects(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{DisconnectedAfter: 300 * time.Millisecond, LostAfter: 500 * time.Millisecond})
	b := newBrowser(t, false)
	leg, _, err := a.NewLeg(t.Context(), b.offer(nil), webrtcleg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-leg.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("a leg nobody came for lives on")
	}
	if !errors.Is(leg.Err(), webrtcleg.ErrLost) {
		t.Errorf("ended with %v", leg.Err())
	}
}

func TestICERestartKeepsTheLeg(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{})
	b, leg := connect(t, a, false)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go b.talk(ctx, testaudio.Tone(1000, 48000, 6*48000, -10), voice)
	if _, _, err := room(leg, pcm.Rate16k, 50, nil); err != nil {
		t.Fatal(err)
	}
	before := b.pc.LocalDescription().SDP
	offer := b.offer(&webrtc.OfferOptions{ICERestart: true})
	if offer == before {
		t.Fatal("the offer restarts nothing")
	}
	answer, err := leg.Restart(t.Context(), offer)
	if err != nil {
		t.Fatal(err)
	}
	b.accept(answer)
	heard, kinds, err := room(leg, pcm.Rate16k, 120, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := testaudio.Level(heard[len(heard)-16000:], 1000, 16000); math.Abs(got+10) > 1 {
		t.Errorf("after the restart 1000 Hz at %.1f dB, want -10; kinds %v", got, kinds)
	}
	if err := leg.AddCandidate("a=ice-ufrag:gone\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"); !errors.Is(err, webrtcleg.ErrStale) {
		t.Errorf("candidate of the old session: %v", err)
	}
	if leg.Err() != nil {
		t.Errorf("leg ended: %v", leg.Err())
	}
}

func TestLossAndSilence(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{})
	b, leg := connect(t, a, false)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := voice
	f.DTX, f.LossPercent = true, 10
	signal := append(testaudio.Tone(1000, 48000, 2*48000, -10), make([]int16, 2*48000)...)
	b.lose.Store(10)
	go b.talk(ctx, signal, f)
	heard, kinds, err := room(leg, pcm.Rate48k, 190, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := testaudio.Level(heard[48000:48000+24000], 1000, 48000); got < -15 {
		t.Errorf("with a tenth lost 1000 Hz at %.1f dB; kinds %v", got, kinds)
	}
	if kinds[media.Concealed] == 0 || kinds[media.Silence] < 30 {
		t.Errorf("kinds %v: want some concealed, and silence under DTX", kinds)
	}
	s := leg.Stats()
	t.Logf("kinds %v, lost %d, concealed %d, FEC %d", kinds, s.Lost, s.Concealed, s.FEC)
}

// The leg reports what it hears, and adds forward error correction when the browser reports loss.
func TestReports(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{})
	b, leg := connect(t, a, false)
	if f := leg.Format(); f != webrtcleg.DefaultFormat {
		t.Errorf("format %+v, want %+v", f, webrtcleg.DefaultFormat)
	}
	got := make(chan rtcp.Packet, 100)
	for _, s := range b.pc.GetSenders() {
		go func() {
			for {
				packets, _, err := s.ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range packets {
					got <- p
				}
			}
		}()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go b.talk(ctx, testaudio.Tone(1000, 48000, 8*48000, -10), voice)
	go func() { _, _, _ = room(leg, pcm.Rate8k, 350, testaudio.Tone(440, 48000, 8*48000, -10)) }()
	timer := time.NewTimer(7 * time.Second)
	defer timer.Stop()
	for heard := false; !heard; {
		select {
		case p := <-got:
			r, ok := p.(*rtcp.ReceiverReport)
			heard = ok && len(r.Reports) == 1
			if s, ok := p.(*rtcp.SenderReport); ok {
				heard = len(s.Reports) == 1 && s.PacketCount > 0
			}
		case <-timer.C:
			t.Fatal("no report came")
		}
	}
	ssrc := uint32(b.pc.GetReceivers()[0].Track().SSRC())
	tell := func(i uint32) {
		report := rtcp.ReceptionReport{SSRC: ssrc, FractionLost: 40, TotalLost: 10 * i, LastSequenceNumber: 1000 + i}
		if err := b.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{report}}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(4) {
		tell(i)
	}
	for until := time.Now().Add(2 * time.Second); leg.Format().LossPercent == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("format %+v after reports of loss; stats %+v", leg.Format(), leg.Stats())
		}
	}
	// The browser's own reports, which know of no loss, come between: the last one is told again.
	for until := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s := leg.Stats()
		if s.RemoteLost == 30 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("remote lost %d, want 30", s.RemoteLost)
		}
		tell(3)
	}
}

func TestTrickle(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{})
	b := newBrowser(t, false)
	offer := b.offer(nil)
	var bare, frag []string
	for line := range strings.Lines(offer) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "a=candidate"), strings.HasPrefix(line, "a=end-of"):
			frag = append(frag, line)
		default:
			bare = append(bare, line)
		}
		if strings.HasPrefix(line, "a=mid") || strings.HasPrefix(line, "a=ice-ufrag") || strings.HasPrefix(line, "m=") {
			frag = append(frag, line)
		}
	}
	local := make(chan string, 20)
	leg, answer, err := a.NewLeg(t.Context(), strings.Join(bare, "\r\n")+"\r\n", webrtcleg.Options{OnLocalCandidate: func(s string) { local <- s }})
	if err != nil {
		t.Fatal(err)
	}
	if err := leg.AddCandidate(strings.Join(frag, "\r\n") + "\r\n"); err != nil {
		t.Fatal(err)
	}
	b.accept(answer)
	wait(t, leg, media.EventConnected, 5*time.Second)
	if len(local) == 0 || !strings.Contains(<-local, "a=candidate:") {
		t.Error("no candidate of ours was told")
	}
}

func TestRefusals(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{TCPPort: -1})
	good := newBrowser(t, false).offer(nil)
	without := func(prefix string) string {
		var out strings.Builder
		for line := range strings.Lines(good) {
			if !strings.HasPrefix(line, prefix) {
				out.WriteString(line)
			}
		}
		return out.String()
	}
	for _, c := range []struct {
		name, offer string
		want        error
	}{
		{"nothing", "", webrtcleg.ErrMalformed},
		{"no sdp", "hello", webrtcleg.ErrMalformed},
		{"too long", good + strings.Repeat("a=x\r\n", 20000), webrtcleg.ErrMalformed},
		{"cut off", good[:40], webrtcleg.ErrMalformed},
		{"no media", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", webrtcleg.ErrUnusable},
		{"no opus", strings.ReplaceAll(good, "opus/48000", "ilbc/8000"), webrtcleg.ErrUnusable},
		{"audio refused", strings.ReplaceAll(good, "m=audio 9", "m=audio 0"), webrtcleg.ErrUnusable},
		{"no ice", without("a=ice-ufrag"), webrtcleg.ErrUnusable},
		{"no password", without("a=ice-pwd"), webrtcleg.ErrUnusable},
		{"no dtls", without("a=fingerprint"), webrtcleg.ErrUnusable},
		{"bad fingerprint", strings.ReplaceAll(good, "a=fingerprint:sha-256 ", "a=fingerprint:sha-256"), webrtcleg.ErrUnusable},
		{"bad payload type", strings.Replace(good, "SAVPF ", "SAVPF 999 ", 1), webrtcleg.ErrMalformed},
	} {
		leg, _, err := a.NewLeg(t.Context(), c.offer, webrtcleg.Options{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if leg != nil {
			_ = leg.Close()
		}
	}
	leg, _, err := a.NewLeg(t.Context(), good, webrtcleg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, frag := range []string{"", "hello", "a=candidate:rubbish\r\n", "m=audio 9 RTP/AVP 0\r\n"} {
		if err := leg.AddCandidate(frag); !errors.Is(err, webrtcleg.ErrMalformed) {
			t.Errorf("fragment %q: %v", frag, err)
		}
	}
	if _, err := leg.Restart(t.Context(), "hello"); !errors.Is(err, webrtcleg.ErrMalformed) {
		t.Errorf("restart with no sdp: %v", err)
	}
	conn, err := net.Dial("udp", "127.0.0.1:"+strconv.Itoa(a.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, stranger := range []string{"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl", "\x16\xfe\xfd hello", "\x80\x6f rtp", "\xff"} {
		if _, err := conn.Write([]byte(stranger)); err != nil {
			t.Fatal(err)
		}
	}
	for until := time.Now().Add(2 * time.Second); a.Stats().Foreign < 4; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%+v, want the strangers counted", a.Stats())
		}
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := a.NewLeg(t.Context(), good, webrtcleg.Options{}); !errors.Is(err, webrtcleg.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	for _, cfg := range []webrtcleg.Config{{UDPPort: -1}, {IPs: []string{"x"}}, {LostAfter: -1}} {
		if _, err := webrtcleg.NewAPI(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
