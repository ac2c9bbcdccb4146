package agentapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/signaling/wire"
)

// object is a piece of the OpenAPI document. Maps marshal with sorted keys, so the document is stable.
type object = map[string]any

var pathParameter = regexp.MustCompile(`\{([a-z]+)\}`)

// Document is the OpenAPI document of every server of this version, as GET /v1/openapi.json answers it.
func Document() ([]byte, error) { return document(routes()) }

// document writes the OpenAPI 3.1 document of a table of routes. Schemas are read off the types of package
// wire, so what the document says is what the server decodes and prints.
func document(routes []Route) ([]byte, error) {
	s := &schemas{made: make(object)}
	problem := s.ref(reflect.TypeFor[wire.Problem]())
	paths := make(object)
	for i := range routes {
		r := &routes[i]
		p, _ := paths[r.Pattern].(object)
		if p == nil {
			p = make(object)
			paths[r.Pattern] = p
		}
		p[strings.ToLower(r.Method)] = s.operation(r)
	}
	s.events()
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "cordboard", "version": "1",
			"description": "Calls, legs, rooms, recordings and the contact centre around them. Errors are application/problem+json " +
				"(RFC 9457). Every POST may carry an Idempotency-Key, kept for 24 hours. The same requests can be sent as commands " +
				"over the event socket.",
			"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"paths":    paths,
		"security": []any{object{"token": []any{}}},
		"components": object{
			"schemas":         s.made,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
			"responses": object{"Problem": object{
				"description": "A refusal",
				"content":     object{typeProblem: object{"schema": problem}},
			}},
		},
	}
	b, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return nil, fmt.Errorf("agentapi: openapi: %w", err)
	}
	return b, nil
}

// schemas collects the schemas of named types.
type schemas struct{ made object }

