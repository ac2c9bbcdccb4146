package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/client"
	"github.com/cordboard/cordboard/signaling/wire"
)

// soon bounds a request of a test.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	context.AfterFunc(t.Context(), cancel)
	return ctx
}

// must is for requests that have to succeed.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks that a request was refused with a code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != code {
		t.Errorf("answered %v, want a refusal with code %s", err, code)
	}
}

// api is the server as an administrator's program sees it.
func (s *server) api() *client.Client { return client.New(s.http, s.admin) }

// configure replaces a part of the configuration before the server starts.
func (s *server) configure(old, replacement string) {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("%q is not in the configuration", old)
	}
	if err := os.WriteFile(s.config, []byte(strings.Replace(string(text), old, replacement, 1)), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// agent is a signed-in agent whose desktop is a test: the API and a WebRTC leg with a tone.
type agent struct {
	*client.Client
	t  *testing.T
	s  *server
	id string
	hz float64
	*peer
}

// signIn signs an agent in, with the grants of a role.
func (s *server) signIn(id, role string, hz float64) *agent {
	s.t.Helper()
	c := s.api().As(s.token("--agent", id, "--role", role))
	answer := must[wire.SessionAnswer](s.t)(c.PostSessions(soon(s.t), wire.SessionRequest{}))
	return &agent{Client: c.As(answer.Token.Token), t: s.t, s: s, id: id, hz: hz}
}

func (a *agent) String() string { return a.id }

// ready makes the agent ready.
func (a *agent) ready() *agent {
	a.t.Helper()
	must[wire.Agent](a.t)(a.PostAgentState(soon(a.t), a.id, wire.StateRequest{State: wire.AgentReady}))
	return a
}

// offered waits for an offer.
func (a *agent) offered() wire.Offer {
	a.t.Helper()
	var o wire.Offer
	waitFor(a.t, 10*time.Second, "an offer for "+a.id, func() bool {
		list, err := a.GetAgentOffers(soon(a.t), a.id)
		if err != nil || len(list.Items) == 0 {
			return false
		}
		o = list.Items[0]
		return true
	})
	return o
}

// takes accepts the next offer and brings the agent's voice into its call.
func (a *agent) takes() wire.Offer {
	a.t.Helper()
	o := a.offered()
	must[wire.Offer](a.t)(a.PostOfferAccept(soon(a.t), o.ID))
	a.joins(o.CallID)
	return o
}

// joins brings the agent's voice into a call, in place of an older leg's.
func (a *agent) joins(callID string) {
	a.t.Helper()
	if a.peer != nil {
		a.peer.close()
	}
	p, st, problem := joinPeer(a.t, a.s, a.Token(), wire.LegRequest{CallID: callID}, a.hz)
	if p == nil {
		a.t.Fatalf("%s's leg: %d %v", a.id, st, problem)
	}
	a.peer = p
}

// is waits until the agent is in a state.
func (a *agent) is(state wire.AgentState) wire.Agent {
	a.t.Helper()
	var now wire.Agent
	waitFor(a.t, 10*time.Second, fmt.Sprintf("%s is %s", a.id, state), func() bool {
		got, err := a.GetAgent(soon(a.t), a.id)
		now = got
		return err == nil && got.State == state
	})
	return now
}

// caller is a telephone with a tone, known to the server by a number.
func newCaller(t *testing.T, number string, hz float64) *phone {
	return newPhone(t, phoneOpts{user: number, wav: toneFile(t, hz, 8000, 1, 60), codec: "PCMU/8000/1"})
}

// calls dials and waits for the answer.
func (p *phone) calls(s *server, number string) {
	p.t.Helper()
	p.dial(s, number, "udp")
	p.wait("CALL_ESTABLISHED", 10*time.Second)
}

// handlingOf is how the desk handles a call.
func (s *server) handlingOf(callID string) wire.Handling {
	s.t.Helper()
	return must[wire.Handling](s.t)(s.api().GetCallHandling(soon(s.t), callID))
}
