package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/siptrunk"
	"github.com/cordboard/cordboard/signaling/wire"
)

// client speaks to a node's API with a token.
type client struct {
	t     *testing.T
	base  string
	token string
}

// ask sends one request and decodes the answer; it returns the status.
func (c client) ask(method, path, contentType, body string, out any) int {
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		c.t.Error(err)
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0 // the test is over
	}
	defer res.Body.Close()
	if out != nil && res.StatusCode < 300 {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			c.t.Error(err)
		}
	}
	return res.StatusCode
}

func (c client) must(method, path, body string, out any) {
	c.t.Helper()
	if got := c.ask(method, path, "application/json", body, out); got < 200 || got > 299 {
		c.t.Fatalf("%s %s: %d", method, path, got)
	}
}

// outboundNode starts a node with agents ana and bor, and sipp as the called side of its trunk.
func outboundNode(t *testing.T, change func(*config)) (*node, client) {
	t.Helper()
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed")
	}
	far := evenPort(t)
	phone := exec.CommandContext(t.Context(), sipp, "-sn", "uas", "-i", "127.0.0.1", "-p", fmt.Sprint(far), "-nostdin")
	if err := phone.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = phone.Process.Kill()
		_ = phone.Wait()
	})

	cfg := defaults()
	cfg.under(t.TempDir())
	cfg.HTTP.Listen = "127.0.0.1:0"
	cfg.SIP.UDP, cfg.SIP.TCP = fmt.Sprintf("127.0.0.1:%d", evenPort(t)), ""
	cfg.SIP.RTPPortMin, cfg.SIP.RTPPortMax = 24000, 24999
	cfg.SIP.Trunks = []siptrunk.Trunk{{Name: "out", Proxy: fmt.Sprintf("127.0.0.1:%d", far), Sources: []string{"127.0.0.1"}}}
	cfg.WebRTC.UDPPort, cfg.WebRTC.TCPPort, cfg.WebRTC.IPs, cfg.WebRTC.Loopback = evenPort(t), -1, []string{"127.0.0.1"}, true
	cfg.Log.Level, cfg.ShutdownLimit = "error", 0
	cfg.Mixer.MaxBusy, cfg.Mixer.MaxLate = 10, 1 // a busy machine refuses no leg here
	cfg.Desk.Queues = []desk.Queue{{ID: "main", Wrapup: desk.Seconds(1), NoRecording: true}}
	cfg.Desk.Agents = []desk.Agent{{ID: "ana"}, {ID: "bor"}}
	cfg.Desk.Callbacks.EntryPoints = []floor.EntryPoint{{Number: "0800", Trunk: "out"}}
	change(&cfg)
	n, token := startNode(t, cfg)
	return n, client{t, "http://" + n.listener.Addr().String(), token}
}

// ready signs an agent in and makes it ready. A desktop brings browser legs only; plain RTP takes a token
// that may do more.
func ready(t *testing.T, n *node, admin client, id string) client {
	t.Helper()
	var ses wire.SessionAnswer
	admin.must("POST", "/v1/sessions", fmt.Sprintf(`{"agent":%q}`, id), &ses)
	token, _, err := n.keys.Mint(auth.Claims{
		Agent: id, Session: ses.Session.ID, Grants: []string{"admin:*"}, LifeSeconds: 600, RegisteredClaims: jwt.RegisteredClaims{Subject: id},
	})
	if err != nil {
		t.Fatal(err)
	}
	me := client{t, admin.base, token}
	me.must("POST", "/v1/agents/me/state", `{"state":"ready"}`, nil)
	return me
}

// until polls until f says yes.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatal("never: " + what)
}

// TestE2E_CallbackWithVoiceMessage: sipp calls in and waits, leaves a message and hangs up; the agent is
// offered the callback, has its recording, dials, is answered by sipp, and completes it.
func TestE2E_CallbackWithVoiceMessage(t *testing.T) {
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed")
	}
	n, admin := outboundNode(t, func(c *config) { c.Desk.Numbers = []desk.Number{{Number: "*", Queue: "main"}} })
	caller := exec.CommandContext(t.Context(), sipp, "-sn", "uac", "-i", "127.0.0.1", "-p", fmt.Sprint(evenPort(t)), "-s", "1000", "-m", "1", "-d", "4000", "-nostdin", n.cfg.SIP.UDP)
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = caller.Process.Kill()
		_ = caller.Wait()
	}()
	var calls wire.CallList
	until(t, "the call is in the queue", func() bool {
		admin.must("GET", "/v1/calls", "", &calls)
		return len(calls.Items) > 0 && calls.Items[0].State == wire.CallConnected
	})
	admin.must("POST", "/v1/calls/"+calls.Items[0].ID+"/callback", `{"kind":"voice","number":"041555555","name":"Cene Customer"}`, nil)
	var list wire.CallbackList
	until(t, "the caller has hung up", func() bool {
		admin.must("GET", "/v1/callbacks", "", &list)
		return len(list.Items) == 1
	})
	cb := list.Items[0]
	if cb.Kind != wire.CallbackVoice || cb.Recording == "" || cb.State != wire.CallbackWaiting {
		t.Fatalf("%+v", cb)
	}
	me := ready(t, n, admin, "ana")
	var offers wire.OfferList
	until(t, "an offer", func() bool {
		me.must("GET", "/v1/agents/me/offers", "", &offers)
		return len(offers.Items) == 1
	})
	me.must("POST", "/v1/offers/"+offers.Items[0].ID+"/accept", "", nil)
	var leg wire.LegAnswer
	me.must("POST", "/v1/legs", fmt.Sprintf(`{"kind":"rtp","call_id":%q,"address":"127.0.0.1:%d","codec":"PCMU","role":"agent"}`, offers.Items[0].CallID, evenPort(t)), &leg)
	state := func(want wire.CallbackState) func() bool {
		return func() bool {
			me.must("GET", "/v1/callbacks/"+cb.ID, "", &cb)
			return cb.State == want
		}
	}
	until(t, "the agent looks at it", state(wire.CallbackPreview))
	me.must("POST", "/v1/callbacks/"+cb.ID+"/dial", "{}", nil)
	until(t, "the customer answers", state(wire.CallbackTalking))
	me.must("POST", "/v1/legs/"+leg.Leg.ID+"/hangup", "", nil)
	until(t, "they have talked", state(wire.CallbackReached))
	me.must("POST", "/v1/callbacks/"+cb.ID+"/complete", "{}", &cb)
	if cb.State != wire.CallbackCompleted || cb.Attempts != 1 {
		t.Errorf("%+v", cb)
	}
}
