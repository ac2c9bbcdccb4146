package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/signaling/wire"
)

// evenPort is a UDP port that is free, and so is the one above it.
func evenPort(t *testing.T) int {
	t.Helper()
	for range 100 {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		port := c.LocalAddr().(*net.UDPAddr).Port
		up, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1})
		c.Close()
		if err == nil {
			up.Close()
			if port%2 == 0 {
				return port
			}
		}
	}
	t.Fatal("no free ports")
	return 0
}

// TestFFmpegTalksToFFmpeg is the example of docs/protocol.md: one ffmpeg sends a tone into a room over plain
// RTP, another writes down what the room sends.
func TestFFmpegTalksToFFmpeg(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	dir := t.TempDir()
	cfg := defaults()
	cfg.under(dir)
	cfg.HTTP.Listen = "127.0.0.1:0"
	cfg.SIP.UDP, cfg.SIP.TCP = fmt.Sprintf("127.0.0.1:%d", evenPort(t)), ""
	cfg.SIP.RTPPortMin, cfg.SIP.RTPPortMax = 23000, 23999
	cfg.WebRTC.UDPPort, cfg.WebRTC.TCPPort, cfg.WebRTC.IPs, cfg.WebRTC.Loopback = evenPort(t), -1, []string{"127.0.0.1"}, true
	cfg.Log.Level, cfg.Desk.Enabled, cfg.ShutdownLimit = "error", false, 0
	n, token := startNode(t, cfg)
	post := func(path, body string, out any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.listener.Addr().String()+path, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			var p wire.Problem
			_ = json.NewDecoder(res.Body).Decode(&p)
			t.Fatalf("%s: %d %+v", path, res.StatusCode, p)
		}
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
	var room wire.Room
	post("/v1/rooms", `{}`, &room)
	join := func(port int, rest string) netip.AddrPort {
		t.Helper()
		var a wire.LegAnswer
		post("/v1/legs", fmt.Sprintf(`{"kind":"rtp","call_id":%q,"address":"127.0.0.1:%d",%s}`, room.CallID, port, rest), &a)
		return netip.MustParseAddrPort(a.Address)
	}
	speaker, listener := evenPort(t), evenPort(t)
	to := join(speaker, `"codec":"PCMU"`)
	join(listener, `"codec":"opus","payload_type":111`)

	sdp := filepath.Join(dir, "leg.sdp")
	text := fmt.Sprintf("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio %d RTP/AVP 111\na=rtpmap:111 opus/48000/2\n", listener)
	if err := os.WriteFile(sdp, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	heard := filepath.Join(dir, "heard.wav")
	run := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		var errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), ffmpeg, append([]string{"-hide_banner", "-loglevel", "error", "-nostdin", "-y"}, args...)...)
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, &errs
	}
	send, sendErr := run("-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000", "-t", "8", "-c:a", "pcm_mulaw",
		"-f", "rtp", fmt.Sprintf("rtp://%v?localrtpport=%d&pkt_size=172", to, speaker))
	time.Sleep(500 * time.Millisecond)
	listen, listenErr := run("-protocol_whitelist", "file,udp,rtp", "-i", sdp, "-t", "3", "-ac", "1", "-ar", "8000", heard)
	if err := listen.Wait(); err != nil {
		t.Fatalf("listening: %v: %s; sending: %s", err, listenErr, sendErr)
	}
	_ = send.Process.Kill()
	_ = send.Wait()
	samples, rate, channels, err := testaudio.ReadWAV(heard)
	if err != nil || rate != 8000 || channels != 1 || len(samples) < 2*8000 {
		t.Fatalf("%d samples at %d, %d channels, %v", len(samples), rate, channels, err)
	}
	level, clean := -200.0, -200.0 // of the best quarter of a second: how busy the machine is is not the question
	for part := range slices.Chunk(samples[8000:], 2000) {
		if c := testaudio.SINAD(part, 440, 8000); len(part) == 2000 && c > clean {
			level, clean = testaudio.Level(part, 440, 8000), c
		}
	}
	if level < -25 || clean < 20 {
		t.Errorf("the tone arrives at %.1f dB with %.1f dB of everything else below it", level, clean)
	}
	t.Logf("the tone arrives at %.1f dB with %.1f dB of everything else below it", level, clean)
}
