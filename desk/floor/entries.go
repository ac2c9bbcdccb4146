package floor

import (
	"net/http"
	"time"

	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// entry finds an entry point that is active now: the given number's, or with "" the first.
func (f *Floor) entry(number string) (entryPoint, bool) {
	for _, e := range f.entries {
		if (number == "" || Normalize(e.Number) == Normalize(number)) && !e.Off && e.plan.Open(f.now) {
			return e, true
		}
	}
	return entryPoint{}, false
}

// EntryPoints are the entry points that are active at a moment, and whether one will be.
func (f *Floor) EntryPoints(now time.Time) wire.EntryPointList {
	out := wire.EntryPointList{Items: []wire.EntryPoint{}}
	for _, e := range f.entries {
		if !e.Off && e.plan.Open(now) {
			out.Items = append(out.Items, wire.EntryPoint{Number: e.Number, Name: e.Name})
		}
		_, ok := e.plan.Next(now)
		out.Planning = out.Planning || !e.Off && ok
	}
	return out
}

// entryOf is the entry point with a number, active or not.
func (f *Floor) entryOf(number string) (entryPoint, bool) {
	for _, e := range f.entries {
		if Normalize(e.Number) == Normalize(number) {
			return e, true
		}
	}
	return entryPoint{}, false
}

// anyEntry says whether there is an entry point that is not switched off.
func (f *Floor) anyEntry() bool {
	for _, e := range f.entries {
		if !e.Off {
			return true
		}
	}
	return false
}

// entryDuring is an entry point for a callback of the given time: the one asked for when it will be active
// then, otherwise the first that is active at the start, otherwise the first that becomes so before the end.
func (f *Floor) entryDuring(start, end time.Time, number string) (entryPoint, bool) {
	var later entryPoint
	found := false
	for _, wish := range []bool{true, false} {
		for _, e := range f.entries {
			if e.Off || wish && (number == "" || Normalize(e.Number) != Normalize(number)) {
				continue
			}
			if e.plan.Open(start) {
				return e, true
			}
			if next, ok := e.plan.Next(start); ok && next.Before(end) {
				if wish {
					return e, true
				}
				if !found {
					later, found = e, true
				}
			}
		}
	}
	return later, found
}

// entryFor is the entry point a callback is made from now: its own, or any other that is active. Without one it is
// the moment at which the first one becomes active, zero for never as things stand.
func (f *Floor) entryFor(cb callback.Callback) (e entryPoint, at time.Time, ok bool) {
	for _, number := range []string{cb.Entry, ""} {
		if e, ok := f.entry(number); ok {
			return e, at, true
		}
	}
	for _, e := range f.entries {
		if e.Off {
			continue
		}
		if next, ok := e.plan.Next(f.now); ok && next.After(f.now) && (at.IsZero() || next.Before(at)) {
			at = next
		}
	}
	return e, at, false
}

func noEntryPoint() error {
	return problem.New(http.StatusUnprocessableEntity, "no_entry_point", "no entry point is active to call from")
}
