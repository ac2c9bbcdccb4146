package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestExampleControlPlane runs examples/control-plane against a server without a desk, with three telephones: a
// caller, an agent and a number to transfer to. The caller waits with music, is bridged with the agent, is
// recorded with a pause, and talks to the other number after the transfer.
func TestExampleControlPlane(t *testing.T) {
	const caller, agent, target = 431, 743, 1289
	tones := []float64{caller, agent, target}
	var phones []*phone
	trunks := ""
	for i, hz := range tones {
		phones = append(phones, newPhone(t, phoneOpts{user: fmt.Sprintf("p%d", i), wav: toneFile(t, hz, 8000, 1, 60), codec: "PCMU/8000/1"}))
		trunks += fmt.Sprintf(trunkConfig, fmt.Sprintf("out%d", i), phones[i].port)
	}
	s := newServer(t, trunks)
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	off := strings.Replace(string(text), "[desk]\n", "[desk]\nenabled = false\n", 1)
	if err := os.WriteFile(s.config, []byte(off), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()

	bin := filepath.Join(t.TempDir(), "control-plane")
	if b, err := exec.Command("go", "build", "-tags=nolibopusfile", "-buildvcs=false", "-o", bin, "../examples/control-plane").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, b)
	}
	said := &logBuffer{}
	plane := exec.Command(bin, "-api", s.http, "-agents", "out1/p1", "-transfer", "out2/p2")
	plane.Env = append(os.Environ(), "CORDBOARD_TOKEN="+s.token("--grant", "call:*", "--grant", "leg:control", "--grant", "recording:*", "--grant", "events:all"))
	plane.Stdout, plane.Stderr = said, said
	plane.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := plane.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = plane.Process.Signal(os.Interrupt)
		if err := plane.Wait(); err != nil || t.Failed() {
			t.Errorf("control plane: %v\n%s", err, said)
		}
	})
	waitFor(t, 10*time.Second, "the control plane's connection", func() bool { return strings.Contains(said.String(), "connected") })

	phones[0].dial(s, "1000", "udp")
	phones[0].wait("CALL_ESTABLISHED", 10*time.Second)
	established := time.Now()
	phones[1].wait("CALL_ESTABLISHED", 10*time.Second)
	s.event("recording.started")
	time.Sleep(1500 * time.Millisecond)
	withAgent := time.Since(established)
	time.Sleep(500 * time.Millisecond)
	phones[1].command("sndcode", "*")
	s.event("recording.paused")
	s.event("recording.resumed")
	time.Sleep(500 * time.Millisecond) // a key right behind a pause counts as pressed in it
	phones[1].command("sndcode", "#")
	phones[2].wait("CALL_ESTABLISHED", 10*time.Second)
	phones[1].wait("CALL_CLOSED", 10*time.Second)
	time.Sleep(1500 * time.Millisecond)
	withTarget := time.Since(established)
	time.Sleep(500 * time.Millisecond)
	phones[0].command("hangup", "")
	phones[2].wait("CALL_CLOSED", 10*time.Second)
	quit := time.Since(established)
	phones[0].quit()
	heard := at8k(t, phones[0].heard())
	for _, ph := range []struct {
		name string
		at   time.Duration
		want []float64
	}{{"bridged", withAgent, []float64{agent}}, {"transferred", withTarget, []float64{target}}} {
		at := len(heard) - int((quit-ph.at).Milliseconds())*8
		if at < 2000 || at+2000 > len(heard) {
			t.Fatalf("%s: the caller heard only %d samples", ph.name, len(heard))
		}
		if got := hears(heard[at-2000:at+2000], 8000, tones); !slices.Equal(got, ph.want) {
			t.Errorf("%s: the caller hears %v, want %v", ph.name, got, ph.want)
		}
	}
}
