package call

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/signaling/wire"
)

// hisses makes the party send steady noise at -32 dBFS.
func (f *fakeLeg) hisses() {
	g := rand.New(rand.NewPCG(1, 2))
	f.say = func(dst []int16) {
		for i := range dst {
			dst[i] = int16(800 * g.NormFloat64())
		}
	}
}

// loudness is the level in dBFS of the last 100 ms that the leg was sent, -200 before there were that many.
func (f *fakeLeg) loudness() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	const n = 800
	if len(f.heard) < n {
		return -200
	}
	var out [n]int16
	g711.Decode(out[:], f.heard[len(f.heard)-n:], g711.Table(media.PCMU))
	var sum float64
	for _, v := range out {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/n/(1<<30)+1e-20)
}

func (f *fakeLeg) hears(louder bool, than float64) func() bool {
	return func() bool { return f.loudness() > -200 && (f.loudness() > than) == louder }
}

func levels(in, out int) *wire.DenoisePatch { return &wire.DenoisePatch{In: &in, Out: &out} }

// TestDenoise: a voice is cleaned at the level of the party or of those who hear it, as long as they ask for it.
func TestW2_W4_Denoise(t *testing.T) {
	b := newBench(t, DefaultConfig())
	c, err := b.Create(b.ctx, NewCall{})
	b.ok(err)
	noisy, customer := b.party(c.ID)
	noisy.leg.quiet = false
	noisy.leg.hisses()
	listener, agent := b.party(c.ID)
	leg := func(id string) wire.Denoise {
		l, err := b.Leg(id)
		b.ok(err)
		return l.Denoise
	}
	b.until("the noise is heard", listener.leg.hears(true, -35))

	l, err := b.PatchLeg(b.ctx, customer.ID, LegPatch{Denoise: levels(100, 0)}, "agt_a")
	b.ok(err)
	if l.Denoise != (wire.Denoise{In: 100, Level: 100}) {
		t.Errorf("after the patch: %+v", l.Denoise)
	}
	b.until("the noise goes", listener.leg.hears(false, -50))

	yes, no := true, false
	_, err = b.PatchLeg(b.ctx, customer.ID, LegPatch{Denoise: &wire.DenoisePatch{Residual: &yes}}, "agt_a")
	b.ok(err)
	if d := leg(customer.ID); !d.Residual || d.In != 100 {
		t.Errorf("a patch of one setting: %+v", d)
	}
	b.until("the noise is heard by itself", listener.leg.hears(true, -35))
	_, err = b.PatchLeg(b.ctx, customer.ID, LegPatch{Denoise: &wire.DenoisePatch{Residual: &no}}, "agt_a")
	b.ok(err)
	b.until("the noise goes again", listener.leg.hears(false, -50))

	_, err = b.PatchLeg(b.ctx, customer.ID, LegPatch{Denoise: levels(0, 0)}, "agt_a")
	b.ok(err)
	b.until("the noise comes back", listener.leg.hears(true, -35))

	_, err = b.PatchLeg(b.ctx, agent.ID, LegPatch{Denoise: levels(0, 90)}, "agt_a")
	b.ok(err)
	if d := leg(customer.ID); d.Level != 90 || d.In != 0 {
		t.Errorf("what the listener asks for: %+v", d)
	}
	b.until("what the listener hears is cleaned", listener.leg.hears(false, -50))

	_, third := b.party(c.ID)
	if d := leg(third.ID); d.Level != 90 {
		t.Errorf("a third party's voice: %+v", d)
	}
	b.ok(b.HangupLeg(b.ctx, agent.ID, CauseHangup, "agt_a"))
	b.until("those who are left are left alone", func() bool { return leg(customer.ID).Level == 0 && leg(third.ID).Level == 0 })

	tl, err := b.Timeline(c.ID)
	b.ok(err)
	var marks []string
	for _, m := range tl.Items {
		if strings.HasPrefix(m.Type, "denoise.") {
			marks = append(marks, m.LegID[:4]+" "+m.Detail)
		}
	}
	if len(marks) < 7 || marks[0] != "leg_ in 100, out 0, level 100" || marks[1] != "leg_ in 100, out 0, level 100, residual" {
		t.Errorf("timeline: %q", marks)
	}
}

