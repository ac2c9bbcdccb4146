package client_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/cordboard/cordboard/signaling/wire"
)

// The examples of docs/clients.md are code that is tested: example_test.go, and the desktop's link/example.ts.
func TestDocsShowTheExamples(t *testing.T) {
	read := func(path string) string {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	doc := read("../docs/clients.md")
	_, body, _ := strings.Cut(read("example_test.go"), "// watch prints")
	if !strings.Contains(doc, "```go\n// watch prints"+body+"```\n") {
		t.Error("docs/clients.md does not show the code of client/example_test.go")
	}
	ts := strings.Replace(read("../web/ui/src/link/example.ts"), "'../client'", "'./cordboard.js'", 1)
	if !strings.Contains(doc, "```ts\n"+ts+"```\n") {
		t.Error("docs/clients.md does not show the code of web/ui/src/link/example.ts")
	}
}

// The example works.
func TestExample(t *testing.T) {
	asked := make(chan string, 4)
	full := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/events" {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			asked <- fmt.Sprintf("%s %s %s %s", r.Method, r.URL.Path, r.Header.Get("Idempotency-Key"), b)
			if full {
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprint(w, `{"code":"overloaded","status":503,"retry_after":7}`)
				return
			}
			fmt.Fprint(w, `{"id":"call_1"}`)
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{wire.Protocol}})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		for _, frame := range []string{
			`{"hello":{"seq":2}}`, `{"event":{"seq":1,"type":"call.created","call_id":"call_1","data":{"id":"call_1","to":"+38640111222"}}}`,
			`{"event":{"seq":2,"type":"leg.answered","call_id":"call_1","data":{"id":"leg_1","address":"192.0.2.1"}}}`,
		} {
			if err := conn.Write(t.Context(), websocket.MessageText, []byte(frame)); err != nil {
				t.Error(err)
			}
		}
		_, _, _ = conn.Read(t.Context()) // until the example is done
	}))
	defer s.Close()
	if err := watch(t.Context(), s.URL, "tok"); err == nil || err.Error() != "the server is full, ask again in 7 s" {
		t.Errorf("a full server: %v", err)
	}
	full = false
	if err := watch(t.Context(), s.URL, "tok"); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		`POST /v1/calls first-call {"to":"+38640111222"}`, `POST /v1/calls first-call {"to":"+38640111222"}`, "POST /v1/calls/call_1/end  {}",
	} {
		if got := <-asked; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
}
