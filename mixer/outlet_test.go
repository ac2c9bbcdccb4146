package mixer

import (
	"fmt"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// TestStreams: a member with sinks of its own for each voice gets each on its own, forwarded where that
// can be, and on its own sink what is left.
func TestStreams(t *testing.T) {
	h, r, legs := forwardRoom(t, media.Opus, 4)
	plain := newLine("3", media.PCMU) // speaks another codec than the sinks take
	h.do(r, Leave{ID: "3"}, Join{ID: "3", Leg: plain})
	sinks := map[string]media.RelaySink{}
	out := map[string]*line{}
	for _, id := range []string{"1", "2", "3", "late"} {
		out[id] = newLine("0/"+id, media.Opus)
		sinks[id] = out[id]
	}
	h.do(r, Streams{ID: "0", Sinks: sinks})
	h.ticks(20)
	start := r.tick
	before := h.e.Stats()
	empty := legs[0].empty
	h.ticks(100)
	s := h.e.Stats()
	if got := s.Forwarded - before.Forwarded; got != 200 {
		t.Errorf("%d frames forwarded, want those of 1 and 2", got)
	}
	for _, id := range []string{"1", "2", "3"} {
		out[id].sequence(t, id, start, r.tick)
		if len(out[id].heard) < 100 {
			t.Errorf("%s: %d frames", id, len(out[id].heard))
		}
	}
	if legs[0].empty-empty != 100 {
		t.Errorf("its own sink got %d of 100 frames without a payload", legs[0].empty-empty)
	}
	late := newLine("late", media.Opus)
	h.do(r, Join{ID: "late", Leg: late}, Play{ID: "p", Source: &prompt{value: 1000, left: 1000}, To: []string{"0"}}, Mute{ID: "2", On: true})
	h.ticks(10)
	if out["2"].relaying || !out["late"].relaying || !out["1"].relaying {
		t.Error("a muted voice is still handed on, or the one that joined is not")
	}
	if got := legs[0].heard[r.tick+legs[0].shift]; got != 1000 {
		t.Errorf("its own sink gets %d, want the prompt alone", got)
	}
	if n := len(r.Snapshot().Members); n != 5 {
		t.Errorf("%d members", n)
	}
	h.do(r, StopPlay{ID: "p"}, Play{ID: "x", Source: &prompt{value: 2000, left: 1000}, To: []string{"0"}, Exclusive: true})
	h.ticks(2)
	if out["1"].relaying || legs[0].heard[r.tick+legs[0].shift] != 2000 {
		t.Error("an exclusive prompt does not have it to itself")
	}
	h.do(r, StopPlay{ID: "x"}, Streams{ID: "0"})
	for id, o := range out {
		if o.relaying {
			t.Errorf("%s is still handed on", id)
		}
	}
	h.ticks(5)
	if legs[0].heard[r.tick+legs[0].shift] == 0 {
		t.Error("no mix again")
	}
	if got := code(h.try(r, Streams{ID: "0", Sinks: map[string]media.RelaySink{"1": nil}})); got != "invalid_command" {
		t.Errorf("no sink: %q", got)
	}
	if s := h.e.Stats(); s.Panics > 0 {
		t.Errorf("%d panics: %v", s.Panics, r.err)
	}
}

// TestEverybodyInStreams: eight members, each with a sink for each other, at one tick's cost of allocation.
func TestEverybodyInStreams(t *testing.T) {
	var made int
	cfg := rawConfig()
	raws := cfg.NewEncoder
	cfg.NewEncoder = func(f media.Format, r pcm.Rate) (codec.Encoder, error) { made++; return raws(f, r) }
	h := byHand(t, cfg)
	made = 0
	r := h.open("r")
	for i := range MaxMembers {
		h.do(r, Join{ID: fmt.Sprint(i), Leg: &quietLine{line: newLine("", media.PCMU)}})
	}
	for i := range MaxMembers {
		sinks := map[string]media.RelaySink{}
		for k := range MaxMembers {
			if k != i {
				o := &quietLine{line: newLine("", media.Opus)} // another codec: all are encoded
				sinks[fmt.Sprint(k)] = o
			}
		}
		h.do(r, Streams{ID: fmt.Sprint(i), Sinks: sinks})
	}
	h.ticks(5)
	before := h.e.Stats()
	h.ticks(10)
	s := h.e.Stats()
	if got := s.Encodes - before.Encodes; got != 80 || s.Shared-before.Shared != 10*(56-8) {
		t.Errorf("%d encodes in 10 ticks, want one for each voice", got)
	}
	if made > 3*MaxMembers {
		t.Errorf("%d encoders made for 8 voices and 8 mixes", made)
	}
	if n := testing.AllocsPerRun(20, h.tick); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
