package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

// Browsers brings WebRTC parties to a Generator. Each has a port of its own.
type Browsers struct {
	g   *Generator
	api *webrtc.API

	mu    sync.Mutex // guards peers
	peers []*webrtc.PeerConnection
	reads sync.WaitGroup
}

var opusCapability = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}

// NewBrowsers makes the parties' side of WebRTC, on loopback.
func NewBrowsers(g *Generator) (*Browsers, error) {
	var m webrtc.MediaEngine
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opusCapability, PayloadType: webrtc.PayloadType(Opus.PT)}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("load: register opus: %w", err)
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	var se webrtc.SettingEngine
	se.LoggerFactory = quiet
	se.SetIncludeLoopbackCandidate(true)
	se.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithInterceptorRegistry(new(interceptor.Registry)), webrtc.WithSettingEngine(se))
	return &Browsers{g: g, api: api}, nil
}

// Add connects a party: offer is given its SDP offer and returns the server's answer. It returns when the
// party can speak.
func (b *Browsers) Add(ctx context.Context, room, index int, voice *Stream, offer func(ctx context.Context, sdp string) (string, error)) (*Party, error) {
	pc, err := b.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("load: peer connection: %w", err)
	}
	b.mu.Lock()
	b.peers = append(b.peers, pc)
	b.mu.Unlock()
	track, err := webrtc.NewTrackLocalStaticRTP(opusCapability, "voice", "party")
	if err != nil {
		return nil, fmt.Errorf("load: track: %w", err)
	}
	sender, err := pc.AddTrack(track)
	if err != nil {
		return nil, fmt.Errorf("load: add track: %w", err)
	}
	b.reads.Go(func() { drain(sender) })
	p := &Party{Room: room, Index: index, track: track}
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buf := make([]byte, 1500)
		for {
			n, _, err := t.Read(buf)
			if err != nil {
				return
			}
			p.hear(buf[:n], time.Now())
		}
	})
	up := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(up) })
		}
	})
	local, err := pc.CreateOffer(nil)
	if err != nil {
		return nil, fmt.Errorf("load: offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(local); err != nil {
		return nil, fmt.Errorf("load: offer: %w", err)
	}
	<-gathered
	answer, err := offer(ctx, pc.LocalDescription().SDP)
	if err != nil {
		return nil, err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return nil, fmt.Errorf("load: answer: %w", err)
	}
	select {
	case <-up:
	case <-ctx.Done():
		return nil, fmt.Errorf("load: connect: %w", context.Cause(ctx))
	case <-time.After(10 * time.Second):
		return nil, errors.New("load: a WebRTC party does not connect")
	}
	b.g.seat(p, voice)
	return p, nil
}

// drain reads RTCP, which pion wants to be read.
func drain(r *webrtc.RTPSender) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := r.Read(buf); err != nil {
			return
		}
	}
}

// Close hangs up for all parties.
func (b *Browsers) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, pc := range b.peers {
		errs = append(errs, pc.Close())
	}
	b.reads.Wait()
	return errors.Join(errs...)
}
