// Package apigen writes the clients of the API from its OpenAPI document: one method for each operation, in Go and
// in TypeScript. It reads the part of OpenAPI 3.1 that our document uses and refuses what it does not know, so that no
// operation is left out in silence. The types of bodies and answers are not written again: the document's schemas
// bear the names of package wire, which the Go client imports and the TypeScript types (package wirets) are made from.
package apigen

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Answer is what an operation answers with when it is not refused.
type Answer int

// The answers.
const (
	Nothing Answer = iota // no body, one status
	Status                // no body; the status tells which of several successes it was
	Object                // JSON
	Maybe                 // JSON, or nothing
	Stream                // anything else: the HTTP response itself
)

// Operation is one method of a client.
type Operation struct {
	ID           string // getLegStats
	Method, Path string
	Summary      string
	Grants       []string // that allow it: on everything, on what is one's own
	Public       bool
	Params       []string // of the path, in order
	Query        []Param
	Body         string // the schema's name, or "" for none; "text" for one that is no JSON
	ContentType  string // of the body
	Answer       Answer
	Result       string // the schema's name, of Object and Maybe
}

// Param is a parameter of a query.
type Param struct{ Name, Type string } // string, integer, count (an integer from 1), boolean, date-time, strings

// socket is the operation that no method stands for: the event socket, which each client speaks in a file of its own.
const socket = "/v1/events"

type document struct {
	Paths map[string]map[string]operation `json:"paths"`
}

type operation struct {
	ID         string `json:"operationId"`
	Summary    string
	Grant      string `json:"x-grant"`
	Own        string `json:"x-grant-own"`
	Security   *[]any
	Parameters []struct {
		Name, In string
		Schema   schema
	}
	RequestBody *struct {
		Content map[string]media
	}
	Responses map[string]struct {
		Content map[string]media
	}
}

type media struct{ Schema *schema }

type schema struct {
	Ref     string `json:"$ref"`
	Type    string
	Format  string
	Minimum *float64
}

// Parse reads a document. Operations come in the order of their paths and methods; one that takes a body of several
// types is several operations, the further ones with the type at the end of their ID.
func Parse(doc []byte) ([]Operation, error) {
	var d document
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("apigen: %w", err)
	}
	var all []Operation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		if path == socket {
			continue
		}
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			raw := d.Paths[path][method]
			if raw.forBrowsers() {
				continue
			}
			ops, err := raw.read(strings.ToUpper(method), path)
			if err != nil {
				return nil, fmt.Errorf("apigen: %s %s: %w", method, path, err)
			}
			all = append(all, ops...)
		}
	}
	return all, nil
}

// forBrowsers says whether an operation only ever sends a browser on, which is nothing a client could call.
func (o *operation) forBrowsers() bool {
	on := false
	for status := range o.Responses {
		if status[0] == '2' {
			return false
		}
		on = on || status[0] == '3'
	}
	return on
}

func (o *operation) read(method, path string) ([]Operation, error) {
	op := Operation{ID: o.ID, Method: method, Path: path, Summary: o.Summary, Public: o.Security != nil && len(*o.Security) == 0}
	if o.ID == "" {
		return nil, fmt.Errorf("no operationId")
	}
	for _, g := range []string{o.Grant, o.Own} {
		if g != "" {
			op.Grants = append(op.Grants, g)
		}
	}
	for _, p := range o.Parameters {
		switch p.In {
		case "path":
			op.Params = append(op.Params, p.Name)
		case "query":
			t, err := p.Schema.queryType()
			if err != nil {
				return nil, fmt.Errorf("parameter %s: %w", p.Name, err)
			}
			op.Query = append(op.Query, Param{p.Name, t})
		case "header": // options of every method
		default:
			return nil, fmt.Errorf("a parameter in %s", p.In)
		}
	}
	if err := o.answer(&op); err != nil {
		return nil, err
	}
	return o.bodies(op)
}

