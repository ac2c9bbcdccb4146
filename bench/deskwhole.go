package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/signaling/wire"
)

// wholeResult is the desk as it runs: its goroutine, its log, and events that clients see once they are on disk.
type wholeResult struct {
	Offers                          int
	OffersPerSecond                 float64
	AnsweredP50MS, AnsweredP99MS    float64 // from the agent's word until it is answered, which is when it is on disk
	ToldP50MS, ToldP99MS, ToldMaxMS float64 // from the agent's word until a client has the offer
	ResidentMB                      float64
	CPUPercent                      float64 // of one core
	RestartSeconds                  float64 // from the logs on disk to a desk that knows all again
}

// lines is a Plane whose calls only wait: nobody is put through here.
type lines struct{ desk.Plane }

func (lines) Secrets(string) map[string]string { return nil }

func (lines) Call(id string) (wire.Call, error) { return wire.Call{ID: id}, nil }

// office is a running desk on a folder.
type office struct {
	desk *desk.Desk
	bus  *event.Bus
	shut func() error
}

func (c deskCmd) open(dir string) (*office, error) {
	s, err := store.Open(store.Config{Dir: dir}, nil)
	if err != nil {
		return nil, err
	}
	log, err := s.Log("desk")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	events, err := s.EventLog("events", time.Hour)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	bus := event.New(1<<17, 1, time.Now)
	if err := bus.Restore(events); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	from := bus.Last()
	d, err := desk.New(c.config(), desk.Deps{Plane: lines{}, Bus: bus, Store: log})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var kept, ran error
	wg.Go(func() { kept = bus.Persist(ctx, from, events, slog.New(slog.DiscardHandler)) })
	wg.Go(func() { ran = d.Run(ctx) })
	return &office{d, bus, func() error {
		stop()
		wg.Wait()
		return errors.Join(ran, kept, s.Close())
	}}, nil
}

// whole measures the desk as it runs.
func (c deskCmd) whole(ctx context.Context) (r wholeResult, err error) {
	dir := c.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "cordboard-bench"); err != nil {
			return r, err
		}
		defer os.RemoveAll(dir)
	}
	dir = filepath.Join(dir, "store")
	o, err := c.open(dir)
	if err != nil {
		return r, err
	}
	defer func() {
		if o != nil {
			err = errors.Join(err, o.shut())
		}
	}()
	if err := c.fill(ctx, o); err != nil {
		return r, err
	}

	told := make(chan wire.Offer, 1)
	watching, enough := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer enough()
	from := o.bus.LastKept()
	watch.Go(func() { watchOffers(watching, o.bus, from, told) })

	var answered, seen []time.Duration
	cpu, begin := cpuTime(), time.Now()
	tick := time.NewTicker(time.Second / time.Duration(c.Rate))
	defer tick.Stop()
	for n := 0; time.Since(begin) < c.Time; {
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-tick.C:
		}
		for made := false; !made; n++ {
			agent := fmt.Sprintf("a%d", n%c.Agents)
			at := time.Now()
			if _, err := o.desk.SetState(ctx, agent, wire.AgentReady, "", agent); err != nil {
				return r, err
			}
			took := time.Since(at)
			offers := o.desk.Offers(agent)
			if len(offers) == 0 {
				continue
			}
			made, answered = true, append(answered, took)
			select {
			case <-ctx.Done():
				return r, ctx.Err()
			case <-time.After(10 * time.Second):
				return r, fmt.Errorf("the offer to %s reached no client in 10 s", agent)
			case <-told:
				seen = append(seen, time.Since(at))
			}
			if _, err := o.desk.Decline(ctx, offers[0].ID, agent); err != nil {
				return r, err
			}
		}
	}
	wall, used := time.Since(begin), cpuTime()-cpu
	resident, err := residentMB()
	if err != nil {
		return r, err
	}
	a, t := quantiles(answered), quantiles(seen)
	r = wholeResult{
		Offers: len(seen), OffersPerSecond: float64(len(seen)) / wall.Seconds(),
		AnsweredP50MS: a[0], AnsweredP99MS: a[1], ToldP50MS: t[0], ToldP99MS: t[1], ToldMaxMS: t[2],
		ResidentMB: resident, CPUPercent: 100 * used.Seconds() / wall.Seconds(),
	}
	enough()
	watch.Wait()
	err, o = o.shut(), nil
	if err != nil {
		return r, err
	}
	again := time.Now()
	if o, err = c.open(dir); err != nil {
		return r, err
	}
	waiting := 0
	for _, q := range o.desk.Queues() {
		waiting += q.Waiting
	}
	r.RestartSeconds = time.Since(again).Seconds()
	if waiting != c.Waiting {
		return r, fmt.Errorf("%d calls wait after the restart, %d did before", waiting, c.Waiting)
	}
	return r, nil
}

// fill signs the agents in and lets the calls come.
func (c deskCmd) fill(ctx context.Context, o *office) error {
	for a := range c.Agents {
		if _, err := o.desk.SignIn(ctx, fmt.Sprintf("a%d", a)); err != nil {
			return err
		}
	}
	for n := range c.Waiting {
		call := c.call(n)
		o.bus.Publish("call.created", call.ID, "", call)
	}
	for end := time.Now().Add(2 * time.Minute); ; {
		waiting := 0
		for _, q := range o.desk.Queues() {
			waiting += q.Waiting
		}
		if waiting == c.Waiting {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d calls wait after two minutes", waiting, c.Waiting)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// watchOffers is a client's view: what AfterKept gives is on disk.
func watchOffers(ctx context.Context, bus *event.Bus, cursor uint64, told chan<- wire.Offer) {
	var events []wire.Event
	for {
		var err error
		if events, err = bus.AfterKept(ctx, cursor, events[:0], 256); err != nil {
			return
		}
		for _, e := range events {
			cursor = e.Seq
			if o, ok := e.Data.(wire.Offer); ok && e.Type == "offer.created" {
				select {
				case told <- o:
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

// residentMB is what this process holds of the memory, statm(5) counts pages; what the part before this one has left
// is given back first.
func residentMB() (float64, error) {
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, resident int
	if _, err := fmt.Sscan(string(data), &size, &resident); err != nil {
		return 0, err
	}
	return float64(resident) * float64(os.Getpagesize()) / (1 << 20), nil
}
