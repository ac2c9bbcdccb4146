package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/signaling/wire"
)

// hookConfig takes the hook's address by strings.Replace.
const hookConfig = `[egress]
allow = ["127.0.0.1/32"]
[[desk.hooks]]
id = "crm"
url = "HOOK"
timeout = "1s"
failures = 100
secret = 2
old_secret_till = "2999-01-01T00:00:00Z"
[[desk.skills]]
id = "french"
`

// TestRoutingHook: a program outside is asked, over HTTP and signed with both secrets, about each call of a telephone.
// It chooses an agent and the other one, or the skill that one of them has; it says nothing in time, answers what
// nobody can read, and chooses what there is not: then the call goes where the number says, and rings all the same.
func TestRoutingHook(t *testing.T) {
	var mu sync.Mutex
	var answer http.HandlerFunc
	var asked []wire.RouteRequest
	var secrets []hooksig.Secret
	stalled := make(chan struct{})
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // who asked has gone
		}
		mu.Lock()
		var q wire.RouteRequest
		if err := json.Unmarshal(body, &q); err != nil {
			t.Errorf("asked %s: %v", body, err)
		}
		for i, s := range secrets {
			if err := hooksig.Verify(r.Header, body, time.Now(), s); err != nil {
				t.Errorf("secret %d: %v", i+1, err)
			}
		}
		asked = append(asked, q)
		f := answer
		mu.Unlock()
		f(w, r)
	}))
	defer hook.Close()
	defer close(stalled)
	s := newServer(t, strings.Replace(hookConfig, "HOOK", hook.URL, 1))
	s.configure(`numbers = [{ number = "1000", queue = "service" }]`, `numbers = [{ number = "1000", queue = "service", hook = "crm" }]`)
	s.configure(`ring = "4s"`, `ring = "1m"`)
	s.configure(`{ id = "bob", name = "Bob" }`, `{ id = "bob", name = "Bob", skills = [{ skill = "french", level = 6 }] }`)
	for _, n := range []string{"1", "2"} {
		out, err := exec.Command(binary, "secret", "--config", s.config, "crm", n).Output()
		if err != nil {
			t.Fatal(err)
		}
		secret, err := hooksig.Parse(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	if secrets[0] == secrets[1] {
		t.Fatal("both secrets are the same")
	}
	s.start()
	s.signIn("alice", "agent", toneAlice).ready()
	s.signIn("bob", "agent", toneBob).ready()
	p := newCaller(t, "041000111", toneCaller)
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	for i, c := range []struct {
		name    string
		answer  http.HandlerFunc
		outcome wire.RouteOutcome
		agent   string // who must be offered the call; "": anybody
	}{
		{"chooses one agent", text(`{"agent":"bob"}`), wire.RouteChosen, "bob"},
		{"chooses the other", text(`{"agent":"alice","priority":7}`), wire.RouteChosen, "alice"},
		{"chooses by skill", text(`{"skills":[{"skill":"french","level":5}]}`), wire.RouteChosen, "bob"},
		{"says nothing in time", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-stalled:
			}
		}, wire.RouteTimeout, ""},
		{"answers nonsense", text("<html>welcome</html>"), wire.RouteFailed, ""},
		{"chooses an agent there is not", text(`{"agent":"zoe"}`), wire.RouteRefused, ""},
		{"asks for what nobody has", text(`{"skills":[{"skill":"french","level":9}]}`), wire.RouteRefused, ""},
	} {
		mu.Lock()
		answer = c.answer
		mu.Unlock()
		p.dial(s, "1000", "udp")
		var o wire.Offer
		waitFor(t, 20*time.Second, c.name+": an offer", func() bool {
			list := s.events("offer.created")
			if len(list) > i {
				decode(t, list[i].Data, &o)
			}
			return len(list) > i
		})
		var r wire.Routed
		waitFor(t, 5*time.Second, c.name+": call.routed", func() bool {
			list := s.events("call.routed")
			if len(list) > i {
				decode(t, list[i].Data, &r)
			}
			return len(list) > i
		})
		if r.Outcome != c.outcome || r.CallID != o.CallID || r.Hook != "crm" || o.Queue != "service" || c.agent != "" && o.Agent != c.agent {
			t.Errorf("%s: %+v, offered to %s of queue %s", c.name, r, o.Agent, o.Queue)
		}
		mu.Lock()
		if q := asked[len(asked)-1]; len(asked) != i+1 || q.CallID != o.CallID || q.To != "1000" || q.From != "041000111" || q.Queue != "service" {
			t.Errorf("%s: asked %d times, last %+v", c.name, len(asked), q)
		}
		mu.Unlock()
		p.command("hangup", "")
		waitFor(t, 10*time.Second, c.name+": the ring ends", func() bool { return len(s.events("offer.withdrawn")) == i+1 })
	}
	// Of the five answers that chose something the desk refused two.
	for metric, want := range map[string]float64{"cordboard_routing_chosen_total": 5, "cordboard_routing_timeouts_total": 1, "cordboard_routing_failures_total": 1} {
		if n := s.metric(metric); n != want {
			t.Errorf("%s is %v, want %v", metric, n, want)
		}
	}
}
