package webrtcleg_test

import (
	"strings"
	"testing"

	"github.com/cordboard/cordboard/media/webrtcleg"
)

// Behind a NAT the answer names the public address, with our own ports.
func TestPublicAddress(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{PublicIPs: []string{"203.0.113.7"}})
	leg, answer, err := a.NewLeg(t.Context(), newBrowser(t, false).offer(nil), webrtcleg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer leg.Close()
	if !strings.Contains(answer, " 203.0.113.7 ") || strings.Contains(answer, " 127.0.0.1 ") {
		t.Errorf("answer:\n%s", answer)
	}
	if a.Port() == 0 || a.Port() != a.TCPPort() {
		t.Errorf("ports %d and %d", a.Port(), a.TCPPort())
	}
}
