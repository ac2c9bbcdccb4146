package desk

import (
	"testing"
	"testing/synctest"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/wrapup"
)

func variable(name string) floor.VariableDef {
	return floor.VariableDef{Name: name, Label: "Label of " + name}
}

func wrapupRules() []floor.WrapupRule {
	return []floor.WrapupRule{
		{Queue: "main", Time: Seconds(20), Extension: Seconds(15), Extensions: 9, Total: Seconds(60)},
		{Profile: "expert", Time: Seconds(10), Policy: wrapup.Cancel, Reasons: []Reason{{Code: "sold", Label: "Sold"}, {Code: "lost", Label: "Lost"}}},
	}
}

// configured is bubble with another configuration.
func configured(t *testing.T, cfg Config, f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: &memory{}, cfg: func(c *Config) { *c = cfg }}
		r.start(nil)
		defer func() {
			if err := r.halt(); err != nil {
				t.Error(err)
			}
		}()
		f(t, r)
	})
}