func (s *schemas) operation(r *Route) object {
	op := object{"summary": r.Summary, "operationId": operationID(r), "tags": []any{tag(r.Pattern)}}
	var params []any
	for _, m := range pathParameter.FindAllStringSubmatch(r.Pattern, -1) {
		params = append(params, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, name := range r.Query {
		params = append(params, object{"name": name, "in": "query", "schema": querySchema(r, name)})
	}
	if r.Method == post && !r.Public {
		params = append(params, object{"name": "Idempotency-Key", "in": "header", "schema": object{"type": "string", "maxLength": 255}})
	}
	if slices.Contains(r.Statuses, http.StatusPreconditionFailed) {
		params = append(params, object{"name": "If-Match", "in": "header", "schema": object{"type": "string"}})
	}
	if params != nil {
		op["parameters"] = params
	}
	if r.Public {
		op["security"] = []any{}
	} else if r.Grant != "" {
		op["x-grant"] = r.Grant
		if r.Own != "" {
			op["x-grant-own"] = r.Own
		}
	}
	if r.Request != nil {
		content := make(object)
		if _, text := r.Request.(string); !text { // a text body has only its own types
			content[typeJSON] = object{"schema": s.ref(reflect.TypeOf(r.Request))}
		}
		for _, t := range r.Types {
			if t == typeMerge {
				content[t] = content[typeJSON]
			} else {
				content[t] = object{"schema": object{"type": "string"}}
			}
		}
		op["requestBody"] = object{"content": content}
	}
	op["responses"] = s.responses(r)
	return op
}

func (s *schemas) responses(r *Route) object {
	out := make(object)
	statuses := slices.Clone(r.Statuses)
	if !r.Public {
		statuses = append(statuses, 401, 403, 429)
	}
	if r.Request != nil {
		statuses = append(statuses, 400, 413, 422)
	}
	for _, status := range statuses {
		key := strconv.Itoa(status)
		if status >= 400 && (r.Pattern != "/healthz" || status != 503) {
			out[key] = object{"$ref": "#/components/responses/Problem"}
			continue
		}
		resp := object{"description": http.StatusText(status)}
		switch v := r.Response.(type) {
		case nil:
		case string:
			if status != http.StatusSwitchingProtocols {
				content := object{v: object{}}
				for _, t := range r.Also {
					content[t] = object{}
				}
				resp["content"] = content
			}
		default:
			if status != http.StatusNoContent {
				content := object{typeJSON: object{"schema": s.ref(reflect.TypeOf(v))}}
				for _, t := range r.Types {
					if t == typeSDP || t == typeTrickle { // SDP in, SDP out
						content[t] = object{"schema": object{"type": "string"}}
					}
				}
				resp["content"] = content
			}
		}
		out[key] = resp
	}
	out["default"] = object{"$ref": "#/components/responses/Problem"}
	return out
}

// querySchemas are the parameters of queries that are no plain text, by their name, which means the same in every route.
var querySchemas = map[string]object{
	"limit":    {"type": "integer", "minimum": 1, "maximum": 200},
	"open":     {"type": "boolean"},
	"held":     {"type": "boolean"},
	"download": {"type": "boolean"},
	"since":    {"type": "string", "format": "date-time"},
	"until":    {"type": "string", "format": "date-time"},
	"variable": {"type": "array", "items": object{"type": "string"}}, // repeated
}

func querySchema(r *Route, name string) object {
	if s, ok := querySchemas[name]; ok {
		return s
	}
	if strings.HasPrefix(r.Pattern, "/v1/config/") { // versions
		return object{"type": "integer"}
	}
	return object{"type": "string"}
}

// operationID is the method and the path, one of many in the singular and without its parameter: getLegStats is
// GET /v1/legs/{leg}/stats. It must stay, the generated clients name their methods by it.
func operationID(r *Route) string {
	id := strings.ToLower(r.Method)
	parts := strings.Split(strings.Trim(strings.TrimPrefix(r.Pattern, "/v1"), "/"), "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") && strings.HasSuffix(parts[i-1], "s") {
			continue
		}
		if i+1 < len(parts) && strings.HasPrefix(parts[i+1], "{") {
			part = strings.TrimSuffix(part, "s")
		}
		for _, w := range strings.FieldsFunc(part, func(c rune) bool { return strings.ContainsRune("{}._-", c) }) {
			id += strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return id
}

func tag(pattern string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(pattern, "/v1"), "/"), "/")
	return name
}

// ref is a reference to a named type's schema, which is made on first use; other types are written out.
func (s *schemas) ref(t reflect.Type) object {
	switch {
	case t.Kind() == reflect.Pointer:
		return s.ref(t.Elem())
	case t == timeType:
		return object{"type": "string", "format": "date-time"}
	case t == rawType || t.Kind() == reflect.Interface:
		return object{}
	}
	if values, ok := enumOf(t); ok {
		if s.made[t.Name()] == nil {
			s.made[t.Name()] = object{"type": "string", "enum": values}
		}
		return object{"$ref": "#/components/schemas/" + t.Name()}
	}
	switch t.Kind() {
	case reflect.Struct:
		if s.made[t.Name()] == nil {
			s.made[t.Name()] = object{} // for types that hold themselves
			s.made[t.Name()] = s.structure(t)
		}
		return object{"$ref": "#/components/schemas/" + t.Name()}
	case reflect.Slice:
		return object{"type": "array", "items": s.ref(t.Elem())}
	case reflect.Map:
		v := s.ref(t.Elem())
		if t.Elem().Kind() == reflect.Pointer {
			v = object{"anyOf": []any{v, object{"type": "null"}}}
		}
		m := object{"type": "object", "additionalProperties": v}
		if t.Name() == "" {
			return m
		}
		s.made[t.Name()] = m
		return object{"$ref": "#/components/schemas/" + t.Name()}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	default:
		return object{"type": "integer"}
	}
}

func (s *schemas) structure(t reflect.Type) object {
	props := make(object)
	var required []string
	for _, f := range fieldsOf(t) {
		props[f.name] = s.ref(f.typ)
		if !f.optional {
			required = append(required, f.name)
		}
	}
	out := object{"type": "object", "properties": props}
	if required != nil {
		out["required"] = required
	}
	return out
}

// events adds the envelope with one alternative per event type, and the frames of the socket.
func (s *schemas) events() {
	var any []any
	for _, typ := range slices.Sorted(maps.Keys(wire.EventTypes)) {
		data := s.ref(reflect.TypeOf(wire.EventTypes[typ]))
		name := "Event_" + strings.ReplaceAll(typ, ".", "_")
		e := s.structure(reflect.TypeFor[wire.Event]())
		props := e["properties"].(object)
		props["type"] = object{"const": typ}
		props["data"] = data
		s.made[name] = e
		any = append(any, object{"$ref": "#/components/schemas/" + name})
	}
	s.made["Event"] = object{"oneOf": any}
	for _, t := range []reflect.Type{reflect.TypeFor[wire.ServerFrame](), reflect.TypeFor[wire.Command](), reflect.TypeFor[wire.Auth]()} {
		s.ref(t)
	}
}