// TestDenoiseBegins: a leg begins as it is configured; a party that holds us plays music, which nobody touches.
func TestDenoiseBegins(t *testing.T) {
	b := newBench(t, DefaultConfig())
	b.deps.Denoise = func(l wire.Leg, trunk, queue string) wire.DenoisePatch {
		if l.Agent == "agt_a" {
			return *levels(20, 30)
		}
		if trunk != "t" || l.Role != wire.RoleCustomer {
			t.Errorf("asked for trunk %q, leg %+v", trunk, l)
		}
		return *levels(70, 0)
	}
	_, p, c := b.incoming()
	id := c.Legs[0].ID
	b.ok(b.Answer(b.ctx, id, "agt_a"))
	_, agent := b.agent(c.ID, "")
	if agent.Denoise != (wire.Denoise{In: 20, Out: 30, Level: 20}) {
		t.Errorf("the agent begins with %+v", agent.Denoise)
	}
	at := func(level int) func() bool {
		return func() bool { l, err := b.Leg(id); return err == nil && l.Denoise.Level == level }
	}
	b.until("the customer's own level", at(70))
	p.HeldRemotely(true)
	b.until("not while it holds us", at(0))
	p.HeldRemotely(false)
	b.until("again", at(70))
}

// TestDenoisePasses: a far side that plays music without saying that it holds is left alone and shown with the reason; when
// music is to be suppressed, too, it is not. Music from a party that does say so is not even looked at.
func TestDenoisePasses(t *testing.T) {
	b := newBench(t, DefaultConfig())
	plays, p, c := b.incoming()
	far := c.Legs[0]
	plays.leg.quiet = false
	tune, at := testaudio.Music(2, 8000, 20*8000, -20), 0
	plays.leg.say = func(dst []int16) {
		for i := range dst {
			dst[i] = tune[at%len(tune)]
			at++
		}
	}
	b.ok(b.Answer(b.ctx, far.ID, "agt_a"))
	b.agent(c.ID, "")
	passes := func(want wire.Pass, level int) func() bool {
		return func() bool {
			l, err := b.Leg(far.ID)
			return err == nil && l.Denoise.Passes == want && l.Denoise.Level == level
		}
	}
	_, err := b.PatchLeg(b.ctx, far.ID, LegPatch{Denoise: levels(70, 0)}, "agt_a")
	b.ok(err)
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end) && !passes(wire.PassMusic, 70)(); {
		time.Sleep(10 * time.Millisecond) // a second of music, however long that takes here
	}
	b.until("music passes", passes(wire.PassMusic, 70))
	p.HeldRemotely(true)
	b.until("so does what is played on hold", passes(wire.PassHold, 0))
	p.HeldRemotely(false)
	b.until("and music again", passes(wire.PassMusic, 70))
	yes := true
	_, err = b.PatchLeg(b.ctx, far.ID, LegPatch{Denoise: &wire.DenoisePatch{SuppressMusic: &yes}}, "agt_a")
	b.ok(err)
	b.until("music is noise", passes("", 70))
	tl, err := b.Timeline(c.ID)
	b.ok(err)
	if !slices.ContainsFunc(tl.Items, func(m wire.TimelineMark) bool { return m.Detail == "in 70, out 0, level 70, passes: music" }) {
		t.Errorf("timeline: %+v", tl.Items)
	}
}

