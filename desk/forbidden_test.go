package desk

import (
	"reflect"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// acts is everything an agent can try with a call, by the control it takes.
func (r *rig) acts(t *testing.T, call, agent string) map[string]func() error {
	ctx := t.Context()
	only := func(_ any, err error) error { return err }
	may := func(control string) func() error { return func() error { return r.MayControl(call, agent, control) } }
	return map[string]func() error{
		"hold": func() error { return only(r.HoldCall(ctx, call, agent, true, agent)) },
		"end":  func() error { return only(r.EndCall(ctx, call, agent, agent)) },
		"consult": func() error {
			return only(r.StartConsult(ctx, call, agent, wire.ConsultRequest{Kind: wire.TargetAgent, Target: "eva"}, agent))
		},
		"end_consult": func() error { return only(r.EndConsult(ctx, call, agent, agent)) },
		"swap":        func() error { return only(r.SwapConsult(ctx, call, agent, agent)) },
		"transfer":    func() error { return only(r.TransferCall(ctx, call, agent, wire.TargetRequest{}, agent)) },
		"conference":  func() error { return only(r.Confer(ctx, call, agent, wire.TargetRequest{}, agent)) },
		"add": func() error {
			return only(r.Confer(ctx, call, agent, wire.TargetRequest{Kind: wire.TargetAgent, Target: "eva"}, agent))
		},
		"exit": func() error { return only(r.ExitConference(ctx, call, agent, agent)) },
		"drop": func() error { return only(r.DropParty(ctx, call, agent, "leg_"+call, agent)) },
		"mute": may("mute"), "keypad": may("keypad"), "recording": may("recording"),
	}
}

// forbids tries what an agent may not do: each try is 409 with the state, and changes nothing.
func (r *rig) forbids(t *testing.T, call, agent string, controls ...string) {
	t.Helper()
	before, did := r.handled(call), len(r.plane.log())
	for _, control := range controls {
		err := r.acts(t, call, agent)[control]()
		if p := problem.As(err); err == nil || p.Status != 409 || p.State == "" || slices.Contains(p.Allowed, control) {
			t.Errorf("%s by %s: %v, want 409 with the state and what is allowed", control, agent, err)
		}
		went(0)
	}
	if after := r.handled(call); !reflect.DeepEqual(after, before) {
		t.Errorf("what was refused to %s changed the call:\n%+v\n%+v", agent, before, after)
	}
	if more := r.plane.log()[did:]; len(more) > 0 {
		t.Errorf("what was refused to %s did %v", agent, more)
	}
}

// permits says what an agent may do, without doing it.
func (r *rig) permits(t *testing.T, call, agent string, controls ...string) {
	t.Helper()
	for _, control := range controls {
		if err := r.MayControl(call, agent, control); err != nil {
			t.Errorf("%s by %s: %v", control, agent, err)
		}
	}
}

// In a consult the agent in control may end it, switch, transfer, confer and mute, and neither hold nor end the
// customer's call nor begin another; who is asked may mute and end it, and nothing else, until the conference. The
// recording may be paused all the time by who is in control (X2).
func TestW48_W49_X2_ForbiddenInAConsult(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor", "eva")
		call, _ := r.talk("ana")
		r.consult(call, "ana", wire.TargetAgent, "bor")
		r.forbids(t, call, "bor", "hold", "end", "consult", "end_consult", "swap", "transfer", "conference", "add", "exit", "drop", "mute", "keypad", "recording") // it rings
		r.answers(call, "bor")
		r.forbids(t, call, "ana", "hold", "end", "consult", "add", "exit", "drop")
		r.permits(t, call, "ana", "end_consult", "swap", "transfer", "conference", "mute", "recording")
		r.forbids(t, call, "bor", "hold", "end", "consult", "swap", "transfer", "conference", "add", "exit", "drop", "keypad", "recording")
		r.permits(t, call, "bor", "mute", "end_consult")
		r.forbids(t, call, "eva", "hold", "end", "consult", "end_consult", "swap", "transfer", "conference", "add", "exit", "drop", "mute", "keypad", "recording")
	})
}

// In a conference nobody holds anybody, the customer included, who is taken off hold when it starts; the agent in
// control alone removes, adds and pauses the recording. Nobody is added while a consult runs, nor without the customer.
func TestW60_W61_ForbiddenInAConference(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor", "eva")
		call, _ := r.talk("ana")
		r.consult(call, "ana", wire.TargetAgent, "bor")
		r.answers(call, "bor")
		r.seat("leg_"+call, "main held")
		r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{}, "ana"))
		r.seat("leg_"+call, "main") // W60
		r.forbids(t, call, "ana", "hold", "swap", "end_consult", "conference", "transfer")
		r.permits(t, call, "ana", "end", "exit", "mute", "consult", "add", "drop", "recording")
		r.forbids(t, call, "bor", "hold", "swap", "end_consult", "conference", "transfer", "add", "drop", "recording")
		r.permits(t, call, "bor", "exit", "mute")
		r.consult(call, "ana", wire.TargetAgent, "eva")
		r.forbids(t, call, "ana", "consult", "add", "hold")
		r.forbids(t, call, "bor", "consult", "add", "swap", "end_consult", "conference")
		r.ok(r.EndConsult(t.Context(), call, "ana", "ana"))
		r.end("leg_"+call, "hangup") // the customer
		r.forbids(t, call, "ana", "consult", "add", "hold")
		r.forbids(t, call, "bor", "consult", "add", "hold", "drop", "recording")
	})
}

// What was refused, and what was typed and not saved, changes nothing: who reverts reads what is stored, a secure value
// as much as any other.
func TestW94_RevertBringsBackWhatIsStored(t *testing.T) {
	configured(t, secureConfig(), func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		set := func(name, value string, version uint64) error {
			_, err := r.SetVariable(t.Context(), call, name, wire.VariableRequest{Value: value, Version: &version}, "ana")
			return err
		}
		for _, name := range []string{"case", "pin"} {
			if err := set(name, "stored", 0); err != nil {
				t.Fatal(err)
			}
			r.refused(nil, set(name, "typed", 0))
			if err := set(name, string(make([]rune, 257)), 1); problem.As(err).Status != 422 {
				t.Errorf("%s: %v", name, err)
			}
			if v, err := r.Variable(call, name); err != nil || v.Value != "stored" || v.Version != 1 {
				t.Errorf("%s reverts to %+v, %v", name, v, err)
			}
		}
	})
}
