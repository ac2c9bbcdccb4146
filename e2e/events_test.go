package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/cordboard/cordboard/signaling/wire"
)

// eventLog keeps every event of a server from the first on, as a client of the API sees them.
type eventLog struct {
	mu   sync.Mutex
	list []wire.Event
}

// follow reads the events until the test ends.
func (s *server) follow() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, strings.Replace(s.http, "http", "ws", 1)+"/v1/events?cursor=0",
		&websocket.DialOptions{Subprotocols: []string{"cordboard.v1", "bearer." + s.admin}})
	if err != nil {
		s.t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	log := &eventLog{}
	s.seen = log
	go func() {
		defer conn.CloseNow()
		for {
			_, b, err := conn.Read(ctx)
			if err != nil {
				return
			}
			var f struct {
				Event *wire.Event `json:"event"`
			}
			if json.Unmarshal(b, &f) == nil && f.Event != nil {
				log.mu.Lock()
				log.list = append(log.list, *f.Event)
				log.mu.Unlock()
			}
		}
	}()
}

// events lists the events of one type so far.
func (s *server) events(typ string) []wire.Event {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	var out []wire.Event
	for _, e := range s.seen.list {
		if e.Type == typ {
			out = append(out, e)
		}
	}
	return out
}

// event waits for the first event of a type.
func (s *server) event(typ string) wire.Event {
	s.t.Helper()
	waitFor(s.t, 5*time.Second, "event "+typ, func() bool { return len(s.events(typ)) > 0 })
	return s.events(typ)[0]
}

// decodeTrack decodes a track with a tool that is not ours to 8 kHz: opusdec, or of samples of G.711 sox.
func decodeTrack(t *testing.T, b []byte) []int16 {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "track.opus"), filepath.Join(dir, "track.wav")
	plain := bytes.HasPrefix(b, []byte("RIFF"))
	if plain {
		in = out
	}
	if err := os.WriteFile(in, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if plain {
		return at8k(t, in)
	}
	if text, err := exec.Command("opusdec", "--quiet", "--rate", "48000", "--force-wav", in, out).CombinedOutput(); err != nil {
		t.Fatalf("opusdec: %v: %s", err, text)
	}
	return at8k(t, out)
}

func sha(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func reloadPage() chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error { return page.Reload().Do(ctx) })
}

// waitTalking waits until the page shows the call and hears the other side.
func (d *desktop) waitTalking(limit time.Duration) {
	d.t.Helper()
	d.see("call-card", limit)
	waitFor(d.t, limit, "media after the reload", func() bool {
		var state string
		d.run(2*time.Second, "connection state", chromedp.Evaluate(`(window.__e2e.pcs.at(-1) || {}).connectionState || ''`, &state))
		return state == "connected"
	})
}
