package siptrunk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/problem"
)

// sipp runs one scenario of testdata against a server, once, and fails the test with sipp's own words.
func sipp(t *testing.T, scenario, network string, to netip.AddrPort, args ...string) {
	t.Helper()
	c := sippCommand(t, scenario, network, append(args, to.String())...)
	out, err := c.CombinedOutput()
	report(t, c, out, err)
}

func report(t *testing.T, c *exec.Cmd, out []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	errs, _ := filepath.Glob(filepath.Join(c.Dir, "*_errors.log"))
	for _, f := range errs {
		b, _ := os.ReadFile(f)
		out = append(out, b...)
	}
	t.Fatalf("sipp: %v\n%s", err, out[max(0, len(out)-6000):])
}

func sippCommand(t *testing.T, scenario, network string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("sipp")
	if err != nil {
		t.Fatal("sipp is not installed (Debian: sip-tester)")
	}
	// "name: status" is the scenario with that status in the place of 486.
	name, status, replace := strings.Cut(scenario, ": ")
	text, err := os.ReadFile(filepath.Join("testdata", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	if replace {
		text = bytes.ReplaceAll(text, []byte("486 Busy Here"), []byte(status))
	}
	dir := t.TempDir()
	file := filepath.Join(dir, name+".xml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	mode := "u1"
	if network == "tcp" {
		mode = "t1"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, path, append([]string{
		"-t", mode, "-m", "1", "-nostdin", "-mi", "127.0.0.1",
		"-timeout", "20s", "-timeout_error", "-recv_timeout", "8000", "-trace_err", "-s", "49301000",
	}, append(args, "-sf", file)...)...)
	c.Dir = dir
	c.Env = append(os.Environ(), "TERM=dumb")
	return c
}

// doing is a desk that runs act on each call in a goroutine of its own.
func doing(act func(ctx context.Context, in call.Inbound)) *desk {
	h := &desk{}
	h.act = func(in call.Inbound, _ *told) error {
		h.wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			act(ctx, in)
		})
		return nil
	}
	return h
}

func refusing(err error) *desk { return &desk{act: func(call.Inbound, *told) error { return err }} }

func TestSippCaller(t *testing.T) {
	ringing := func() *desk {
		return doing(func(ctx context.Context, in call.Inbound) { _ = in.Endpoint.Ring(ctx) })
	}
	draining := func(s *Server) { s.Drain() }
	for _, tc := range []struct {
		scenario string
		desk     func(*testing.T) *desk
		change   []func(*Server)
		from     string
		told     []string
	}{
		{scenario: "call", told: []string{"answered", "ended"}},
		{scenario: "late", told: []string{"answered", "ended"}},
		{scenario: "hold", told: []string{"answered", "held", "unheld", "held", "unheld", "held", "unheld", "held", "ended"}},
		{scenario: "info", told: []string{"answered", "ended"}},
		{scenario: "malformed", told: []string{"answered", "ended"}},
		{scenario: "cancel", desk: func(*testing.T) *desk { return ringing() }, told: []string{"ended"}},
		{scenario: "hangup", told: []string{"answered", "ended"}, desk: func(*testing.T) *desk {
			return doing(func(ctx context.Context, in call.Inbound) {
				_ = in.Endpoint.Answer(ctx)
				time.Sleep(200 * time.Millisecond)
				_ = in.Endpoint.Hangup(ctx, call.Cause{Code: call.CauseHangup})
			})
		}},
		{scenario: "refused403", from: "127.0.0.2"},
		{scenario: "refused404", desk: func(*testing.T) *desk { return refusing(problem.New(404, "unknown_number", "no")) }},
		{scenario: "refused486", desk: func(*testing.T) *desk { return refusing(problem.Conflict("busy", "", nil, "no")) }},
		{scenario: "refused488"},
		{scenario: "refused503", change: []func(*Server){draining}},
		{scenario: "refused503", desk: func(*testing.T) *desk { return refusing(problem.New(503, "full", "no")) }},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(tc.scenario+" "+network, func(t *testing.T) {
				h := answering(t)
				if tc.desk != nil {
					h = tc.desk(t)
				}
				cfg := testConfig(local())
				cfg.Trunks[0].Codecs = []string{"opus", "PCMA", "PCMU"}
				s := serve(t, cfg, h, tc.change...)
				from := "127.0.0.1"
				if tc.from != "" {
					from = tc.from
				}
				sipp(t, tc.scenario, network, s.Addr(network), "-i", from)
				for deadline := time.Now().Add(3 * time.Second); s.Active() > 0 && time.Now().Before(deadline); {
					time.Sleep(5 * time.Millisecond)
				}
				if s.Active() != 0 || s.media.left() != 0 {
					t.Errorf("left: %d dialogs, %d ports", s.Active(), s.media.left())
				}
				h.wg.Wait()
				s.stop()
				in, p := h.last()
				if tc.told == nil {
					return
				}
				p.mu.Lock()
				defer p.mu.Unlock()
				if got := p.list; !equal(got, tc.told) {
					t.Errorf("told %q, want %q", got, tc.told)
				}
				if tc.scenario == "info" {
					leg := in.Endpoint.Media().(*fakeLeg)
					if a, b := <-leg.events, <-leg.events; a.Digit != '5' || a.Duration != 160*time.Millisecond || b.Digit != '#' {
						t.Errorf("digits %+v %+v", a, b)
					}
				}
			})
		}
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// listens waits until somebody has a port of 127.0.0.1: a busy machine takes its time to start a program.
func listens(t *testing.T, network string, port uint16) {
	t.Helper()
	want := fmt.Sprintf(" 0100007F:%04X ", port) // as /proc/net has it: the address in the order of the machine
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile("/proc/net/" + network)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(want)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody listens on %s port %d", network, port)
		}
	}
}