// TestDenoiseShed: what is bypassed for want of time says so, and says when it is back.
func TestDenoiseShed(t *testing.T) {
	b := newBench(t, DefaultConfig())
	c, err := b.Create(b.ctx, NewCall{})
	b.ok(err)
	_, one := b.party(c.ID)
	_, two := b.party(c.ID)
	_, err = b.PatchLeg(b.ctx, one.ID, LegPatch{Denoise: levels(60, 0)}, "agt_a")
	b.ok(err)
	a, err := b.call(c.ID)
	b.ok(err)
	for _, shed := range []bool{true, false} {
		a.post(func() { a.roomEvent(mixer.Event{Kind: mixer.ShedChanged, Shed: shed}); a.settle() })
		b.until("the leg's picture", func() bool {
			l, err := b.Leg(one.ID)
			return err == nil && l.Denoise.Bypassed == shed && (l.Denoise.Passes == wire.PassOverload) == shed
		})
	}
	if l, err := b.Leg(two.ID); err != nil || l.Denoise.Bypassed {
		t.Errorf("a leg without suppression: %+v, %v", l.Denoise, err)
	}
	got := slices.DeleteFunc(b.types(), func(typ string) bool { return !strings.HasPrefix(typ, "denoise.") })
	if want := []string{"denoise.changed", "denoise.degraded", "denoise.changed"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// frames is how many 20 ms frames the leg was sent, and blocks their levels in dBFS from one of them on.
func (f *fakeLeg) frames() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.heard) / frameBytes
}

const frameBytes = 160

func (f *fakeLeg) blocks(from int) []float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []float64
	for at := from * frameBytes; at+frameBytes <= len(f.heard); at += frameBytes {
		var pcm [frameBytes]int16
		g711.Decode(pcm[:], f.heard[at:at+frameBytes], g711.Table(media.PCMU))
		var sum float64
		for _, v := range pcm {
			sum += float64(v) * float64(v)
		}
		out = append(out, 10*math.Log10(sum/frameBytes/(1<<30)+1e-20))
	}
	return out
}

// TestX3_EffectWithin200ms: in the middle of a call with a hissing customer suppression is switched on and off, for the
// customer's voice (in) and for what the listener hears (out). Within ten frames of each switch what the listener is sent
// is quiet, or as loud as before, and stays so. A round in which the server had no time for suppression does not count.
// That nothing is missing at a switch is TestX3_DenoiseSwitchesOpus of e2e.
func TestX3_EffectWithin200ms(t *testing.T) {
	const most, whole = 10, 50 // frames: 200 ms and a second
	b := newBench(t, DefaultConfig())
	c, err := b.Create(b.ctx, NewCall{})
	b.ok(err)
	noisy, customer := b.party(c.ID)
	noisy.leg.quiet = false
	noisy.leg.hisses()
	listener, agent := b.party(c.ID)
	b.until("the noise is heard", listener.leg.hears(true, -40))
	after := func(from int) []float64 {
		b.until("frames", func() bool { return listener.leg.frames() >= from+whole })
		return listener.leg.blocks(from)[:whole]
	}
	for _, way := range []struct {
		name string
		leg  string
		on   *wire.DenoisePatch
	}{{"in", customer.ID, levels(100, 0)}, {"out", agent.ID, levels(0, 100)}} {
		for round, good := 0, 0; good < 3; round++ {
			if round == 20 {
				t.Fatalf("%s: no three of 20 rounds in which the server had time", way.name)
			}
			loud := after(listener.leg.frames())
			slices.Sort(loud)
			level := loud[whole/2]
			counts := true
			for _, p := range []*wire.DenoisePatch{way.on, levels(0, 0)} {
				_, err := b.PatchLeg(b.ctx, way.leg, LegPatch{Denoise: p}, "agt_a")
				b.ok(err)
				got := after(listener.leg.frames())
				l, err := b.Leg(customer.ID)
				b.ok(err)
				if l.Denoise.Bypassed {
					counts = false
					continue
				}
				for i, x := range got[most:] {
					if on := p == way.on; on && x > level-15 || !on && math.Abs(x-level) > 3 {
						t.Errorf("%s, on %v: a frame of %.1f dB %d ms after the switch, without suppression %.1f", way.name, on, x, 20*(i+most), level)
					}
				}
			}
			if counts {
				good++
			}
		}
	}
}
