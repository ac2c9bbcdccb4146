// Package conf fills plain configuration structs from TOML and from the environment, with one rule for
// both. A key is a field's name in snake_case (or its `toml` tag); `toml:"-"` hides a field. Durations are
// strings with a unit, "20ms"; bare numbers are refused. Unknown keys are errors that name the nearest
// known one.
package conf

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2"
)

// Load reads TOML text over the values dst already holds. dst is a pointer to a struct. All faults are
// reported together, each with its key.
func Load(text []byte, dst any) error {
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		var de *toml.DecodeError
		if errors.As(err, &de) {
			row, col := de.Position()
			return fmt.Errorf("line %d, column %d: %s", row, col, strings.TrimPrefix(de.Error(), "toml: "))
		}
		return err
	}
	var errs []error
	fill("", tree, reflect.ValueOf(dst).Elem(), &errs)
	return errors.Join(errs...)
}

// Env reads PREFIX_SECTION_KEY variables over the values dst already holds. A list is separated by commas.
// Unknown variables with the prefix are errors, so that a misspelt one is not overlooked.
func Env(prefix string, environ []string, dst any) error {
	known := make(map[string]reflect.Value)
	walk("", reflect.ValueOf(dst).Elem(), func(key string, v reflect.Value) {
		known[prefix+"_"+strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))] = v
	})
	var errs []error
	for _, kv := range environ {
		name, text, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, prefix+"_") {
			continue
		}
		v, ok := known[name]
		if !ok {
			errs = append(errs, fmt.Errorf("environment variable %s is not a setting%s", name, nearest(name, keys(known))))
			continue
		}
		var val any = text
		if v.Kind() == reflect.Slice {
			parts := []any{}
			for _, p := range strings.Split(text, ",") {
				if p = strings.TrimSpace(p); p != "" {
					parts = append(parts, p)
				}
			}
			val = parts
		}
		if err := assign(name, val, v, true); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Keys lists every key of a configuration struct, as "section.key", in the order of the fields.
func Keys(src any) []string {
	var out []string
	walk("", reflect.Indirect(reflect.ValueOf(src)), func(key string, _ reflect.Value) { out = append(out, key) })
	return out
}

func fill(path string, tree map[string]any, v reflect.Value, errs *[]error) {
	fields := make(map[string]reflect.Value)
	for name, f := range each(v) {
		fields[name] = f
	}
	for _, name := range keys(tree) {
		key := name
		if path != "" {
			key = path + "." + name
		}
		f, ok := fields[name]
		if !ok {
			*errs = append(*errs, fmt.Errorf("unknown key %q%s", key, nearest(name, keys(fields))))
			continue
		}
		if sub, isTable := tree[name].(map[string]any); isTable && f.Kind() == reflect.Struct && !isLeaf(f) {
			fill(key, sub, f, errs)
			continue
		}
		if f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct && !isLeaf(reflect.New(f.Type().Elem()).Elem()) {
			fillTables(key, tree[name], f, errs)
			continue
		}
		if err := assign(key, tree[name], f, false); err != nil {
			*errs = append(*errs, err)
		}
	}
}

// fillTables reads an array of tables; it replaces what the list held.
func fillTables(key string, val any, f reflect.Value, errs *[]error) {
	list, ok := val.([]any)
	if !ok {
		*errs = append(*errs, fmt.Errorf("%s: want an array of tables, [[%s]]", key, key))
		return
	}
	out := reflect.MakeSlice(f.Type(), 0, len(list))
	for i, item := range list {
		sub, ok := item.(map[string]any)
		if !ok {
			*errs = append(*errs, fmt.Errorf("%s: want an array of tables, [[%s]]", key, key))
			return
		}
		e := reflect.New(f.Type().Elem()).Elem()
		if d, ok := e.Addr().Interface().(interface{ SetDefaults() }); ok { // a table whose zero is not its default
			d.SetDefaults()
		}
		fill(fmt.Sprintf("%s[%d]", key, i), sub, e, errs)
		out = reflect.Append(out, e)
	}
	f.Set(out)
}

