package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestForwarding: two telephones with one codec get each other's packets, not a mix. A third party comes and
// goes, and finds their room dozing; what the two hear of each other goes on without a hole.
func TestForwarding(t *testing.T) {
	hz := []float64{431, 743}
	var phones []*phone
	trunks := ""
	for i, f := range hz {
		phones = append(phones, newPhone(t, phoneOpts{user: fmt.Sprintf("f%d", i), wav: toneFile(t, f, 8000, 1, 60), codec: "PCMU/8000/1"}))
		trunks += fmt.Sprintf(trunkConfig, fmt.Sprintf("out%d", i), phones[i].port)
	}
	s := newServer(t, trunks).start()
	var room wire.Room
	if st := s.call(http.MethodPost, "/v1/rooms", map[string]any{}, &room); st != http.StatusCreated {
		t.Fatalf("POST /v1/rooms: %d", st)
	}
	for i, p := range phones {
		var a wire.LegAnswer
		if st := s.call(http.MethodPost, "/v1/legs", map[string]any{"kind": "sip", "call_id": room.CallID, "to": fmt.Sprintf("f%d", i), "trunk": fmt.Sprintf("out%d", i), "role": "expert"}, &a); st != http.StatusCreated {
			t.Fatalf("dial phone %d: %d %+v", i, st, a)
		}
		p.wait("CALL_ESTABLISHED", 5*time.Second)
	}
	// forwarded reports how many packets went on as they were within a second.
	forwarded := func() float64 {
		before := s.metric("cordboard_mixer_forwarded_total")
		time.Sleep(time.Second)
		return s.metric("cordboard_mixer_forwarded_total") - before
	}
	const most = 2 * 50 // a room that dozes counts them by ten ticks
	time.Sleep(3 * time.Second)
	from := time.Now()
	dozed := s.metric("cordboard_mixer_dozed_total")
	if n := forwarded(); n < most*0.75 {
		t.Errorf("alone with each other: %.0f packets forwarded in a second, want about %d", n, most)
	}
	if n := s.metric("cordboard_mixer_dozed_total") - dozed; n < 30 {
		t.Errorf("the room left out %.0f ticks in a second, want about 45", n)
	}
	third, st, problem := newPeer(t, s, room.CallID, 1093)
	if third == nil {
		t.Fatalf("third party: %d %v", st, problem)
	}
	time.Sleep(time.Second)
	if n := forwarded(); n != 0 {
		t.Errorf("with a third party: %.0f packets forwarded in a second, want none", n)
	}
	if got := third.hears(hz); len(got) != 2 {
		t.Errorf("the third party hears %v, want both", got)
	}
	s.call(http.MethodDelete, "/v1/legs/"+third.leg.ID, nil, nil)
	third.close()
	time.Sleep(3 * time.Second)
	if n := forwarded(); n < most*0.75 {
		t.Errorf("alone again: %.0f packets forwarded in a second, want about %d", n, most)
	}
	took := time.Since(from)
	for _, p := range phones {
		p.quit()
	}
	for i, p := range phones {
		heard := at8k(t, p.heard())
		heard = heard[max(0, len(heard)-int(took.Milliseconds())*8):]
		heard = heard[:len(heard)-2000] // hanging up
		hole, longest := 0, 0
		const win = 80
		for at := 0; at+win <= len(heard); at += win {
			if testaudio.Level(heard[at:at+win], hz[1-i], 8000) > -36 {
				hole = 0
				continue
			}
			hole += win / 8
			longest = max(longest, hole)
		}
		t.Logf("telephone %d: longest hole %d ms in %v", i, longest, took.Round(time.Second))
		if longest > 20 {
			t.Errorf("telephone %d heard nothing of the other for %d ms, want at most 20", i, longest)
		}
	}
}

// metric reads one of the server's own figures; of several with labels, the sum.
func (s *server) metric(name string) float64 {
	s.t.Helper()
	resp, err := http.Get(s.http + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok && rest != "" && (rest[0] == ' ' || rest[0] == '{') {
			f := strings.Fields(rest)
			v, err := strconv.ParseFloat(f[len(f)-1], 64)
			if err != nil {
				s.t.Fatalf("metric %q: %v", line, err)
			}
			sum += v
		}
	}
	return sum
}
