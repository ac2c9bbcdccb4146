package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// peer is a WebRTC party of pion's that sends a tone and keeps what it hears, decoded to 48 kHz.
type peer struct {
	t   *testing.T
	pc  *webrtc.PeerConnection
	leg wire.Leg

	mu    sync.Mutex
	heard []int16
	stop  chan struct{}
	once  sync.Once
}

// newPeer joins a call with a leg of its own. status is the answer's; the peer is nil unless it is 201.
func newPeer(t *testing.T, s *server, callID string, hz float64) (p *peer, status int, problem map[string]any) {
	return joinPeer(t, s, s.admin, wire.LegRequest{CallID: callID}, hz)
}

// joinPeer is newPeer with a token and a request, to which the offer is added.
func joinPeer(t *testing.T, s *server, token string, req wire.LegRequest, hz float64) (p *peer, status int, problem map[string]any) {
	t.Helper()
	p = &peer{t: t, stop: make(chan struct{})}
	var track *webrtc.TrackLocalStaticRTP
	if p.pc, track, p.leg, status, problem = connectPeer(t, s, token, req, p.receive); track == nil {
		return nil, status, problem
	}
	t.Cleanup(p.close)
	go p.sing(track, hz)
	return p, status, nil
}

// connectPeer connects a WebRTC party that sends and receives Opus, by a request to which the offer is added. track is
// nil where the server refuses; else the connection is the caller's to close.
func connectPeer(t *testing.T, s *server, token string, req wire.LegRequest, receive func(*webrtc.TrackRemote)) (pc *webrtc.PeerConnection, track *webrtc.TrackLocalStaticRTP, leg wire.Leg, status int, problem map[string]any) {
	t.Helper()
	var me webrtc.MediaEngine
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"},
		PayloadType:        111,
	}, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&me), webrtc.WithSettingEngine(se))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() }) // a second time does no harm
	track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "audio", "peer")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { receive(tr) })
	connected := make(chan struct{})
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			close(connected)
		}
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	var raw struct {
		wire.LegAnswer
		Code string `json:"code"`
	}
	req.SDP = pc.LocalDescription().SDP
	if status, err = s.request(token, http.MethodPost, "/v1/legs", req, &raw); err != nil {
		t.Fatal(err)
	}
	if status != http.StatusCreated {
		return pc, nil, wire.Leg{}, status, map[string]any{"code": raw.Code}
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: raw.SDP}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-connected:
	case <-time.After(10 * time.Second):
		t.Fatal("peer not connected within 10 s")
	}
	return pc, track, raw.Leg, status, nil
}

// sing sends the tone in real time until the peer is closed.
func (p *peer) sing(track *webrtc.TrackLocalStaticRTP, hz float64) {
	enc, err := codec.NewEncoder(format(media.Opus), pcm.Rate48k)
	if err != nil {
		p.t.Error(err)
		return
	}
	tone := testaudio.Tone(hz, 48000, 48000, -24) // whole hertz: one second repeats without a seam
	var frame pcm.Frame
	buf := make([]byte, 12+codec.MaxPayload)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		frame.SetRate(pcm.Rate48k)
		copy(frame.Samples(), tone[n%50*960:])
		k, err := enc.Encode(buf[12:], &frame)
		if err != nil {
			p.t.Error(err)
			return
		}
		ts := uint32(n * 960)
		copy(buf, []byte{0x80, 111, byte(n >> 8), byte(n), byte(ts >> 24), byte(ts >> 16), byte(ts >> 8), byte(ts), 0, 0, 0, 1})
		if _, err := track.Write(buf[:12+k]); err != nil {
			return
		}
	}
}

func (p *peer) receive(tr *webrtc.TrackRemote) {
	dec, err := codec.NewDecoder(media.Opus)
	if err != nil {
		p.t.Error(err)
		return
	}
	out := make([]int16, 5760)
	for {
		pkt, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		if len(pkt.Payload) == 0 {
			continue
		}
		n, err := dec.Decode(out, pkt.Payload, pcm.Rate48k)
		if err != nil {
			p.t.Errorf("peer got a bad packet: %v", err)
			return
		}
		p.mu.Lock()
		p.heard = append(p.heard, out[:n]...)
		p.mu.Unlock()
	}
}

// hears says which tones the peer heard in the last half second.
func (p *peer) hears(tones []float64) []float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.heard) < 24000 {
		return nil
	}
	return hears(p.heard[len(p.heard)-24000:], 48000, tones)
}

func (p *peer) close() {
	p.once.Do(func() {
		close(p.stop)
		_ = p.pc.Close()
	})
}

func (p *peer) String() string { return fmt.Sprintf("peer %s", p.leg.ID) }