func assign(key string, val any, f reflect.Value, text bool) error {
	bad := func(want string) error { return fmt.Errorf("%s: want %s, got %v", key, want, val) }
	if f.Type() == reflect.TypeFor[time.Duration]() {
		s, ok := val.(string)
		if !ok {
			return bad(`a duration with its unit in quotes, like "20ms"`)
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return bad(`a duration with its unit, like "20ms"`)
		}
		f.SetInt(int64(d))
		return nil
	}
	if u, ok := f.Addr().Interface().(encoding.TextUnmarshaler); ok {
		s, ok := val.(string)
		if !ok {
			return bad("text")
		}
		if err := u.UnmarshalText([]byte(s)); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	}
	switch f.Kind() {
	case reflect.Pointer: // nil is a setting that is absent
		v := reflect.New(f.Type().Elem())
		if err := assign(key, val, v.Elem(), text); err != nil {
			return err
		}
		f.Set(v)
	case reflect.String:
		s, ok := val.(string)
		if !ok {
			return bad("text")
		}
		f.SetString(s)
	case reflect.Bool:
		b, ok := val.(bool)
		if s, isText := val.(string); isText && text {
			p, err := strconv.ParseBool(s)
			b, ok = p, err == nil
		}
		if !ok {
			return bad("true or false")
		}
		f.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, ok := val.(int64)
		if s, isText := val.(string); isText && text {
			p, err := strconv.ParseInt(s, 10, 64)
			n, ok = p, err == nil
		}
		if !ok {
			return bad("a whole number")
		}
		if f.CanInt() {
			if f.OverflowInt(n) {
				return bad("a smaller number")
			}
			f.SetInt(n)
			return nil
		}
		if n < 0 || f.OverflowUint(uint64(n)) {
			return bad("a number in range")
		}
		f.SetUint(uint64(n))
	case reflect.Float32, reflect.Float64:
		var x float64
		switch n := val.(type) {
		case float64:
			x = n
		case int64:
			x = float64(n)
		case string:
			p, err := strconv.ParseFloat(n, 64)
			if !text || err != nil {
				return bad("a number")
			}
			x = p
		default:
			return bad("a number")
		}
		f.SetFloat(x)
	case reflect.Slice:
		list, ok := val.([]any)
		if !ok {
			return bad("a list")
		}
		out := reflect.MakeSlice(f.Type(), len(list), len(list))
		for i, item := range list {
			if err := assign(fmt.Sprintf("%s[%d]", key, i), item, out.Index(i), text); err != nil {
				return err
			}
		}
		f.Set(out)
	default:
		return fmt.Errorf("%s: a %s cannot be configured", key, f.Kind())
	}
	return nil
}

// walk visits every settable value below v, sections first to last.
func walk(path string, v reflect.Value, visit func(key string, v reflect.Value)) {
	for name, f := range each(v) {
		key := name
		if path != "" {
			key = path + "." + name
		}
		if f.Kind() == reflect.Struct && !isLeaf(f) {
			walk(key, f, visit)
			continue
		}
		visit(key, f)
	}
}

// each yields a struct's settable fields with their keys; those of an embedded struct as its own.
func each(v reflect.Value) func(func(string, reflect.Value) bool) {
	return func(yield func(string, reflect.Value) bool) {
		for i := range v.NumField() {
			sf := v.Type().Field(i)
			if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
				for name, f := range each(v.Field(i)) {
					if !yield(name, f) {
						return
					}
				}
				continue
			}
			tag, _, _ := strings.Cut(sf.Tag.Get("toml"), ",")
			if !sf.IsExported() || tag == "-" || sf.Type.Kind() == reflect.Func || sf.Type.Kind() == reflect.Interface {
				continue
			}
			if sf.Type.Kind() == reflect.Pointer && (tag == "" || sf.Type.Elem().Kind() == reflect.Struct) {
				continue
			}
			if tag == "" {
				tag = snake(sf.Name)
			}
			if !yield(tag, v.Field(i)) {
				return
			}
		}
	}
}

// isLeaf: a struct that reads itself from text, such as a network prefix.
func isLeaf(f reflect.Value) bool {
	if f.Type() == reflect.TypeFor[netip.Prefix]() {
		return true
	}
	_, ok := f.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

// snake turns RTPPortMin into rtp_port_min.
func snake(s string) string {
	r := []rune(s)
	var b strings.Builder
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && (!unicode.IsUpper(r[i-1]) || (i+1 < len(r) && unicode.IsLower(r[i+1]))) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// nearest is a hint at the known name most like the wrong one, if any is like it.
func nearest(name string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	best := slices.MinFunc(known, func(a, b string) int { return cmp.Compare(distance(name, a), distance(name, b)) })
	if distance(name, best) > max(2, len(name)/3) {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diag+cost)
		}
	}
	return row[len(b)]
}
