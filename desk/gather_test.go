package desk

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// patched is a program changing a call's own variables, as the board tells it.
func (r *rig) patched(callID string, vars map[string]string, actor string) {
	r.plane.mu.Lock()
	c := r.plane.calls[callID]
	c.Variables = maps.Clone(vars)
	told := *c
	r.plane.mu.Unlock()
	r.plane.bus.Publish("call.changed", callID, actor, told)
	synctest.Wait()
}

func secureConfig() Config {
	cfg := testConfig()
	for _, name := range []string{"case", "other", "pin"} {
		cfg.Handling.Variables = append(cfg.Handling.Variables, floor.VariableDef{Name: name, Editable: true, Secure: name == "pin"})
	}
	return cfg
}

// A program's change is of what it has changed: what an agent has saved meanwhile, and the call has not heard of, stays.
func TestX11_W89_AProgramTakesNothingBack(t *testing.T) {
	configured(t, secureConfig(), func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		r.patched(call, map[string]string{"case": "1"}, "crm")
		value := func(name string) wire.Variable {
			t.Helper()
			v, err := r.Variable(call, name)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if v := value("case"); v.Value != "1" || v.Version != 1 || v.By != "crm" {
			t.Fatalf("%+v", v)
		}
		version := uint64(1)
		r.ok(r.SetVariable(t.Context(), call, "case", wire.VariableRequest{Value: "2", Version: &version}, "ana"))
		r.patched(call, map[string]string{"case": "1", "other": "x"}, "crm") // its picture is of before
		if v := value("case"); v.Value != "2" || v.By != "ana" {
			t.Errorf("what ana saved was taken back: %+v", v)
		}
		if v := value("other"); v.Value != "x" {
			t.Errorf("%+v", v)
		}
		r.patched(call, map[string]string{"case": "2"}, floor.Actor) // the call has heard of it
		r.patched(call, map[string]string{"case": "3"}, "crm")       // and the program means it
		if v := value("case"); v.Value != "3" || v.Version != 3 {
			t.Errorf("%+v", v)
		}
		_, err := r.SetVariable(t.Context(), call, "case", wire.VariableRequest{Value: "4", Version: new(uint64)}, "ana")
		r.refused(nil, err)
		r.patched(call, map[string]string{}, "crm")
		if v := value("case"); v.Value != "" || v.Version != 4 {
			t.Errorf("a removed variable: %+v", v)
		}
	})
}

// Secure values that come with a call, or from a program later, are kept and shown to who asks for them, and stand in
// no event, ring or command.
func TestW14_W92_SecureValuesThatCameWithTheCall(t *testing.T) {
	const value = "4711-secret"
	configured(t, secureConfig(), func(t *testing.T, r *rig) {
		r.ready("ana")
		r.plane.mu.Lock()
		r.plane.secrets = map[string]map[string]string{"call_001": {"pin": value}}
		r.plane.mu.Unlock()
		call := r.ring("100")
		r.answers(call, "ana")
		if v, err := r.Variable(call, "pin"); err != nil || v.Value != value || v.By != "customer" {
			t.Fatalf("%+v, %v", v, err)
		}
		r.plane.mu.Lock()
		r.plane.secrets["call_001"] = map[string]string{"pin": value + "-2"}
		r.plane.mu.Unlock()
		r.patched(call, map[string]string{"case": "1"}, "crm")
		if v, err := r.Variable(call, "pin"); err != nil || v.Value != value+"-2" || v.By != "crm" {
			t.Fatalf("%+v, %v", v, err)
		}
		if len(r.events("variables.changed")) == 0 {
			t.Error("no event tells of the change")
		}
		for typ := range wire.EventTypes {
			for _, e := range r.events(typ) {
				if text, _ := json.Marshal(e); strings.Contains(string(text), value) {
					t.Errorf("%s", text)
				}
			}
		}
		if did := strings.Join(r.plane.log(), "\n"); strings.Contains(did, value) {
			t.Error(did)
		}
	})
}
