package desk

import (
	"maps"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// gathered is what the listener has seen of the calls' own variables, by call: a picture of a call holds all its
// variables, and what of them is news is the difference. An agent may have changed another one meanwhile, of which
// the call has not heard yet; it must not be taken back.
type gathered map[string]map[string]string

// news is what has changed since the last picture, with "" for what is gone.
func (g gathered) news(callID string, vars map[string]string) map[string]string {
	was := g[callID]
	g[callID] = vars
	out := map[string]string{}
	for name, text := range vars {
		if before, there := was[name]; !there || before != text {
			out[name] = text
		}
	}
	for name := range was {
		if _, there := vars[name]; !there {
			out[name] = ""
		}
	}
	return out
}

// variablesOf gives an input about a call the variables that are news, and the secure ones, which are in no picture.
func (d *Desk) variablesOf(seen gathered, e wire.Event, c wire.Call, in floor.Input) floor.Input {
	switch e.Type {
	case "call.created":
		secrets := d.deps.Plane.Secrets(c.ID)
		seen.news(c.ID, merged(c.Variables, secrets))
		if created, ok := in.(floor.CallCreated); ok {
			created.Secrets = secrets
			return created
		}
	case "call.changed":
		news := seen.news(c.ID, merged(c.Variables, d.deps.Plane.Secrets(c.ID)))
		if e.Actor != floor.Actor && len(news) > 0 {
			return floor.CallChanged{ID: c.ID, Vars: news, Actor: e.Actor}
		}
	case "call.ended":
		delete(seen, c.ID)
	}
	return in
}

func merged(a, b map[string]string) map[string]string {
	out := make(map[string]string, len(a)+len(b))
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}
