// Package client speaks the API of a cordboard server: one typed method for each operation, refusals as Problem, and
// the events as a loop that comes back by itself where the connection breaks. What is sent and answered is package
// wire's.
//
//	c := client.New("http://127.0.0.1:8080", token)
//	room, err := c.PostRooms(ctx, wire.RoomRequest{})
//	for e, err := range c.Events(ctx, client.EventOptions{}) { … }
//
// A method bears the operationId of the OpenAPI document: the HTTP method and the path, what is one of many in the
// singular. GET /v1/legs/{leg}/stats is GetLegStats. The methods in api.go are written by go generate from the document
// of the same version.
package client

//go:generate go run ../signaling/agentapi/gen api.go ../web/ui/src/wire/api.ts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// Client is a server as one token sees it. It is safe for concurrent use. A request takes as long as its context
// allows.
type Client struct {
	base string
	http *http.Client

	mu    sync.Mutex
	token string
	fresh chan struct{} // closed when the token is replaced
}

// New is a client of the server at base, "https://calls.example.net", with a token of `cordboard token` or of
// PostSessions. It connects when it is used.
func New(base, token string) *Client {
	return &Client{base: strings.TrimRight(base, "/"), http: http.DefaultClient, token: token, fresh: make(chan struct{})}
}

// Through returns a client with the same server and token that sends through h, for certificates, proxies or limits of
// one's own. A time limit of h ends event streams too.
func (c *Client) Through(h *http.Client) *Client {
	n := New(c.base, c.Token())
	n.http = h
	return n
}

// As returns a client of the same server with another token.
func (c *Client) As(token string) *Client {
	n := New(c.base, token)
	n.http = c.http
	return n
}

// SetToken replaces the token, as with the answer of PostTokenRefresh; running event streams show it to the server.
func (c *Client) SetToken(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
	close(c.fresh)
	c.fresh = make(chan struct{})
}

// Token is the token in use.
func (c *Client) Token() string {
	t, _ := c.bearer()
	return t
}

// bearer is the token, and what is closed when it is no longer the newest.
func (c *Client) bearer() (token string, replaced <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token, c.fresh
}

// Option is what any request may carry besides.
type Option func(*http.Request)

// IdempotencyKey lets a POST be sent again without being carried out again, for 24 hours.
func IdempotencyKey(key string) Option {
	return func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }
}

// IfMatch refuses a change (412) of what is no longer the version with this entity tag.
func IfMatch(tag string) Option { return func(r *http.Request) { r.Header.Set("If-Match", tag) } }

// Range asks for a part of a file, "bytes=0-1023"; the answer is 206.
func Range(spec string) Option { return func(r *http.Request) { r.Header.Set("Range", spec) } }

// Problem is a refusal of the server (RFC 9457). Branch on its Code.
type Problem struct{ wire.Problem }

func (p *Problem) Error() string {
	s := fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail)
	for _, e := range p.Errors {
		s += fmt.Sprintf("; %s %s", e.Pointer, e.Code)
	}
	return s
}

// refusal reads a refused answer. One that is no problem, such as a proxy's, has its status as the code: http_502.
func refusal(res *http.Response) error {
	p := &Problem{}
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || json.Unmarshal(b, &p.Problem) != nil || p.Code == "" {
		p.Problem = wire.Problem{Title: http.StatusText(res.StatusCode), Detail: res.Status, Code: "http_" + strconv.Itoa(res.StatusCode)}
	}
	p.Status = res.StatusCode
	return p
}

// body is what a request carries.
type body struct {
	contentType string
	r           io.Reader
	err         error
}

func object(contentType string, v any) *body {
	b, err := json.Marshal(v)
	return &body{contentType, bytes.NewReader(b), err}
}

func text(contentType string, r io.Reader) *body { return &body{contentType, r, nil} }

// response sends a request; an answer that is a refusal is an error. The caller closes the body of the response.
func response(ctx context.Context, c *Client, method, path string, q *query, b *body, opts []Option) (*http.Response, error) {
	var r io.Reader
	if b != nil {
		if b.err != nil {
			return nil, fmt.Errorf("cordboard: %s %s: %w", method, path, b.err)
		}
		r = b.r
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path+q.String(), r)
	if err != nil {
		return nil, fmt.Errorf("cordboard: %w", err)
	}
	if b != nil {
		req.Header.Set("Content-Type", b.contentType)
	}
	if t := c.Token(); t != "" {
		req.Header.Set("Authorization", "Bearer "+t)
	}
	for _, o := range opts {
		o(req)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cordboard: %w", err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, refusal(res)
	}
	return res, nil
}

// status is for answers without a body of which there are several.
func status(ctx context.Context, c *Client, method, path string, q *query, b *body, opts []Option) (int, error) {
	res, err := response(ctx, c, method, path, q, b, opts)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection can be used again
	return res.StatusCode, res.Body.Close()
}

func nothing(ctx context.Context, c *Client, method, path string, q *query, b *body, opts []Option) error {
	_, err := status(ctx, c, method, path, q, b, opts)
	return err
}

// maybe is for answers that are an object or, by their status, empty: then it is nil.
func maybe[T any](ctx context.Context, c *Client, method, path string, q *query, b *body, opts []Option) (*T, error) {
	res, err := response(ctx, c, method, path, q, b, opts)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(all, v); err != nil {
		return nil, fmt.Errorf("cordboard: %s %s: %w", method, path, err)
	}
	return v, nil
}

// one is for answers that are an object.
func one[T any](ctx context.Context, c *Client, method, path string, q *query, b *body, opts []Option) (T, error) {
	v, err := maybe[T](ctx, c, method, path, q, b, opts)
	if err == nil && v == nil {
		err = fmt.Errorf("cordboard: %s %s: the answer is empty", method, path)
	}
	if err != nil {
		v = new(T)
	}
	return *v, err
}

// escape makes text one segment of a path.
func escape(s string) string { return url.PathEscape(s) }

// query collects the parameters that were given; nil is none.
type query struct{ v url.Values }

func (q *query) set(name, value string) {
	if q.v == nil {
		q.v = make(url.Values)
	}
	q.v.Add(name, value)
}

func (q *query) text(name, value string) {
	if value != "" {
		q.set(name, value)
	}
}

func (q *query) list(name string, values []string) {
	for _, v := range values {
		q.set(name, v)
	}
}

func (q *query) count(name string, n int) {
	if n != 0 {
		q.set(name, strconv.Itoa(n))
	}
}

func (q *query) number(name string, n *int) {
	if n != nil {
		q.set(name, strconv.Itoa(*n))
	}
}

func (q *query) truth(name string, b *bool) {
	if b != nil {
		q.set(name, strconv.FormatBool(*b))
	}
}

func (q *query) moment(name string, t time.Time) {
	if !t.IsZero() {
		q.set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func (q *query) String() string {
	if q == nil || len(q.v) == 0 {
		return ""
	}
	return "?" + q.v.Encode()
}
