package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	routing "github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

// deskCmd is the routing of a large contact centre, without media: agents turn ready at a steady rate, are
// offered the right one of many waiting calls by class, priority, age and skills, and turn it down, so that the
// line stays as long as it is. It is measured twice: the decision by itself, and through the desk as it runs,
// with its goroutine, its log and the log of events on disk, from the agent's word to the offer in a client's hands.
type deskCmd struct {
	Agents  int           `help:"Agents signed in." default:"2000"`
	Waiting int           `help:"Calls that wait." default:"20000"`
	Queues  int           `help:"Queues, two for each agent." default:"20"`
	Rate    int           `help:"Offers a second." default:"50"`
	Time    time.Duration `help:"Time over which each is measured." default:"60s"`
	Dir     string        `help:"Folder of the logs; empty: a temporary one." placeholder:"DIR"`
	JSON    string        `name:"json" help:"Write the result to this file." placeholder:"FILE"`
}

// deskResult is what was measured.
type deskResult struct {
	Agents, Waiting, Queues int
	Rate                    int     // offers a second asked for
	Offers                  int     // made
	OffersPerSecond         float64 // made
	P50MS, P99MS, MaxMS     float64 // of one decision: from the agent's word to the offer
	HeapMB                  float64 // live after a collection
	CPUPercent              float64 // of one core, over the whole time
	Reconfigure             float64 // milliseconds to put another configuration in force
	Whole                   wholeResult
}

func (c deskCmd) Run(ctx context.Context) error {
	r, err := c.decisions(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d agents, %d waiting calls, %d queues with skills: %.1f offers a second\n", r.Agents, r.Waiting, r.Queues, r.OffersPerSecond)
	fmt.Printf("decision p50 %.2f ms, p99 %.2f ms, most %.2f ms; heap %.0f MB; CPU %.0f %% of a core; reconfigured in %.0f ms\n",
		r.P50MS, r.P99MS, r.MaxMS, r.HeapMB, r.CPUPercent, r.Reconfigure)
	if r.Whole, err = c.whole(ctx); err != nil {
		return err
	}
	w := r.Whole
	fmt.Printf("the desk with its logs on disk: %.1f offers a second; answered p50 %.1f ms, p99 %.1f ms; offer with a client p50 %.1f ms, p99 %.1f ms, most %.1f ms; resident %.0f MB; CPU %.0f %% of a core; started again in %.2f s\n",
		w.OffersPerSecond, w.AnsweredP50MS, w.AnsweredP99MS, w.ToldP50MS, w.ToldP99MS, w.ToldMaxMS, w.ResidentMB, w.CPUPercent, w.RestartSeconds)
	if c.JSON == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.JSON, append(data, '\n'), 0o644)
}

func (c deskCmd) config() routing.Config {
	cfg := routing.Config{Skills: []routing.Skill{{ID: "language"}, {ID: "product"}}}
	for q := range c.Queues {
		cfg.Queues = append(cfg.Queues, routing.Queue{
			ID: fmt.Sprintf("q%d", q),
			Skills: []routing.Need{
				{Skill: "language", Level: 1 + q%5, RelaxAfter: routing.Seconds(30 + q), RelaxTo: 1},
				{Skill: "product", Preferred: true},
			},
		})
		cfg.Numbers = append(cfg.Numbers, routing.Number{Number: fmt.Sprint(q), Queue: fmt.Sprintf("q%d", q), Priority: q % 3})
	}
	for a := range c.Agents {
		cfg.Agents = append(cfg.Agents, routing.Agent{
			ID: fmt.Sprintf("a%d", a), Queues: []string{fmt.Sprintf("q%d", a%c.Queues), fmt.Sprintf("q%d", (a+7)%c.Queues)},
			Skills: routing.Levels{{Skill: "language", Level: 1 + a%10}, {Skill: "product", Level: 1 + a*7%10}},
		})
	}
	return cfg
}

func (c deskCmd) call(n int) wire.Call {
	return wire.Call{ID: fmt.Sprintf("call_%06d", n), Direction: wire.Inbound, From: "1", To: fmt.Sprint(n % c.Queues)}
}

// decisions measures the floor by itself.
func (c deskCmd) decisions(ctx context.Context) (r deskResult, err error) {
	cfg := c.config()
	f, err := routing.New(cfg, routing.NewState(), id.New)
	if err != nil {
		return r, err
	}
	var failed error
	step := func(in routing.Input) []routing.Effect {
		_, effects, err := f.Step(time.Now(), in)
		if err != nil && failed == nil {
			failed = fmt.Errorf("%T: %w", in, err)
		}
		return effects
	}
	for a := range c.Agents {
		step(routing.SignIn{Agent: fmt.Sprintf("a%d", a), Session: fmt.Sprint(a)})
	}
	for n := range c.Waiting {
		step(routing.CallCreated{Call: c.call(n)})
	}
	if failed != nil {
		return r, failed
	}
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)

	var took []time.Duration
	cpu, begin := cpuTime(), time.Now()
	tick := time.NewTicker(time.Second / time.Duration(c.Rate))
	defer tick.Stop()
	for n := 0; time.Since(begin) < c.Time && failed == nil; {
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-tick.C:
		}
		if f.Due(time.Now()) {
			step(routing.Tick{})
		}
		// Some have not the skills for any call yet: each tick goes on to the next agent until there is an offer.
		for made, tries := false, 0; !made && tries < c.Agents; tries, n = tries+1, n+1 {
			at := time.Now()
			effects := step(routing.SetState{Agent: fmt.Sprintf("a%d", n%c.Agents), State: wire.AgentReady})
			d := time.Since(at)
			for _, e := range effects {
				if o, ok := e.(routing.Event); ok && o.Type == "offer.created" {
					made, took = true, append(took, d)
					step(routing.Decline{Offer: o.Data.(wire.Offer).ID})
				}
			}
		}
	}
	if failed != nil {
		return r, failed
	}
	wall, used := time.Since(begin), cpuTime()-cpu
	if len(took) == 0 {
		return r, fmt.Errorf("no offer was made")
	}
	at := time.Now()
	cfg.Queues[0].Priority = 1
	step(routing.Reconfigure{Config: cfg, Base: f.Version(), Actor: "bench"})
	again := time.Since(at)
	q := quantiles(took)
	return deskResult{
		Agents: c.Agents, Waiting: c.Waiting, Queues: c.Queues, Rate: c.Rate, Offers: len(took), OffersPerSecond: float64(len(took)) / wall.Seconds(),
		P50MS: q[0], P99MS: q[1], MaxMS: q[2],
		HeapMB: float64(mem.HeapAlloc) / (1 << 20), CPUPercent: 100 * used.Seconds() / wall.Seconds(), Reconfigure: millis(again),
	}, failed
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// quantiles is the median, the 99th percentile and the most, in milliseconds.
func quantiles(took []time.Duration) [3]float64 {
	slices.Sort(took)
	return [3]float64{millis(took[len(took)/2]), millis(took[len(took)*99/100]), millis(took[len(took)-1])}
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
