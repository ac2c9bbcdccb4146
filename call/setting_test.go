package call

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/signaling/wire"
)

// hears waits until the leg has been sent a tone of hz.
func (b *bench) hears(what string, ep *fakeEndpoint, hz float64) {
	b.t.Helper()
	b.until(what, func() bool { return ep.leg.tone(b.t, hz) > -40 })
}

// tone is the most power of hz in any 40 ms the leg was sent so far, in dB of full scale.
func (f *fakeLeg) tone(t *testing.T, hz float64) float64 {
	t.Helper()
	f.mu.Lock()
	payload := slices.Clone(f.heard)
	f.mu.Unlock()
	d, err := codec.NewDecoder(media.PCMU)
	if err != nil {
		t.Fatal(err)
	}
	defer codec.PutDecoder(d)
	var all []int16
	var out [960]int16
	for p := range slices.Chunk(payload, 160) {
		n, err := d.Decode(out[:], p, pcm.Rate8k)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out[:n]...)
	}
	most := -200.0
	for p := range slices.Chunk(all, 320) {
		most = max(most, testaudio.Level(p, hz, 8000))
	}
	return most
}

func (f *fakeLeg) forget() { f.mu.Lock(); f.heard = nil; f.mu.Unlock() }

func (b *bench) party(callID string) (*fakeEndpoint, wire.Leg) {
	b.t.Helper()
	ep := newEndpoint(true)
	ep.leg.quiet = true
	_, l, err := b.Attach(b.ctx, callID, Attach{Kind: wire.LegRTP, Role: wire.RoleExpert, Endpoint: ep})
	b.ok(err)
	return ep, l
}

// TestTones: who is there hears who comes and goes, from the third party on in a conference, and nobody where
// tones are off or somebody is on hold.
func TestTones(t *testing.T) {
	const entry, exit = 783.99, 523.25
	b := newBench(t, DefaultConfig())
	c, err := b.Create(b.ctx, NewCall{Tones: wire.TonesConference})
	b.ok(err)
	one, l1 := b.party(c.ID)
	two, l2 := b.party(c.ID)
	time.Sleep(400 * time.Millisecond)
	if p := one.leg.tone(t, entry); p > -60 {
		t.Errorf("a tone of %.0f dB for the second party", p)
	}
	b.ok(b.Hold(b.ctx, l2.ID, "agt_a"))
	two.leg.forget()
	three, l3 := b.party(c.ID)
	b.hears("the entry tone", one, entry)
	if p := two.leg.tone(t, entry); p > -60 {
		t.Errorf("the held party hears the tone at %.0f dB", p)
	}
	if p := three.leg.tone(t, entry); p > -60 {
		t.Errorf("the new party hears its own tone at %.0f dB", p)
	}
	b.ok(b.Resume(b.ctx, l2.ID, "agt_a"))
	time.Sleep(400 * time.Millisecond)
	one.leg.forget()
	two.leg.forget()
	b.ok(b.HangupLeg(b.ctx, l3.ID, CauseHangup, "agt_a"))
	b.hears("the exit tone", one, exit)
	b.hears("the exit tone", two, exit)
	off := wire.TonesOff
	if c, err = b.PatchCall(b.ctx, c.ID, wire.CallPatch{Tones: &off}, "agt_a"); err != nil || c.Tones != off || c.DTMFRelay != wire.RelayNone {
		t.Errorf("patched call: %+v, %v", c, err)
	}
	time.Sleep(400 * time.Millisecond)
	one.leg.forget()
	b.party(c.ID)
	time.Sleep(400 * time.Millisecond)
	if p := one.leg.tone(t, entry); p > -60 {
		t.Errorf("with tones off there is one of %.0f dB", p)
	}
	_ = l1
}

