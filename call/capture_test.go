package call

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestCaptureRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		req     wire.CaptureRequest
		pointer string // of the refusal; "" for none
	}{
		"nothing said":      {wire.CaptureRequest{}, ""},
		"all said":          {wire.CaptureRequest{MaxDigits: 16, Terminator: "*", MaxSeconds: 600, SilentSeconds: 5, Voice: wire.CapturePass}, ""},
		"no terminator":     {wire.CaptureRequest{Terminator: "none"}, ""},
		"too many digits":   {wire.CaptureRequest{MaxDigits: 33}, "/max_digits"},
		"negative digits":   {wire.CaptureRequest{MaxDigits: -1}, "/max_digits"},
		"too long":          {wire.CaptureRequest{MaxSeconds: 601}, "/max_seconds"},
		"silent for ever":   {wire.CaptureRequest{SilentSeconds: 601}, "/silent_seconds"},
		"strange voice":     {wire.CaptureRequest{Voice: "loud"}, "/voice"},
		"strange key":       {wire.CaptureRequest{Terminator: "x"}, "/terminator"},
		"two keys":          {wire.CaptureRequest{Terminator: "##"}, "/terminator"},
		"negative duration": {wire.CaptureRequest{MaxSeconds: -1}, "/max_seconds"},
	} {
		c, err := newCapture(tc.req)
		if tc.pointer == "" {
			if err != nil || c.max < 1 || c.max > maxCaptured {
				t.Errorf("%s: %+v, %v", name, c, err)
			}
			continue
		}
		p := problem.As(err)
		if p == nil || p.Status != http.StatusUnprocessableEntity || len(p.Fields) != 1 || p.Fields[0].Pointer != tc.pointer {
			t.Errorf("%s: %v, want 422 at %s", name, err, tc.pointer)
		}
	}
}

// The digits of a capture are in an array that Wipe overwrites, whole.
func TestCaptureWipe(t *testing.T) {
	c := &capture{}
	copy(c.digits[:], strings.Repeat("4", maxCaptured))
	c.wipe()
	if c.digits != [maxCaptured]byte{} {
		t.Errorf("left: %q", c.digits)
	}
}
