package call

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestVariablesAreBounded: all variables of a call together have a limit, however many requests set them.
func TestVariablesAreBounded(t *testing.T) {
	b := newBench(t, DefaultConfig())
	tooMuch := strings.Repeat("x", wire.MaxVariables)
	refused := func(err error) {
		t.Helper()
		if p := problem.As(err); p == nil || p.Status != http.StatusUnprocessableEntity || p.Code != "variables_too_large" {
			t.Errorf("got %v, want 422", err)
		}
	}
	_, err := b.Create(b.ctx, NewCall{Variables: map[string]string{"a": tooMuch}})
	refused(err)
	c, err := b.Create(b.ctx, NewCall{Variables: map[string]string{"a": tooMuch[1:]}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.SetVariables(b.ctx, c.ID, map[string]string{"b": "1"}, "api")
	refused(err)
	if c, err = b.SetVariables(b.ctx, c.ID, map[string]string{"a": tooMuch[2:]}, "api"); err != nil || len(c.Variables) != 1 {
		t.Fatalf("%d variables: %v", len(c.Variables), err)
	}
	_, err = b.SetVariables(b.ctx, c.ID, map[string]string{"b": "1"}, "api")
	refused(err)
	if c, err = b.SetVariables(b.ctx, c.ID, map[string]string{"a": "", "b": "1"}, "api"); err != nil || len(c.Variables) != 1 || c.Variables["b"] != "1" {
		t.Errorf("%d variables: %v", len(c.Variables), err)
	}
}

// TestCopyFormatOfACall: the format of a recording's listening copy is the one it is asked for with, otherwise the
// call's.
func TestCopyFormatOfACall(t *testing.T) {
	for _, c := range []struct{ call, asked, want wire.CopyFormat }{
		{"", "", ""}, {wire.CopyFLAC, "", wire.CopyFLAC}, {"", wire.CopyWAV, wire.CopyWAV}, {wire.CopyFLAC, wire.CopyWAV, wire.CopyWAV},
	} {
		a := &actor{call: wire.Call{RecordingPolicy: &wire.RecordingPolicy{CopyFormat: c.call}}}
		if got := a.recordingPolicy(&wire.RecordingPolicy{CopyFormat: c.asked}).CopyFormat; got != c.want {
			t.Errorf("call %q, asked %q: %q, want %q", c.call, c.asked, got, c.want)
		}
	}
}
