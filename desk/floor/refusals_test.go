package floor

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Every refusal for the state something is in says what is allowed instead.
func TestRefusalsSayWhatIsAllowed(t *testing.T) {
	consulting := func(p *play) string {
		call := p.anas()
		p.do(StartConsult{Call: call, Agent: "ana", Actor: "ana", Kind: wire.TargetAgent, Target: "bor", Hold: true})
		return call
	}
	for name, c := range map[string]struct {
		in   func(p *play) Input
		code string
		want string // one of those allowed
	}{
		"a target that is busy": {func(p *play) Input {
			call := p.anas()
			p.ring("051", "100")
			return StartConsult{Call: call, Agent: "ana", Kind: wire.TargetAgent, Target: "bor"}
		}, "target_not_available", "not_ready"},
		"a target that is not here": {func(p *play) Input {
			return StartConsult{Call: p.anas(), Agent: "ana", Kind: wire.TargetAgent, Target: "eva"}
		}, "target_not_available", "sign_in"},
		"a blind transfer while somebody is asked": {func(p *play) Input {
			return Transfer{Call: consulting(p), Agent: "ana", Kind: wire.TargetAgent, Target: "eva"}
		}, "consult_open", "end_consult"},
		"nothing to hand over": {func(*play) Input {
			return Station{Agent: "bor", Station: "200", Handover: true}
		}, "nothing_to_hand_over", "not_ready"},
		"a full call": {func(p *play) Input {
			call := p.anas()
			for i := range 6 {
				p.added(call, "ana", fmt.Sprintf("+3864%d", i))
			}
			return Confer{Call: call, Agent: "ana", Kind: wire.TargetAgent, Target: "bor"}
		}, "call_wrong_state", "exit"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, stageConfig())
			p.ready("bor")
			e := problem.As(p.try(c.in(p)))
			if e.Status != 409 || e.Code != c.code || e.State == "" || !slices.Contains(e.Allowed, c.want) {
				t.Fatalf("%+v", e)
			}
		})
	}
	p := newPlay(t, stageConfig())
	p.ready("bor")
	k, _ := p.consultOf(consulting(p))
	if _, err := k.Swap(); !slices.Equal(problem.As(err).Allowed, []string{"end_consult", "conference", "transfer"}) {
		t.Fatalf("%+v", problem.As(err))
	}
}