// TestRelayedDigits: a key reaches the others as an event, or as its tones where a leg takes no events, also
// while a recording is paused; without the setting it reaches nobody.
func TestRelayedDigits(t *testing.T) {
	b := newBench(t, DefaultConfig())
	c, err := b.Create(b.ctx, NewCall{})
	b.ok(err)
	from, _ := b.party(c.ID)
	to, _ := b.party(c.ID)
	old, _ := b.party(c.ID)
	old.leg.mu.Lock()
	old.leg.refuses = true
	old.leg.mu.Unlock()
	held, l := b.party(c.ID)
	b.ok(b.Hold(b.ctx, l.ID, "agt_a"))
	press := func(d byte) {
		n := len(b.digits())
		from.leg.events <- media.Event{Kind: media.EventDigit, Digit: d, Duration: 120 * time.Millisecond}
		b.until("the digit", func() bool { return len(b.digits()) > n })
	}
	press('1')
	all := wire.RelayAll
	_, err = b.PatchCall(b.ctx, c.ID, wire.CallPatch{DTMFRelay: &all}, "agt_a")
	b.ok(err)
	press('5')
	n := len(b.digits())
	from.leg.events <- media.Event{Kind: media.EventDigit, Digit: '7', Duration: 120 * time.Millisecond, Inband: true}
	b.until("the digit in the audio", func() bool { return len(b.digits()) > n })
	b.hears("the low tone of 5", old, 770)
	b.hears("the high tone of 5", old, 1336)
	w, err := b.StartRecording(b.ctx, c.ID, "agt_a")
	b.ok(err)
	_, err = b.PauseRecording(b.ctx, w.ID, time.Minute, "card", "agt_a")
	b.ok(err)
	press('9')
	b.until("the relayed digits", func() bool { return slices.Equal(to.leg.digits(), []string{"5", "9"}) })
	if d := held.leg.digits(); len(d) != 0 {
		t.Errorf("the held party was sent %q", d)
	}
	if d := from.leg.digits(); len(d) != 0 {
		t.Errorf("who pressed the keys was sent %q", d)
	}
	if d := b.digits(); !slices.Equal(d, []string{"1", "5", "7", ""}) {
		t.Errorf("digits told: %q", d)
	}
}

// digits is what leg.dtmf events told so far.
func (b *bench) digits() []string {
	b.t.Helper()
	evs, err := b.bus.After(b.ctx, 0, nil, 1000)
	b.ok(err)
	var out []string
	for _, e := range evs {
		if d, ok := e.Data.(wire.Digit); ok {
			out = append(out, d.Digit)
		}
	}
	return out
}

// TestPlayRoom plays to all, to one, and stops.
func TestPlayRoom(t *testing.T) {
	b := newBench(t, DefaultConfig())
	c, err := b.Create(b.ctx, NewCall{})
	b.ok(err)
	one, l1 := b.party(c.ID)
	two, l2 := b.party(c.ID)
	tone := func(hz float64) media.Source {
		return prompt.NewTone(-12, true, prompt.Step{Freqs: [2]float64{hz}, For: time.Second})
	}
	all, err := b.PlayRoom(b.ctx, c.Room, tone(600), wire.PlayTone, nil, false, "agt_a")
	b.ok(err)
	b.hears("the tone for all", one, 600)
	b.hears("the tone for all", two, 600)
	some, err := b.PlayRoom(b.ctx, c.Room, tone(900), wire.PlayTone, []string{l2.ID}, false, "agt_a")
	b.ok(err)
	b.hears("the tone for one", two, 900)
	if p := one.leg.tone(t, 900); p > -60 {
		t.Errorf("the other hears it at %.0f dB", p)
	}
	if some.RoomID != c.Room || !slices.Equal(some.To, []string{l2.ID}) || some.LegID != "" {
		t.Errorf("playback: %+v", some)
	}
	if _, err := b.PlayRoom(b.ctx, c.Room, tone(900), wire.PlayTone, []string{l1.ID, "leg_x"}, false, "agt_a"); problem.As(err).Code != "leg_not_found" {
		t.Errorf("to a leg that is not there: %v", err)
	}
	b.ok(b.StopPlayRoom(b.ctx, c.Room, all.ID, "agt_a"))
	b.ok(b.StopPlayRoom(b.ctx, c.Room, all.ID, "agt_a"))
	_, err = b.PlayRoom(b.ctx, c.Room, prompt.Beep(), wire.PlayBeep, nil, false, "agt_a") // ends by itself
	b.ok(err)
	b.until("two ends", func() bool {
		return strings.Count(strings.Join(b.types(), " "), "playback.finished") == 2
	})
}

