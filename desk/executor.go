package desk

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// commandLimit is how long one command to a call may take.
const commandLimit = 10 * time.Second

// executor carries commands out on the calls: those of one call in order, those of different calls side by
// side. A goroutine per call lives only as long as the call has commands waiting.
type executor struct {
	plane    Plane
	voice    Voice
	detector Detector
	log      *slog.Logger
	post     func(floor.Input)

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex // guards lanes and music
	lanes map[string][]floor.Command
	music map[string]string // leg -> what is played to it over and over
}

func newExecutor(p Plane, v Voice, d Detector, log *slog.Logger, post func(floor.Input)) *executor {
	e := &executor{plane: p, voice: v, detector: d, log: log, post: post, lanes: map[string][]floor.Command{}, music: map[string]string{}}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// do queues a command. It never blocks.
func (e *executor) do(c floor.Command) {
	e.mu.Lock()
	defer e.mu.Unlock()
	lane, running := e.lanes[c.CallID]
	e.lanes[c.CallID] = append(lane, c)
	if !running {
		e.wg.Go(func() { e.drive(c.CallID) })
	}
}

// drive empties one call's lane.
func (e *executor) drive(callID string) {
	for {
		e.mu.Lock()
		lane := e.lanes[callID]
		if len(lane) == 0 {
			delete(e.lanes, callID)
			e.mu.Unlock()
			return
		}
		c := lane[0]
		e.lanes[callID] = lane[1:]
		e.mu.Unlock()
		e.run(c)
	}
}

func (e *executor) run(c floor.Command) {
	ctx, cancel := context.WithTimeout(e.ctx, commandLimit)
	defer cancel()
	err := e.call(ctx, c)
	if err == nil || e.ctx.Err() != nil {
		return
	}
	p := problem.As(err)
	// 404: the leg or call is over, and its end is on the bus. 409 to answer, record: somebody was faster.
	if p.Status == http.StatusNotFound || p.Status == http.StatusConflict && (c.Op == floor.OpAnswer || c.Op == floor.OpRecord) {
		return
	}
	e.log.Warn("command to call failed", "op", string(c.Op), "call", c.CallID, "leg", c.LegID, "cause", err)
	e.post(floor.CommandFailed{Command: c, Detail: p.Detail})
}

func (e *executor) call(ctx context.Context, c floor.Command) error {
	switch c.Op {
	case floor.OpAnswer:
		return e.plane.Answer(ctx, c.LegID, floor.Actor)
	case floor.OpHold:
		return e.plane.Hold(ctx, c.LegID, floor.Actor)
	case floor.OpResume:
		return e.plane.Resume(ctx, c.LegID, floor.Actor)
	case floor.OpRecord:
		_, err := e.plane.StartRecording(ctx, c.CallID, floor.Actor)
		return err
	case floor.OpHangup:
		return e.plane.HangupLeg(ctx, c.LegID, c.Code, floor.Actor)
	case floor.OpOpen:
		_, err := e.plane.Create(ctx, call.NewCall{
			ID: c.CallID, From: c.Dial.From, FromName: c.Dial.Name, Queue: c.Dial.Queue, Agent: c.Dial.Agent,
			ClientRef: c.Dial.Task, Actor: floor.Actor,
		})
		return err
	case floor.OpDial:
		_, err := e.plane.DialLeg(ctx, c.CallID, call.DialRequest{
			Trunk: c.Dial.Trunk, To: c.Dial.To, From: c.Dial.From, Timeout: c.Dial.Ring,
		}, wire.RoleCustomer, floor.Actor)
		return err
	case floor.OpDetect:
		e.post(floor.Detected{CallID: c.CallID, Machine: e.machine(ctx, c)})
		return nil
	case floor.OpBeep:
		return e.plane.Beep(ctx, c.LegID, floor.Actor)
	case floor.OpArrange:
		_, err := e.plane.Arrange(ctx, c.CallID, c.Seats, floor.Actor)
		return err
	case floor.OpVariables:
		_, err := e.plane.SetVariables(ctx, c.CallID, c.Vars, floor.Actor)
		return err
	case floor.OpInvite:
		role := wire.RoleExpert
		if c.Invite.Phone != "" {
			role = wire.RoleAgent
		}
		_, err := e.plane.DialLeg(ctx, c.CallID, call.DialRequest{
			To: c.Invite.To, Side: c.Invite.Side, ClientRef: c.Invite.Ref, Agent: c.Invite.Phone, Timeout: c.Invite.Timeout,
		}, role, floor.Actor)
		return err
	case floor.OpSay, floor.OpTone:
		return e.say(ctx, c, false)
	case floor.OpMusic:
		return e.say(ctx, c, true)
	case floor.OpHush:
		return e.hush(ctx, c.LegID)
	case floor.OpEnd:
		return e.plane.EndCall(ctx, c.CallID, c.Code, floor.Actor)
	default:
		return errors.New("desk: unknown command " + string(c.Op))
	}
}

// say plays files, or a tone when there are none.
func (e *executor) say(ctx context.Context, c floor.Command, loop bool) error {
	if e.voice == nil {
		return problem.New(http.StatusServiceUnavailable, "no_voice", "nothing can be announced here")
	}
	p, err := e.voice.Say(ctx, c.LegID, c.Files, loop, floor.Actor)
	if err != nil || !loop {
		return err
	}
	e.mu.Lock()
	before := e.music[c.LegID]
	e.music[c.LegID] = p.ID
	e.mu.Unlock()
	if before != "" {
		return e.plane.StopPlay(ctx, c.LegID, before, floor.Actor)
	}
	return nil
}

// hush ends the music of a leg.
func (e *executor) hush(ctx context.Context, legID string) error {
	e.mu.Lock()
	id := e.music[legID]
	delete(e.music, legID)
	e.mu.Unlock()
	if id == "" {
		return nil
	}
	return e.plane.StopPlay(ctx, legID, id, floor.Actor)
}

// close waits for what is under way, for at most the commands' own limit once they are cancelled.
func (e *executor) close() {
	e.cancel()
	e.wg.Wait()
}

// detectLimit is how long a detector may take; whoever is there hears nothing meanwhile.
const detectLimit = 3 * time.Second

// machine asks the detector; without one, and when it fails, whoever answered is a person.
func (e *executor) machine(ctx context.Context, c floor.Command) bool {
	if e.detector == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, detectLimit)
	defer cancel()
	m, err := e.detector.Machine(ctx, c.CallID, c.LegID)
	if err != nil {
		e.log.Warn("answering machine not looked for", "call", c.CallID, "cause", err)
	}
	return m && err == nil
}
