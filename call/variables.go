package call

import (
	"context"
	"maps"
	"net/http"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// checkVariables refuses more than a call may carry: they are in each of its events and in its recordings.
func checkVariables(vars map[string]string) error {
	size := 0
	for name, value := range vars {
		size += len(name) + len(value)
	}
	if size <= wire.MaxVariables {
		return nil
	}
	p := problem.New(http.StatusUnprocessableEntity, "variables_too_large", "the call's variables have %d bytes, with their names", size)
	p.Limit, p.Use = wire.MaxVariables, size
	return p
}

// SetVariables merges variables into a call; an empty value removes one. Secure ones are kept apart, also those that
// were not secure when they came. The error is a problem, 422 where they become too large; then all are as they were.
func (b *Board) SetVariables(ctx context.Context, callID string, vars map[string]string, actorName string) (wire.Call, error) {
	a, err := b.call(callID)
	if err != nil {
		return wire.Call{}, err
	}
	var c wire.Call
	err = a.do(ctx, func() error {
		all := make(map[string]string, len(a.call.Variables)+len(vars))
		maps.Copy(all, a.call.Variables)
		if old := a.secrets.Load(); old != nil {
			maps.Copy(all, *old)
		}
		maps.Copy(all, vars)
		maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
		if err := checkVariables(all); err != nil {
			return err
		}
		open, secret := b.apart(all)
		if open == nil {
			open = map[string]string{}
		}
		a.secrets.Store(&secret)
		a.call.Variables = open
		if a.rec != nil {
			a.rec.SetVariables(open)
		}
		c = a.snapshot()
		a.publish("call.changed", actorName, c)
		return nil
	})
	return c, err
}

// apart divides variables into those that may be shown and secure ones.
func (b *Board) apart(vars map[string]string) (open, secret map[string]string) {
	if b.deps.Secret == nil {
		return vars, nil
	}
	for name, v := range vars {
		into := &open
		if b.deps.Secret(name) {
			into = &secret
		}
		if *into == nil {
			*into = make(map[string]string, len(vars))
		}
		(*into)[name] = v
	}
	return open, secret
}

// Secrets are the values of secure variables that came with a call, as they are now; none for a call that is over.
// The map must not be changed.
func (b *Board) Secrets(callID string) map[string]string {
	a, err := b.call(callID)
	if err != nil {
		return nil
	}
	if m := a.secrets.Load(); m != nil {
		return *m
	}
	return nil
}
