package apigen

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// doc is a document with one operation; the pieces are JSON.
func doc(path, method, operation string) []byte {
	return fmt.Appendf(nil, `{"paths":{%q:{%q:{"operationId":"theOp","summary":"Do it",%s}}}}`, path, method, operation)
}

const okThing = `"responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Thing"}}}},"default":{}}`

func TestOperations(t *testing.T) {
	for name, c := range map[string]struct {
		path, method, operation string
		golang, typescript      string // a line of each
	}{
		"object": {
			"/v1/things/{thing}", "get", `"parameters":[{"name":"thing","in":"path"}],` + okThing,
			"func (c *Client) TheOp(ctx context.Context, thing string, opts ...Option) (wire.Thing, error) {\n\treturn one[wire.Thing](ctx, c, \"GET\", \"/v1/things/\"+escape(thing), nil, nil, opts)",
			"theOp(thing: string, opt?: ApiOptions): Promise<Thing> {\n    return this.send({ method: 'GET', path: `/v1/things/${e(thing)}`, answer: 'object' }, opt) as Promise<Thing>;",
		},
		"nothing": {
			"/v1/things", "delete", `"responses":{"204":{}}`,
			"(ctx context.Context, opts ...Option) error {\n\treturn nothing(ctx, c, \"DELETE\", \"/v1/things\", nil, nil, opts)",
			"theOp(opt?: ApiOptions): Promise<void> {\n    return this.send({ method: 'DELETE', path: '/v1/things', answer: 'nothing' }",
		},
		"one of several successes": {
			"/v1/things", "delete", `"responses":{"204":{},"202":{}}`, "(int, error) {\n\treturn status(", "Promise<number>",
		},
		"object or nothing": {
			"/v1/things", "post", strings.Replace(okThing, `"200"`, `"204":{},"200"`, 1), "(*wire.Thing, error) {\n\treturn maybe[wire.Thing](", "Promise<Thing | null>",
		},
		"file": {
			"/v1/things", "get", `"responses":{"200":{"content":{"audio/ogg":{}}}}`, "(*http.Response, error) {\n\treturn response(", "Promise<Response>",
		},
		"merge patch": {
			"/v1/things", "patch", `"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Change"}},"application/merge-patch+json":{"schema":{}}}},` + okThing,
			"body wire.Change, opts ...Option) (wire.Thing, error) {\n\treturn one[wire.Thing](ctx, c, \"PATCH\", \"/v1/things\", nil, object(\"application/merge-patch+json\", body), opts)",
			"theOp(body: Change, opt?: ApiOptions): Promise<Thing> {\n    return this.send({ method: 'PATCH', path: '/v1/things', body, type: 'application/merge-patch+json'",
		},
		"text only": {
			"/v1/things", "post", `"requestBody":{"content":{"text/csv":{"schema":{"type":"string"}}}},` + okThing,
			"TheOp(ctx context.Context, body io.Reader, opts ...Option) (wire.Thing, error)", "theOp(body: string, opt?: ApiOptions): Promise<Thing>",
		},
		"text beside an object": {
			"/v1/things", "post", `"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Change"}},"application/x-plain-text":{"schema":{"type":"string"}}}},` + okThing,
			"TheOpXPlainText(ctx context.Context, body io.Reader, opts ...Option) (*http.Response, error)", "theOpXPlainText(body: string, opt?: ApiOptions): Promise<Response>",
		},
		"query": {
			"/v1/things", "get", `"parameters":[{"name":"call_id","in":"query","schema":{"type":"string"}},{"name":"limit","in":"query","schema":{"type":"integer","minimum":1}},
				{"name":"from","in":"query","schema":{"type":"integer"}},{"name":"open","in":"query","schema":{"type":"boolean"}},
				{"name":"since","in":"query","schema":{"type":"string","format":"date-time"}},{"name":"tag","in":"query","schema":{"type":"array"}}],` + okThing,
			"type TheOpQuery struct {\n\tCallID string\n\tLimit  int\n\tFrom   *int\n\tOpen   *bool\n\tSince  time.Time\n\tTag    []string\n}",
			"export interface TheOpQuery {\n  call_id?: string;\n  limit?: number;\n  from?: number;\n  open?: boolean;\n  since?: string;\n  tag?: string[];\n}",
		},
		"grants": {
			"/v1/things", "get", `"x-grant":"a:b","x-grant-own":"a:own",` + okThing,
			"// TheOp: do it.\n//\n// GET /v1/things; grant a:b, or for one's own a:own.\n", "/** Do it. `GET /v1/things; grant a:b, or for one's own a:own` */",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ops, err := Parse(doc(c.path, c.method, c.operation))
			if err != nil {
				t.Fatal(err)
			}
			src, err := Go(ops)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(src), c.golang) {
				t.Errorf("no\n%s\nin\n%s", c.golang, src)
			}
			if ts := TypeScript(ops); !strings.Contains(string(ts), c.typescript) {
				t.Errorf("no\n%s\nin\n%s", c.typescript, ts)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, d := range map[string][]byte{
		"no JSON":                  []byte("{"),
		"no success":               doc("/v1/x", "get", `"responses":{"404":{}}`),
		"answer without a name":    doc("/v1/x", "get", `"responses":{"200":{"content":{"application/json":{"schema":{"type":"object"}}}}}`),
		"two kinds of answer":      doc("/v1/x", "get", strings.Replace(okThing, `"default":{}`, `"201":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Other"}}}}`, 1)),
		"body without a name":      doc("/v1/x", "post", `"requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}},`+okThing),
		"body that is no text":     doc("/v1/x", "post", `"requestBody":{"content":{"image/png":{"schema":{"type":"object"}}}},`+okThing),
		"parameter in a cookie":    doc("/v1/x", "get", `"parameters":[{"name":"a","in":"cookie"}],`+okThing),
		"parameter of type object": doc("/v1/x", "get", `"parameters":[{"name":"a","in":"query","schema":{"type":"object"}}],`+okThing),
		"no name":                  []byte(`{"paths":{"/v1/x":{"get":{"responses":{"204":{}}}}}}`),
	} {
		if ops, err := Parse(d); err == nil {
			t.Errorf("%s: %+v", name, ops)
		}
	}
}

func TestOrderAndSocket(t *testing.T) {
	const op = `{"operationId":"%s","responses":{"204":{}}}`
	d := fmt.Sprintf(`{"paths":{"/v1/b":{"post":`+op+`,"get":`+op+`},"/v1/a":{"get":`+op+`},"/v1/events":{"get":{}},"/v1/page":{"get":{"responses":{"302":{},"404":{}}}}}}`, "three", "two", "one")
	ops, err := Parse([]byte(d))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, o := range ops {
		ids = append(ids, o.ID)
	}
	if !slices.Equal(ids, []string{"one", "two", "three"}) {
		t.Error(ids)
	}
}
