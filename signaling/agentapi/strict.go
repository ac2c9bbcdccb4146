package agentapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	maxText  = 1024     // characters of any string of a body
	maxSDP   = 16 << 10 // bytes of an SDP
	maxItems = 256      // elements of any list or map of a body
	maxDepth = 16
)

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
)

// decodeStrict reads JSON into dst and refuses what dst does not know: 400 for what is no JSON or has the
// wrong type, or holds control characters (they could end a SIP or HTTP header); 422 for unknown fields,
// unknown values of an enumeration, and what is too long or too many. Every fault has its RFC 6901 pointer.
func decodeStrict(b []byte, dst any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return &problem.Error{Status: http.StatusBadRequest, Code: "malformed_json", Detail: "the body is not JSON: " + syntax(err), Err: err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem.New(http.StatusBadRequest, "malformed_json", "something follows the JSON value")
	}
	var c checker
	c.check(reflect.TypeOf(dst).Elem(), tree, "", 0)
	if len(c.wrong) > 0 {
		e := problem.New(http.StatusBadRequest, "wrong_type", "%s", c.wrong[0].Pointer+" "+c.wrong[0].Detail)
		if c.wrong[0].Code == "control_character" {
			e.Code = "control_character"
		}
		e.Fields = c.wrong
		return e
	}
	if len(c.rules) > 0 {
		e := problem.New(http.StatusUnprocessableEntity, "invalid_field", "%s", c.rules[0].Pointer+" "+c.rules[0].Detail)
		if c.rules[0].Code == "unknown_field" {
			e.Code = "unknown_field"
		}
		e.Fields = c.rules
		return e
	}
	if err := json.Unmarshal(b, dst); err != nil {
		return &problem.Error{Status: http.StatusBadRequest, Code: "wrong_type", Detail: "a value has the wrong type or is out of range", Err: err}
	}
	return nil
}

func syntax(err error) string {
	var s *json.SyntaxError
	if errors.As(err, &s) {
		return fmt.Sprintf("at byte %d", s.Offset)
	}
	return "it ends early"
}

// checker walks a JSON tree beside a Go type.
type checker struct{ wrong, rules []problem.Field }

func (c *checker) bad(list *[]problem.Field, pointer, code, format string, args ...any) {
	if len(*list) < 20 {
		*list = append(*list, problem.Field{Pointer: pointer, Code: code, Detail: fmt.Sprintf(format, args...)})
	}
}

func (c *checker) check(t reflect.Type, v any, at string, depth int) {
	optional := t.Kind() == reflect.Pointer
	if optional {
		t = t.Elem()
	}
	if t == rawType || t.Kind() == reflect.Interface {
		return
	}
	if v == nil {
		if !optional {
			c.bad(&c.wrong, at, "wrong_type", "must not be null")
		}
		return
	}
	if depth > maxDepth {
		c.bad(&c.wrong, at, "wrong_type", "is nested too deep")
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		if t == timeType {
			c.text(t, v, at)
			return
		}
		c.object(t, v, at, depth)
	case reflect.Map:
		m, ok := v.(map[string]any)
		if !ok {
			c.bad(&c.wrong, at, "wrong_type", "must be an object")
			return
		}
		if len(m) > maxItems {
			c.bad(&c.rules, at, "too_many", "has more than %d entries", maxItems)
			return
		}
		for k, e := range m {
			c.text(reflect.TypeFor[string](), k, at+"/"+escape(k))
			c.check(t.Elem(), e, at+"/"+escape(k), depth+1)
		}
	case reflect.Slice:
		l, ok := v.([]any)
		if !ok {
			c.bad(&c.wrong, at, "wrong_type", "must be a list")
			return
		}
		if len(l) > maxItems {
			c.bad(&c.rules, at, "too_many", "has more than %d elements", maxItems)
			return
		}
		for i, e := range l {
			c.check(t.Elem(), e, fmt.Sprintf("%s/%d", at, i), depth+1)
		}
	case reflect.String:
		c.text(t, v, at)
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			c.bad(&c.wrong, at, "wrong_type", "must be true or false")
		}
	default:
		c.number(t, v, at)
	}
}

func (c *checker) object(t reflect.Type, v any, at string, depth int) {
	m, ok := v.(map[string]any)
	if !ok {
		c.bad(&c.wrong, at, "wrong_type", "must be an object")
		return
	}
	known := make(map[string]field)
	for _, f := range fieldsOf(t) {
		known[f.name] = f
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f, ok := known[name]
		switch {
		case !ok:
			c.bad(&c.rules, at+"/"+escape(name), "unknown_field", "is not a field here")
		case f.lines:
			c.lines(m[name], at+"/"+name)
		default:
			c.check(f.typ, m[name], at+"/"+name, depth+1)
		}
	}
}

func (c *checker) text(t reflect.Type, v any, at string) {
	s, ok := v.(string)
	if !ok {
		c.bad(&c.wrong, at, "wrong_type", "must be a string")
		return
	}
	if strings.HasSuffix(at, "/sdp") {
		if len(s) > maxSDP {
			c.bad(&c.rules, at, "too_long", "is longer than %d bytes", maxSDP)
		}
		return
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		c.bad(&c.wrong, at, "control_character", "holds a control character")
		return
	}
	if utf8.RuneCountInString(s) > maxText {
		c.bad(&c.rules, at, "too_long", "is longer than %d characters", maxText)
		return
	}
	if values, ok := enumOf(t); ok && s != "" && !slices.Contains(values, s) {
		c.bad(&c.rules, at, "unknown_value", "must be one of %s", strings.Join(values, ", "))
	}
}

// lines is a text of several lines, which goes into no header: line breaks and tabs may stand in it, and how long it may be
// says who takes it.
func (c *checker) lines(v any, at string) {
	s, ok := v.(string)
	switch {
	case !ok:
		c.bad(&c.wrong, at, "wrong_type", "must be a string")
	case strings.ContainsFunc(s, func(r rune) bool { return (r < ' ' && r != '\n' && r != '\r' && r != '\t') || r == 0x7f }):
		c.bad(&c.wrong, at, "control_character", "holds a control character")
	}
}

func (c *checker) number(t reflect.Type, v any, at string) {
	n, ok := v.(json.Number)
	if !ok {
		c.bad(&c.wrong, at, "wrong_type", "must be a number")
		return
	}
	p := reflect.New(t)
	if json.Unmarshal([]byte(n), p.Interface()) != nil {
		c.bad(&c.wrong, at, "wrong_type", "must be %s", numberKind(t))
	}
}

func numberKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		return "a number in range"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0 up"
	default:
		return "a whole number in range"
	}
}

// escape makes a name part of an RFC 6901 pointer.
func escape(s string) string {
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "…"
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

// field is a JSON field of a struct.
type field struct {
	name     string
	typ      reflect.Type
	optional bool // omitempty
	lines    bool // text of several lines
}

// fieldsOf lists the JSON fields of a struct type, those of embedded structs too.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for f := range reflectFields(t) {
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			out = append(out, fieldsOf(f.Type)...)
			continue
		}
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		out = append(out, field{name, f.Type, strings.Contains(opts, "omitempty"), f.Tag.Get("text") == "lines"})
	}
	return out
}

func reflectFields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// enumOf is the list of values of a string type of package wire.
func enumOf(t reflect.Type) ([]string, bool) {
	if t.Kind() != reflect.String || t.PkgPath() != reflect.TypeFor[wire.Call]().PkgPath() {
		return nil, false
	}
	v, ok := wire.Enums[t.Name()]
	return v, ok
}
