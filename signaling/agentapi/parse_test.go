package agentapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestParseFragment(t *testing.T) {
	cand := "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n"
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"candidate":              {"m=audio 9 X 0\r\na=mid:0\r\n" + cand, true},
		"credentials":            {"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n" + cand, true},
		"bare newlines":          {"a=mid:0\na=end-of-candidates\n", true},
		"other attributes":       {"a=ice-options:trickle ice2\r\na=group:BUNDLE 0\r\n", true},
		"empty":                  {"", true},
		"20 candidates":          {strings.Repeat(cand, 20), true},
		"21 candidates":          {strings.Repeat(cand, 21), false},
		"half credentials":       {"a=ice-ufrag:abcd\r\n", false},
		"short password":         {"a=ice-ufrag:abcd\r\na=ice-pwd:0123\r\n", false},
		"odd characters":         {"a=ice-ufrag:ab d\r\na=ice-pwd:0123456789012345678901\r\n", false},
		"two sections":           {"m=audio 9 X 0\r\nm=video 9 X 0\r\n", false},
		"no SDP":                 {"candidate:1 1 udp", false},
		"JSON":                   {`{"candidate":""}`, false},
		"cut candidate":          {"a=candidate:1 1 udp\r\n", false},
		"carriage return inside": {"a=mid:0\ra=x\r\n", false},
		"NUL":                    {"a=mid:\x00\r\n", false},
	} {
		if _, err := parseFragment(c.text); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is accepted prints as something that is accepted and means the same; nothing a client sends can put
// a line of its own into an SDP.
func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=end-of-candidates\r\n")
	f.Add("m=audio 9 X 0\na=mid:audio\n")
	f.Add("a=candidate:1 1 udp 1 x y z w\r")
	f.Fuzz(func(t *testing.T, text string) {
		frag, err := parseFragment(text)
		if err != nil {
			if problem.As(err).Status != 400 {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(frag.candidates) > maxCandidates {
			t.Fatalf("%d candidates", len(frag.candidates))
		}
		printed := frag.String()
		again, err := parseFragment(printed)
		if err != nil {
			t.Fatalf("%q prints as %q: %v", text, printed, err)
		}
		if again.String() != printed || again.ufrag != frag.ufrag || len(again.candidates) != len(frag.candidates) {
			t.Fatalf("%q prints as %q and then as %q", text, printed, again.String())
		}
		offer := frag.applyTo(offerSDP)
		if got, want := strings.Count(offer, "\nm="), 1; got != want {
			t.Fatalf("%d media sections in\n%s", got, offer)
		}
		if frag.ufrag != "" && frag.restarts(offer) {
			t.Fatalf("credentials not taken over:\n%s", offer)
		}
	})
}

func TestParseFrame(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"command":       {`{"id":"r1","method":"GET","path":"/v1/queues"}`, true},
		"with a body":   {`{"id":"r1","method":"POST","path":"/v1/calls","body":{"to":"1"},"idempotency_key":"k","if_match":"\"1\""}`, true},
		"token":         {`{"auth":"x.y.z"}`, true},
		"no id":         {`{"method":"GET","path":"/v1/queues"}`, false},
		"long id":       {`{"id":"` + strings.Repeat("x", 129) + `"}`, false},
		"number id":     {`{"id":1,"method":"GET","path":"/v1/queues"}`, false},
		"unknown field": {`{"id":"r1","method":"GET","path":"/v1/queues","x":1}`, false},
		"both":          {`{"auth":"x","id":"r1"}`, false},
		"empty token":   {`{"auth":""}`, false},
		"a list":        {`[]`, false},
		"null":          {`null`, false},
		"no JSON":       {`hello`, false},
		"two values":    {`{"auth":"x"}{}`, false},
	} {
		if _, err := parseFrame(websocket.MessageText, []byte(c.text)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parseFrame(websocket.MessageBinary, []byte(`{"auth":"x"}`)); err == nil {
		t.Error("a binary frame was taken")
	}
}

// A frame is a token or a command with an id, never both; a command's request never leaves /v1/.
func FuzzFrame(f *testing.F) {
	f.Add([]byte(`{"id":"r1","method":"POST","path":"/v1/calls?x=1","body":{"to":"1"},"content_type":"application/json"}`))
	f.Add([]byte(`{"id":"r1","method":"PATCH","path":"/v1/legs/x","body":"a=mid:0","content_type":"application/trickle-ice-sdpfrag"}`))
	f.Add([]byte(`{"auth":"x.y.z"}`))
	f.Add([]byte(`{"id":"r1","method":"G T","path":"//evil.example/v1/"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := parseFrame(websocket.MessageText, b)
		if err != nil {
			return
		}
		if (frame.auth == "") == (frame.command.ID == "") {
			t.Fatalf("%q: token %q and command %+v", b, frame.auth, frame.command)
		}
		if frame.auth != "" {
			return
		}
		r, err := commandRequest(t.Context(), frame.command)
		if err != nil {
			return
		}
		if !strings.HasPrefix(r.URL.Path, "/v1/") || r.URL.Host != "" {
			t.Fatalf("%q asks for %s", b, r.URL)
		}
		if strings.ContainsAny(r.Method, " \r\n") {
			t.Fatalf("%q has method %q", b, r.Method)
		}
	})
}

// Whatever decodeStrict takes holds no control character and survives a round trip; whatever it refuses is
// 400 or 422.
func FuzzStrict(f *testing.F) {
	f.Add([]byte(`{"to":"1","variables":{"a":"b"}}`))
	f.Add([]byte(`{"to":null}`))
	f.Add([]byte(`{"to":"1","to":"2"}`))
	f.Add([]byte("{\"to\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var in wire.CallRequest
		if err := decodeStrict(b, &in); err != nil {
			if s := problem.As(err).Status; s != 400 && s != 422 {
				t.Fatalf("%q: %v", b, err)
			}
			return
		}
		if strings.ContainsAny(in.To+in.From+in.FromName+in.Trunk+in.ClientRef, "\r\n\x00") {
			t.Fatalf("%q lets a control character through", b)
		}
		out, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var again wire.CallRequest
		if err := decodeStrict(out, &again); err != nil {
			t.Fatalf("%q prints as %q: %v", b, out, err)
		}
	})
}
