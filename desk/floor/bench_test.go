package floor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

// BenchmarkRouting is one routing decision on a floor of 2,000 agents in 20 queues with 20,000 waiting
// calls: an agent turns ready, is offered the right call, lets it ring out, and the call goes back to its
// place. ns/op is for all of that, p99_us the 99th percentile of turning ready up to the offer.
func BenchmarkRouting(b *testing.B) {
	cfg := Config{}
	for q := range 20 {
		cfg.Queues = append(cfg.Queues, Queue{ID: fmt.Sprintf("q%d", q)})
		cfg.Numbers = append(cfg.Numbers, Number{Number: fmt.Sprint(q), Queue: fmt.Sprintf("q%d", q), Priority: q % 3})
	}
	for a := range 2000 {
		cfg.Agents = append(cfg.Agents, Agent{ID: fmt.Sprintf("a%d", a), Queues: []string{fmt.Sprintf("q%d", a%20), fmt.Sprintf("q%d", (a+7)%20)}})
	}
	f, err := New(cfg, NewState(), id.New)
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	step := func(in Input) []Effect {
		now = now.Add(time.Millisecond)
		_, effects, err := f.Step(now, in)
		if err != nil {
			b.Fatal(err)
		}
		return effects
	}
	for a := range 2000 {
		step(SignIn{Agent: fmt.Sprintf("a%d", a), Session: fmt.Sprint(a)})
	}
	for c := range 20000 {
		step(CallCreated{Call: wire.Call{ID: fmt.Sprintf("call_%05d", c), Direction: wire.Inbound, To: fmt.Sprint(c % 20)}})
	}
	var took []time.Duration
	n := 0
	for b.Loop() {
		n++
		begin := time.Now()
		step(SetState{Agent: fmt.Sprintf("a%d", n%2000), State: wire.AgentReady})
		took = append(took, time.Since(begin))
		offers := f.Offers("")
		if len(offers) != 1 {
			b.Fatalf("%d offers", len(offers))
		}
		step(Decline{Offer: offers[0].ID})
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99_us")
}
