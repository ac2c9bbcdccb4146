package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/signaling/wire"
)

// TestDeskOff: a server without a contact centre answers the media API, says of the rest that it is not there, and
// keeps nothing of it.
func TestDeskOff(t *testing.T) {
	dir := t.TempDir()
	cfg := defaults()
	cfg.under(dir)
	cfg.HTTP.Listen = "127.0.0.1:0"
	cfg.SIP.UDP, cfg.SIP.TCP = fmt.Sprintf("127.0.0.1:%d", evenPort(t)), ""
	cfg.SIP.RTPPortMin, cfg.SIP.RTPPortMax = 24000, 24499
	cfg.WebRTC.UDPPort, cfg.WebRTC.TCPPort, cfg.WebRTC.IPs, cfg.WebRTC.Loopback = evenPort(t), -1, []string{"127.0.0.1"}, true
	cfg.Log.Level, cfg.Desk.Enabled, cfg.ShutdownLimit = "error", false, 0
	n, token := startNode(t, cfg)
	ask := func(method, path, body string) (int, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.listener.Addr().String()+path, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b.Bytes()
	}
	status, b := ask("POST", "/v1/rooms", `{}`)
	var room wire.Room
	if err := json.Unmarshal(b, &room); status != http.StatusCreated || err != nil {
		t.Fatalf("a room: %d %s", status, b)
	}
	for path, want := range map[string]int{
		"/v1/calls/" + room.CallID: 200, "/v1/rooms/" + room.ID: 200, "/v1/recordings": 200, "/v1/webhooks": 200,
		"/v1/agents": 404, "/v1/queues": 404, "/v1/callbacks": 404, "/v1/campaigns": 404, "/v1/config/desk": 404, "/v1/wall": 404,
		"/v1/calls/" + room.CallID + "/handling": 404,
	} {
		status, b := ask("GET", path, "")
		var p wire.Problem
		if status != want || want == 404 && (json.Unmarshal(b, &p) != nil || p.Code != "desk_off") {
			t.Errorf("GET %s: %d %s", path, status, b)
		}
	}
	streams, err := filepath.Glob(filepath.Join(dir, "data/store/jetstream/*/streams/*"))
	if err != nil || len(streams) == 0 {
		t.Fatalf("no store at all: %v %v", streams, err)
	}
	for _, s := range streams {
		if name := filepath.Base(s); slices.Contains([]string{"desk", "contacts"}, name) {
			t.Errorf("the store has %s", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "data/keys/webhooks.key")); err != nil {
		t.Error(err)
	}
}
