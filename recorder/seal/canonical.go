package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep a document may be nested.
const maxDepth = 64

// Canonical is the one spelling of a JSON document (RFC 8785): members sorted by their UTF-16 code units, no
// white space, shortest escapes, numbers as ECMAScript writes doubles. What a reader may take in more than
// one way is refused: a name twice in one object, bytes that are not UTF-8, anything behind the document,
// numbers beyond a double. A lone surrogate escape counts as U+FFFD, as everywhere in this program.
func Canonical(doc []byte) ([]byte, error) {
	v, err := parse(doc)
	if err != nil {
		return nil, err
	}
	return encode(nil, v)
}

// object is a JSON object with its members in canonical order.
type object []member

type member struct {
	name  string
	order []uint16
	value any
}

func parse(doc []byte) (any, error) {
	if !utf8.Valid(doc) {
		return nil, errors.New("seal: document is not utf-8")
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, fmt.Errorf("seal: parse document: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("seal: something follows the document")
	}
	return v, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deep")
	}
	t, err := d.Token()
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := value(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		o := object{}
		for d.More() {
			t, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, ok := t.(string)
			if !ok {
				return nil, errors.New("a name is not a string")
			}
			v, err := value(d, depth+1)
			if err != nil {
				return nil, err
			}
			o = append(o, member{name, utf16.Encode([]rune(name)), v})
		}
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		slices.SortFunc(o, func(a, b member) int { return slices.Compare(a.order, b.order) })
		for i := range o[:max(0, len(o)-1)] {
			if o[i].name == o[i+1].name {
				return nil, fmt.Errorf("the name %q is there twice", o[i].name)
			}
		}
		return o, nil
	}
	return t, nil
}

func encode(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendString(b, v), nil
	case json.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return nil, fmt.Errorf("seal: number %.40s: %w", v, err)
		}
		if f == 0 {
			f = 0 // -0 is written 0
		}
		text, err := json.Marshal(f) // it writes doubles as ECMAScript does
		if err != nil {
			return nil, fmt.Errorf("seal: number: %w", err)
		}
		return append(b, text...), nil
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = encode(b, e); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, m.name), ':')
			if b, err = encode(b, m.value); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	default:
		return nil, fmt.Errorf("seal: unexpected %T in a document", v)
	}
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ':
			b = append(b, c)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
	}
	return append(b, '"')
}
