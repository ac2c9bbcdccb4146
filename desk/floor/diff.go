package floor

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/signaling/wire"
)

// Diff is what changes from one configuration to another, by paths. Members of a list are known by their
// id, number or code, not by their place, so that one more agent is one line: /agents/eva.
func Diff(from, to Config) []wire.ConfigChange {
	var a, b any
	for v, c := range map[*any]Config{&a: from.withDefaults(), &b: to.withDefaults()} {
		if err := json.Unmarshal(raw(c), v); err != nil {
			panic("floor: plain data does not come back: " + err.Error())
		}
	}
	out := []wire.ConfigChange{}
	diff("", a, b, &out)
	return out
}

func diff(path string, a, b any, out *[]wire.ConfigChange) {
	if reflect.DeepEqual(a, b) {
		return
	}
	am, bm := named(a), named(b)
	if (am == nil && a != nil) || (bm == nil && b != nil) || am == nil && bm == nil || path != "" && (a == nil || b == nil) {
		c := wire.ConfigChange{Pointer: path}
		if a != nil {
			c.From = raw(a)
		}
		if b != nil {
			c.To = raw(b)
		}
		*out = append(*out, c)
		return
	}
	keys := map[string]bool{}
	for k := range am {
		keys[k] = true
	}
	for k := range bm {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		diff(path+"/"+escape(k), am[k], bm[k], out)
	}
}

// named are the members of an object, or of a list whose members all have a name; nil for anything else.
func named(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case []any:
		out := map[string]any{}
		for _, x := range v {
			m, ok := x.(map[string]any)
			if !ok {
				return nil
			}
			name := ""
			for _, k := range []string{"id", "number", "code"} {
				if s, ok := m[k].(string); ok && name == "" {
					name = s
				}
			}
			if name == "" || out[name] != nil {
				return nil
			}
			out[name] = x
		}
		return out
	}
	return nil
}

// escape is RFC 6901's.
func escape(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }
