package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// TestEightParties puts four telephones and four browsers (pion's) into one room, each with a tone of its own.
// Each must hear the seven others and never itself, through joining, mute, hold, unhold and leaving.
func TestEightParties(t *testing.T) {
	// No tone lies where two others could meet: not on a sum, difference or harmonic of them.
	hz := []float64{431, 577, 743, 911, 1093, 1289, 1499, 1723}
	codecs := []string{"PCMU/8000/1", "PCMA/8000/1", "G722/16000/1", "opus/48000/2"}
	var phones []*phone
	trunks := ""
	for i, c := range codecs {
		rate, channels := 8000, 1
		if i == 2 {
			rate = 16000
		}
		if i == 3 {
			rate, channels = 48000, 2
		}
		phones = append(phones, newPhone(t, phoneOpts{user: fmt.Sprintf("p%d", i), wav: toneFile(t, hz[i], rate, channels, 90), codec: c}))
		trunks += fmt.Sprintf(trunkConfig, fmt.Sprintf("out%d", i), phones[i].port)
	}
	s := newServer(t, trunks).start()
	var room wire.Room
	if st := s.call(http.MethodPost, "/v1/rooms", map[string]any{}, &room); st != http.StatusCreated {
		t.Fatalf("POST /v1/rooms: %d", st)
	}
	var legs []wire.Leg
	for i, p := range phones {
		var a wire.LegAnswer
		if st := s.call(http.MethodPost, "/v1/legs", map[string]any{"kind": "sip", "call_id": room.CallID, "to": fmt.Sprintf("p%d", i), "trunk": fmt.Sprintf("out%d", i), "role": "expert"}, &a); st != http.StatusCreated {
			t.Fatalf("dial phone %d: %d %+v", i, st, a)
		}
		p.wait("CALL_ESTABLISHED", 5*time.Second)
		legs = append(legs, a.Leg)
	}
	established := time.Now()
	var peers []*peer
	for i := 4; i < 8; i++ {
		p, st, problem := newPeer(t, s, room.CallID, hz[i])
		if p == nil {
			t.Fatalf("peer %d: %d %v", i, st, problem)
		}
		peers = append(peers, p)
		legs = append(legs, p.leg)
	}
	if p, st, problem := newPeer(t, s, room.CallID, 2000); p != nil || st != http.StatusConflict || problem["code"] != "room_full" {
		t.Errorf("a ninth party: %d %v, want 409 room_full", st, problem)
	}

	// What each party should hear, phase by phase; the telephones' ears are files and are looked at in the end.
	type phase struct {
		name     string
		from, to time.Duration
		want     [][]float64
	}
	var phases []phase
	step := func(name string, want func(i int) []float64) {
		t.Helper()
		time.Sleep(900 * time.Millisecond) // the change, and what is still on its way
		ph := phase{name: name, from: time.Since(established)}
		time.Sleep(1500 * time.Millisecond)
		ph.to = time.Since(established)
		for i := range 8 {
			ph.want = append(ph.want, want(i))
		}
		phases = append(phases, ph)
		for k, p := range peers {
			if got := p.hears(hz); !slices.Equal(got, ph.want[4+k]) {
				t.Errorf("%s: peer %d hears %v, want %v", name, 4+k, got, ph.want[4+k])
			}
		}
	}
	act := func(method, path string, body any) {
		t.Helper()
		if st := s.call(method, path, body, nil); st/100 != 2 {
			t.Fatalf("%s %s: %d", method, path, st)
		}
	}
	others := func(i int) []float64 { return without(hz, hz[i]) }

	step("all", others)
	act(http.MethodPatch, "/v1/legs/"+legs[0].ID, map[string]any{"muted": true})
	act(http.MethodPatch, "/v1/legs/"+legs[5].ID, map[string]any{"muted": true})
	step("a telephone and a browser muted", func(i int) []float64 { return without(hz, hz[i], hz[0], hz[5]) })
	act(http.MethodPatch, "/v1/legs/"+legs[0].ID, map[string]any{"muted": false})
	act(http.MethodPatch, "/v1/legs/"+legs[5].ID, map[string]any{"muted": false})
	act(http.MethodPost, "/v1/legs/"+legs[1].ID+"/hold", map[string]any{})
	step("a telephone held", func(i int) []float64 {
		if i == 1 {
			return nil // music, and none of the parties; not compared
		}
		return without(hz, hz[i], hz[1])
	})
	act(http.MethodPost, "/v1/legs/"+legs[1].ID+"/resume", map[string]any{})
	step("unheld", others)
	act(http.MethodDelete, "/v1/legs/"+legs[7].ID, nil)
	peers[3].close()
	peers = peers[:3]
	step("a browser left", func(i int) []float64 { return without(hz, hz[i], hz[7]) })
	quit := time.Since(established)
	for _, p := range phones {
		p.quit()
	}
	for i, p := range phones {
		heard := at8k(t, p.heard())
		for _, ph := range phases {
			if ph.want[i] == nil {
				continue
			}
			// A telephone's file ends when it hangs up; the middle of each phase is found from there.
			at := len(heard) - int((quit-(ph.from+ph.to)/2).Milliseconds())*8
			if at < 2000 || at+2000 > len(heard) {
				t.Fatalf("%s: telephone %d heard only %d samples", ph.name, i, len(heard))
			}
			if got := hears(heard[at-2000:at+2000], 8000, hz); !slices.Equal(got, ph.want[i]) {
				t.Errorf("%s: telephone %d hears %v, want %v", ph.name, i, got, ph.want[i])
			}
		}
	}
}
