package call

import (
	"context"
	"fmt"

	"github.com/cordboard/cordboard/denoise"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/signaling/wire"
)

// suppression is what is to be done to a leg's voice: it is cleaned once for all who hear it, as much as it or any
// of them asks for. A party that holds us is left alone: it plays music.
func (a *actor) suppression(l *leg, hear []wire.MatrixCell) denoise.Settings {
	if l.wire.Hold.Remote {
		return denoise.Settings{}
	}
	s := denoise.Settings{Level: l.wire.Denoise.In, Residual: l.wire.Denoise.Residual, Music: l.wire.Denoise.SuppressMusic}
	for _, c := range hear {
		if o := a.leg(c.Listener); c.Source == l.wire.ID && o != nil {
			s.Level = max(s.Level, o.wire.Denoise.Out)
		}
	}
	return s
}

// suppresses reports whether any voice is suppressed or should be, and whether by the wish of who hears it.
func (a *actor) suppresses() (any, out bool) {
	for _, l := range a.legs {
		if w := l.wire.Denoise; l.joined {
			any = any || w.In > 0 || w.Out > 0 || w.Residual || l.denoiser != nil
			out = out || w.Out > 0
		}
	}
	return any, out
}

// suppress brings every voice's suppression to what it should be and tells which legs' pictures changed by it.
func (a *actor) suppress(ctx context.Context) (changed []*leg, err error) {
	any, out := a.suppresses()
	if !any || a.call.State == wire.CallEnded {
		return nil, nil
	}
	var hear []wire.MatrixCell
	if out {
		hear = a.room.Snapshot().Matrix
	}
	for _, l := range a.legs {
		if !l.joined {
			continue
		}
		s := a.suppression(l, hear)
		if l.denoiser == nil && !s.Off() {
			l.denoiser = denoise.Get(denoise.Settings{})
		}
		if d := l.denoiser; d != nil && d.Settings() != s {
			idle := d.Idle()
			d.Set(s)
			if idle { // else it is at work, and the room is awake
				if err := a.room.Do(ctx, mixer.Suppress{ID: l.wire.ID, By: d}); err != nil {
					d.Set(denoise.Settings{}) // for another try
					return changed, err
				}
			}
		}
		w := &l.wire.Denoise
		bypassed, passes := a.shed && !s.Off(), l.pass(s, a.shed)
		if w.Level != s.Level || w.Bypassed != bypassed || w.Passes != passes {
			w.Level, w.Bypassed, w.Passes = s.Level, bypassed, passes
			changed = append(changed, l)
		}
	}
	return changed, nil
}

// pass is why the leg's voice passes with these settings, "" where it does not, or is not to be suppressed.
func (l *leg) pass(s denoise.Settings, shed bool) wire.Pass {
	switch {
	case s.Off() && l.wire.Hold.Remote && l.wire.Denoise.In > 0:
		return wire.PassHold
	case s.Off():
		return ""
	case shed:
		return wire.PassOverload
	}
	return l.passes
}

// passChanged notes that what a leg says was found out to be something that is not suppressed, or no more. The next
// resuppress shows it.
func (a *actor) passChanged(id, why string) {
	if l := a.leg(id); l != nil && l.joined {
		l.passes = wire.Pass(why)
	}
}

// resuppress is suppress after something else has changed that may matter to it: who is there, who hears whom, who
// is on hold, what the server has time for.
func (a *actor) resuppress() {
	ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
	defer cancel()
	changed, err := a.suppress(ctx)
	if err != nil {
		a.log.Warn("noise suppression failed", "cause", err)
	}
	a.denoiseChanged(changed, "server")
}

func (a *actor) denoiseChanged(legs []*leg, actorName string) {
	if len(legs) == 0 {
		return
	}
	a.refresh()
	for _, l := range legs {
		typ := "denoise.changed"
		if l.wire.Denoise.Bypassed {
			typ = "denoise.degraded"
		}
		a.publish(typ, actorName, l.wire)
	}
}

// beginDenoise gives a leg that has just joined the suppression it begins with. One that cannot have it goes on
// without.
func (a *actor) beginDenoise(ctx context.Context, l *leg) {
	if of := a.b.deps.Denoise; of != nil {
		merge(&l.wire.Denoise, of(l.wire, l.trunk, a.call.Queue))
	}
	changed, err := a.suppress(ctx)
	if err != nil {
		a.log.Warn("noise suppression failed", "leg", l.wire.ID, "cause", err)
	}
	a.denoiseChanged(changed, "server")
}

// patchDenoise changes what a leg asks for. When that fails all is as before.
func (a *actor) patchDenoise(ctx context.Context, l *leg, p wire.DenoisePatch, actorName string) error {
	was := l.wire.Denoise
	merge(&l.wire.Denoise, p)
	changed, err := a.suppress(ctx)
	if err != nil {
		l.wire.Denoise = was
		return err
	}
	tell := l.wire.Denoise != was
	for _, c := range changed {
		tell = tell && c != l
	}
	if tell {
		changed = append(changed, l)
	}
	a.denoiseChanged(changed, actorName)
	return nil
}

func merge(d *wire.Denoise, p wire.DenoisePatch) {
	set(&d.In, p.In)
	set(&d.Out, p.Out)
	set(&d.Residual, p.Residual)
	set(&d.SuppressMusic, p.SuppressMusic)
}

// letGo gives back what a leg had in the room that it has left.
func (l *leg) letGo() {
	if l.denoiser != nil {
		denoise.Put(l.denoiser)
		l.denoiser = nil
	}
	l.passes = ""
	l.wire.Denoise.Level, l.wire.Denoise.Bypassed, l.wire.Denoise.Passes = 0, false, ""
}

// denoiseText is a leg's suppression for people who read a timeline.
func denoiseText(d wire.Denoise) string {
	text := fmt.Sprintf("in %d, out %d, level %d", d.In, d.Out, d.Level)
	if d.Residual {
		text += ", residual"
	}
	if d.Passes != "" {
		text += ", passes: " + string(d.Passes)
	}
	return text
}