// callee starts a scenario that waits for a call and returns where; wait reports its outcome.
func callee(t *testing.T, scenario, network string) (addr string, wait func()) {
	t.Helper()
	addr = freeAddr(t)
	ap := netip.MustParseAddrPort(addr)
	c := sippCommand(t, scenario, network, "-i", "127.0.0.1", "-p", strconv.Itoa(int(ap.Port())))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	listens(t, network, ap.Port())
	return addr, func() {
		t.Helper()
		err := c.Wait()
		report(t, c, out.Bytes(), err)
	}
}

func TestSippCallee(t *testing.T) {
	hang := func(ctx context.Context, ep call.Endpoint, p *told, after string) {
		p.await(t, after)
		time.Sleep(100 * time.Millisecond)
		if err := ep.Hangup(ctx, call.Cause{Code: call.CauseHangup}); err != nil {
			t.Error(err)
		}
	}
	for _, tc := range []struct {
		name, scenario string
		after          string // hang up after this was told; empty: wait for the end
		told           []string
		cause          string
		user, pass     string
	}{
		{name: "answer", scenario: "uas_answer", after: "answered", told: []string{"ringing", "answered", "ended"}, cause: call.CauseHangup},
		{name: "early media", scenario: "uas_early", after: "answered", told: []string{"early", "answered", "ended"}, cause: call.CauseHangup},
		{name: "cancelled", scenario: "uas_cancelled", after: "ringing", told: []string{"ringing", "ended"}, cause: call.CauseHangup},
		{name: "busy", scenario: "uas_refuse: 486 Busy Here", told: []string{"ended"}, cause: call.CauseBusy},
		{name: "declined", scenario: "uas_refuse: 603 Decline", told: []string{"ended"}, cause: call.CauseRejected},
		{name: "not found", scenario: "uas_refuse: 404 Not Found", told: []string{"ended"}, cause: call.CauseNotFound},
		{name: "unavailable", scenario: "uas_refuse: 503 Service Unavailable", told: []string{"ended"}, cause: call.CauseUnavailable},
		{name: "no answer", scenario: "uas_refuse: 480 Gone", told: []string{"ended"}, cause: call.CauseNoAnswer},
		{name: "digest", scenario: "uas_digest", after: "answered", told: []string{"answered", "ended"}, cause: call.CauseHangup, user: "alice", pass: "secret"},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(tc.name+" "+network, func(t *testing.T) {
				addr, wait := callee(t, tc.scenario, network)
				tr := Trunk{Name: "out", Proxy: addr, Transport: network, Username: tc.user, Realm: "trunk.example"}
				if tc.pass != "" {
					tr.PasswordFile = filepath.Join(t.TempDir(), "password")
					if err := os.WriteFile(tr.PasswordFile, []byte(tc.pass+"\n"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				s := serve(t, testConfig(tr), &desk{})
				ep, p := dial(t, s, "1000")
				if tc.after != "" {
					hang(t.Context(), ep, p, tc.after)
				}
				select {
				case <-p.over:
				case <-time.After(10 * time.Second):
					t.Fatal("the call does not end")
				}
				wait()
				p.mu.Lock()
				defer p.mu.Unlock()
				if !equal(p.list, tc.told) || p.cause.Code != tc.cause {
					t.Errorf("told %q, cause %+v; want %q, %q", p.list, p.cause, tc.told, tc.cause)
				}
			})
		}
	}
}

// TestMediaLost ends a call whose media gives out, with BYE and the right cause.
func TestMediaLost(t *testing.T) {
	h := answering(t)
	out, _ := pair(t, "udp", h)
	ep, p := dial(t, out, "1000")
	p.await(t, "answered")
	_, q := h.last()
	q.await(t, "answered")
	ep.Media().(*fakeLeg).fail(errors.New("no packet for 15 s"))
	p.await(t, "ended")
	q.await(t, "ended")
	if p.cause.Code != call.CauseMediaLost || q.cause.Code != call.CauseHangup {
		t.Errorf("causes %+v, %+v", p.cause, q.cause)
	}
	h.wg.Wait()
}
