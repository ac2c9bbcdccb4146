package call

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/signaling/wire"
)

// A secure value that comes with a call, or later, is given to who asks for the secrets, and stands in no picture, no
// event and no recording.
func TestSecureVariablesAreKeptApart(t *testing.T) {
	b := newBench(t, DefaultConfig())
	const value = "4711-secret"
	b.SetSecret(func(name string) bool { return name == "pin" || name == "late" })
	c, err := b.Create(b.ctx, NewCall{Actor: "crm", Variables: map[string]string{"pin": value, "order": "17"}})
	b.ok(err)
	if len(c.Variables) != 1 || c.Variables["order"] != "17" {
		t.Errorf("the call shows %v", c.Variables)
	}
	if s := b.Secrets(c.ID); len(s) != 1 || s["pin"] != value {
		t.Errorf("secrets %v", s)
	}
	ep := newEndpoint(true)
	_, _, err = b.Attach(b.ctx, c.ID, Attach{Kind: wire.LegRTP, Role: wire.RoleCustomer, Endpoint: ep})
	b.ok(err)
	rec, err := b.Record(b.ctx, c.ID, nil, "crm")
	b.ok(err)
	c, err = b.SetVariables(b.ctx, c.ID, map[string]string{"late": value, "order": ""}, "crm")
	b.ok(err)
	if len(c.Variables) != 0 {
		t.Errorf("the call shows %v", c.Variables)
	}
	if s := b.Secrets(c.ID); len(s) != 2 || s["late"] != value {
		t.Errorf("secrets %v", s)
	}
	if rec, err = b.deps.Recorder.Get(rec.ID); err != nil || len(rec.Variables) != 0 {
		t.Errorf("the recording has %v, %v", rec.Variables, err)
	}
	_, err = b.SetVariables(b.ctx, c.ID, map[string]string{"pin": ""}, "crm")
	b.ok(err)
	if s := b.Secrets(c.ID); len(s) != 1 {
		t.Errorf("secrets %v", s)
	}
	events, err := b.deps.Bus.After(b.ctx, 0, nil, 256)
	b.ok(err)
	for _, e := range events {
		if text, _ := json.Marshal(e); strings.Contains(string(text), value) {
			t.Errorf("%s: %s", e.Type, text)
		}
	}
	b.ok(b.EndCall(b.ctx, c.ID, CauseHangup, "crm"))
	b.until("end", func() bool { return b.Secrets(c.ID) == nil })
}