// answer finds what comes back in the successes.
func (o *operation) answer(op *Operation) error {
	var empty, full int
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		if status[0] != '2' {
			continue
		}
		content := o.Responses[status].Content
		body, isJSON := content[typeJSON]
		switch {
		case len(content) == 0:
			empty++
		case isJSON && body.Schema != nil:
			name, err := body.Schema.name()
			if err != nil || op.Result != "" && op.Result != name {
				return fmt.Errorf("answer %s: one named schema is wanted (%w)", status, err)
			}
			op.Result = name
			full++
		default:
			op.Answer = Stream
			return nil
		}
	}
	switch {
	case full > 0 && empty > 0:
		op.Answer = Maybe
	case full > 0:
		op.Answer = Object
	case empty > 1:
		op.Answer = Status
	case empty == 0:
		return fmt.Errorf("no success")
	}
	return nil
}

const (
	typeJSON  = "application/json"
	typeMerge = "application/merge-patch+json"
)

// bodies makes one operation for each type of body. A JSON body of a patch is sent as a merge patch.
func (o *operation) bodies(op Operation) ([]Operation, error) {
	if o.RequestBody == nil {
		return []Operation{op}, nil
	}
	var all []Operation
	for _, t := range slices.SortedFunc(maps.Keys(o.RequestBody.Content), jsonFirst) {
		m, next := o.RequestBody.Content[t], op
		_, merges := o.RequestBody.Content[typeMerge]
		switch {
		case m.Schema == nil:
			return nil, fmt.Errorf("a body of type %s without a schema", t)
		case t == typeJSON:
			name, err := m.Schema.name()
			if err != nil {
				return nil, fmt.Errorf("body: %w", err)
			}
			next.Body, next.ContentType = name, t
			if merges {
				next.ContentType = typeMerge
			}
		case t == typeMerge:
			continue
		case m.Schema.Type == "string":
			next.Body, next.ContentType = "text", t
			if _, alsoJSON := o.RequestBody.Content[typeJSON]; alsoJSON { // its answer is of the body's kind too
				next.ID += suffix(t)
				next.Answer, next.Result = Stream, ""
			}
		default:
			return nil, fmt.Errorf("a body of type %s", t)
		}
		all = append(all, next)
	}
	return all, nil
}

func jsonFirst(a, b string) int {
	if (a == typeJSON) != (b == typeJSON) {
		if a == typeJSON {
			return -1
		}
		return 1
	}
	return cmp.Compare(a, b)
}

// suffix is application/trickle-ice-sdpfrag as TrickleIceSdpfrag.
func suffix(contentType string) string {
	_, sub, _ := strings.Cut(contentType, "/")
	out := ""
	for _, w := range strings.FieldsFunc(sub, func(r rune) bool { return r == '-' || r == '+' || r == '.' }) {
		out += upper(w)
	}
	return out
}

func (s *schema) name() (string, error) {
	name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/")
	if !ok {
		return "", fmt.Errorf("a schema without a name")
	}
	return name, nil
}

func (s *schema) queryType() (string, error) {
	switch {
	case s.Type == "string" && s.Format != "":
		if s.Format == "date-time" {
			return s.Format, nil
		}
	case s.Type == "integer" && s.Minimum != nil && *s.Minimum >= 1:
		return "count", nil
	case s.Type == "array":
		return "strings", nil
	case s.Type == "string", s.Type == "integer", s.Type == "boolean":
		return s.Type, nil
	}
	return "", fmt.Errorf("a type of %s %s is not known here", s.Type, s.Format)
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// words is call_id as CallID in Go.
func words(s string) string {
	out := ""
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r == '_' || r == '-' }) {
		if w == "id" {
			out += "ID"
			continue
		}
		out += upper(w)
	}
	return out
}

// about is the comment of an operation: what it does, its route, and what a token needs for it.
func (o *Operation) about() []string {
	route := o.Method + " " + o.Path
	switch {
	case o.Public:
		route += "; needs no token"
	case len(o.Grants) > 0:
		route += "; grant " + strings.Join(o.Grants, ", or for one's own ")
	}
	summary := o.Summary
	if !strings.HasSuffix(summary, "?") {
		summary += "."
	}
	return []string{summary, route}
}

// segments is the path in pieces: text at even places, names of parameters at odd ones.
func (o *Operation) segments() []string {
	return strings.FieldsFunc(o.Path, func(r rune) bool { return r == '{' || r == '}' })
}