// TestAdmission: a machine without room refuses what is new with 503 and says when to come back; what runs
// goes on, and who comes back to a call is let in.
func TestAdmission(t *testing.T) {
	b := newBench(t, DefaultConfig())
	full := false
	b.deps.Capacity = func() error {
		if !full {
			return nil
		}
		return &problem.Error{Status: http.StatusServiceUnavailable, Code: "overloaded", RetryAfter: 5}
	}
	b.SetDialer(noDialer{})
	ep, _, c := b.incoming()
	b.ok(b.Answer(b.ctx, c.Legs[0].ID, "desk"))
	_, l := b.agent(c.ID, "")
	full = true
	refused := map[string]error{}
	_, _, refused["incoming"] = b.Incoming(b.ctx, Inbound{To: "1000", Endpoint: newEndpoint(false)})
	_, refused["create"] = b.Create(b.ctx, NewCall{})
	_, refused["dial"] = b.DialLeg(b.ctx, c.ID, DialRequest{To: "200"}, wire.RoleExpert, "agt_a")
	_, _, refused["attach"] = b.Attach(b.ctx, c.ID, Attach{Kind: wire.LegWebRTC, Role: wire.RoleAgent, Agent: "agt_b", Endpoint: newEndpoint(true)})
	for what, err := range refused {
		if p := problem.As(err); p.Code != "overloaded" || p.Status != 503 || p.RetryAfter != 5 {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := b.Stats().Refused; n != 4 {
		t.Errorf("%d refusals counted, want 4", n)
	}
	_, l = b.agent(c.ID, l.ID) // in place of the own leg
	b.ok(b.HangupLeg(b.ctx, l.ID, CauseReload, "agt_a"))
	b.agent(c.ID, "") // and after it has gone
	if got, err := b.Call(c.ID); err != nil || got.State != wire.CallConnected || len(ep.did()) != 1 {
		t.Errorf("the running call: %+v, %v, %v", got, err, ep.did())
	}
	b.Drain()
	if _, err := b.Create(b.ctx, NewCall{}); problem.As(err).Code != "draining" {
		t.Errorf("draining: %v", err)
	}
}

type noDialer struct{}

func (noDialer) Dial(context.Context, DialRequest, Progress) (Endpoint, error) {
	return newEndpoint(true), nil
}

// TestAGC: the configuration says how a leg begins, a patch changes it.
func TestAGC(t *testing.T) {
	cfg := DefaultConfig()
	cfg.AGC = true
	b := newBench(t, cfg)
	c, err := b.Create(b.ctx, NewCall{})
	b.ok(err)
	_, l := b.party(c.ID)
	if !l.AGC {
		t.Error("the leg begins without AGC")
	}
	off := false
	if l, err = b.PatchLeg(b.ctx, l.ID, LegPatch{AGC: &off}, "agt_a"); err != nil || l.AGC {
		t.Errorf("after the patch: %+v, %v", l, err)
	}
	b.until("leg.changed", func() bool { return slices.Contains(b.types(), "leg.changed") })
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"tones": func(c *Config) { c.Tones = "loud" }, "relay": func(c *Config) { c.DTMFRelay = "" },
		"calls": func(c *Config) { c.MaxCalls = 0 }, "ring": func(c *Config) { c.RingTimeout = 0 },
	} {
		c := DefaultConfig()
		if change(&c); c.Validate() == nil {
			t.Errorf("%s: a bad configuration is valid", name)
		}
	}
}
