//go:build !race

package webrtcleg

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// secured is a leg past its handshake, whose browser is a socket that nobody reads, and the browser's cipher.
func secured(t *testing.T, profile srtp.ProtectionProfile) (*Leg, *srtp.Context) {
	t.Helper()
	a, err := NewAPI(Config{IPs: []string{"127.0.0.1"}, TCPPort: -1, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	l, _, err := a.NewLeg(t.Context(), chromiumOffer, Options{})
	if err != nil {
		t.Fatal(err)
	}
	sink, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	k := &keys{profile: profile, SessionKeys: srtp.SessionKeys{LocalMasterKey: bytes.Repeat([]byte{1}, 16), LocalMasterSalt: make([]byte, 14)}}
	if profile == srtp.ProtectionProfileAeadAes128Gcm {
		k.LocalMasterSalt = make([]byte, 12)
	}
	browser, err := srtp.CreateContext(k.LocalMasterKey, k.LocalMasterSalt, profile)
	if err != nil {
		t.Fatal(err)
	}
	in, err := srtp.CreateContext(k.LocalMasterKey, k.LocalMasterSalt, profile, srtp.SRTPReplayProtection(replayWindow))
	if err != nil {
		t.Fatal(err)
	}
	l.route.Store(&route{via: a.ports[0].(*socket), to: sink.LocalAddr().(*net.UDPAddr).AddrPort()})
	if err := l.open(k, in); err != nil {
		t.Fatal(err)
	}
	return l, browser
}

// A packet in, a packet out and a packet handed on cost no allocation, whichever the cipher.
func TestPacketAllocation(t *testing.T) {
	for name, profile := range map[string]srtp.ProtectionProfile{
		"gcm": srtp.ProtectionProfileAeadAes128Gcm, "ctr": srtp.ProtectionProfileAes128CmHmacSha1_80,
	} {
		l, browser := secured(t, profile)
		payload := make([]byte, 80)
		payload[0] = 0xf8
		tick := uint64(0)
		write := func() {
			l.WriteFrame(media.OutFrame{Payload: payload, Tick: tick, Level: 20, Voice: true})
			tick++
		}
		if n := testing.AllocsPerRun(300, write); n != 0 {
			t.Errorf("%s: %v allocations for a packet out", name, n)
		}
		p := media.Packet{Codec: media.Opus, Duration: 960, SSRC: 9, Payload: payload, Level: media.LevelUnknown}
		if !l.Relays(media.Opus, pcm.Period) || !l.BeginRelay(tick, p.TS) {
			t.Fatalf("%s: nothing can be handed on", name)
		}
		relay := func() {
			l.RelayPacket(&p)
			l.WriteFrame(media.OutFrame{Tick: tick, Level: 127})
			tick++
			p.Seq++
			p.TS += 960
		}
		if n := testing.AllocsPerRun(300, relay); n != 0 {
			t.Errorf("%s: %v allocations for a packet handed on", name, n)
		}
		if s := l.Stats(); s.PacketsOut < 600 || s.SendDropped > 0 {
			t.Errorf("%s: %d packets out, %d dropped", name, s.PacketsOut, s.SendDropped)
		}
		packets := make([][]byte, 400)
		for i := range packets {
			h := rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: uint16(i), Timestamp: uint32(i * 960), SSRC: 7}
			if err := h.SetExtension(1, []byte{30}); err != nil {
				t.Fatal(err)
			}
			raw, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
			if err == nil {
				packets[i], err = browser.EncryptRTP(nil, raw, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		i, now := 0, time.Now()
		take := func() {
			l.api.take(l.api.ports[0].(*socket), netip.AddrPort{}, l, packets[i], now)
			i++
			l.Skip()
		}
		for range 50 {
			take()
		}
		if n := testing.AllocsPerRun(300, take); n != 0 {
			t.Errorf("%s: %v allocations for a packet in", name, n)
		}
		if s := l.Stats(); s.PacketsIn != uint64(i) || s.Malformed > 0 {
			t.Errorf("%s: %d of %d packets in, %d refused", name, s.PacketsIn, i, s.Malformed)
		}
		forged := bytes.Clone(packets[i])
		forged[20] ^= 1
		l.take(forged, now)
		l.take(packets[i], now)
		if s := l.Stats(); s.Malformed != 1 || s.PacketsIn != uint64(i)+1 {
			t.Errorf("%s: a forged packet: %d refused, %d in", name, s.Malformed, s.PacketsIn)
		}
	}
}
