package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// echo answers with what was asked: method, path with query, headers and body, as the title of a problem with the
// status in the path, or as JSON.
func echo(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, asked string)) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer(w, r, fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, b))
	}))
	t.Cleanup(s.Close)
	return New(s.URL+"/", "tok")
}

func TestRequests(t *testing.T) {
	ctx := t.Context()
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	for name, c := range map[string]struct {
		call   func(*Client) error
		answer string
		want   string
		header map[string]string
	}{
		"path is escaped": {
			func(c *Client) error { _, err := c.GetCallVariable(ctx, "call_1", "a/b c"); return err }, `{}`,
			"GET /v1/calls/call_1/variables/a%2Fb%20c ",
			map[string]string{"Authorization": "Bearer tok"},
		},
		"query": {
			func(c *Client) error {
				_, err := c.GetRecordings(ctx, GetRecordingsQuery{Agent: "ana", Variable: []string{"a=1", "b=2"}, Held: new(false), Since: since, Limit: 5})
				return err
			}, `{}`, "GET /v1/recordings?agent=ana&held=false&limit=5&since=2026-03-01T11%3A00%3A00Z&variable=a%3D1&variable=b%3D2 ", nil,
		},
		"zero that means something": {
			func(c *Client) error {
				_, err := c.GetConfigDeskDiff(ctx, GetConfigDeskDiffQuery{From: new(0), To: new(2)})
				return err
			}, `{}`, "GET /v1/config/desk/diff?from=0&to=2 ", nil,
		},
		"merge patch": {
			func(c *Client) error { _, err := c.PatchLeg(ctx, "leg_1", wire.LegPatch{Muted: new(true)}); return err }, `{"leg":{}}`,
			`PATCH /v1/legs/leg_1 {"muted":true}`,
			map[string]string{"Content-Type": "application/merge-patch+json"},
		},
		"text": {
			func(c *Client) error {
				_, err := c.PostLists(ctx, strings.NewReader("number\n1\n"), PostListsQuery{Name: "x"})
				return err
			}, `{}`, "POST /v1/lists?name=x number\n1\n", map[string]string{"Content-Type": "text/csv"},
		},
		"options": {
			func(c *Client) error {
				_, err := c.PostCalls(ctx, wire.CallRequest{To: "1"}, IdempotencyKey("k"), IfMatch(`"3"`))
				return err
			}, `{}`, `POST /v1/calls {"to":"1"}`, map[string]string{"Idempotency-Key": "k", "If-Match": `"3"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cl := echo(t, func(w http.ResponseWriter, r *http.Request, asked string) {
				if asked != c.want {
					t.Errorf("asked %q, want %q", asked, c.want)
				}
				for k, v := range c.header {
					if got := r.Header.Get(k); got != v {
						t.Errorf("%s: %q, want %q", k, got, v)
					}
				}
				fmt.Fprint(w, c.answer)
			})
			if err := c.call(cl); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	ctx := t.Context()
	code := 0
	c := echo(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(code)
		if code == http.StatusOK {
			fmt.Fprint(w, `{"leg":{"id":"leg_1"}}`)
		}
	})
	code = http.StatusNoContent
	if a, err := c.PatchLeg(ctx, "x", wire.LegPatch{}); a != nil || err != nil {
		t.Errorf("204: %+v %v", a, err)
	}
	if err := c.PostLegHangup(ctx, "x", wire.HangupRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := c.GetLeg(ctx, "x"); err == nil {
		t.Error("an empty answer passed for a leg")
	}
	code = http.StatusAccepted
	if st, err := c.DeleteRecording(ctx, "x", DeleteRecordingQuery{}); st != http.StatusAccepted || err != nil {
		t.Errorf("202: %d %v", st, err)
	}
	code = http.StatusOK
	if a, err := c.PatchLeg(ctx, "x", wire.LegPatch{}); a == nil || a.Leg.ID != "leg_1" || err != nil {
		t.Errorf("200: %+v %v", a, err)
	}
	res, err := c.GetRecordingTrack(ctx, "r", "copy", GetRecordingTrackQuery{}, Range("bytes=0-1"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(b), "leg_1") || res.Body.Close() != nil {
		t.Errorf("%s %v", b, err)
	}
}

func TestProblems(t *testing.T) {
	text := ""
	c := echo(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, text)
	})
	for name, tc := range map[string]struct{ body, code, says string }{
		"of the server": {
			`{"type":"https://cordboard.dev/problems/offer_over","title":"Offer over","status":409,"detail":"too late","code":"offer_over","state":"expired","allowed":["none"],"errors":[{"pointer":"/a","code":"bad"}]}`,
			"offer_over", "409 offer_over: too late; /a bad",
		},
		"of somebody between": {"<html>", "http_409", "409 http_409: 409 Conflict"},
		"empty":               {"", "http_409", "409 http_409: 409 Conflict"},
	} {
		text = tc.body
		_, err := c.PostOfferAccept(t.Context(), "offer_1")
		var p *Problem
		if !errors.As(err, &p) || p.Code != tc.code || p.Status != 409 || p.Error() != tc.says {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := json.Marshal(p); err != nil {
			t.Error(err)
		}
	}
	if p := new(Problem); true {
		text = `{"code":"x","state":"ringing","allowed":["accept"]}`
		if err := c.DeleteLeg(t.Context(), "l", DeleteLegQuery{}); !errors.As(err, &p) || p.State != "ringing" || p.Allowed[0] != "accept" {
			t.Errorf("%v", err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	c := New("http://127.0.0.1:1", "tok")
	_, err := c.GetAgents(t.Context())
	var p *Problem
	if err == nil || errors.As(err, &p) {
		t.Errorf("%v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.GetAgents(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTokens(t *testing.T) {
	got := ""
	c := echo(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		got = r.Header.Get("Authorization")
		fmt.Fprint(w, "{}")
	})
	other := c.As("two").Through(&http.Client{Timeout: time.Minute})
	c.SetToken("three")
	for want, c := range map[string]*Client{"Bearer two": other, "Bearer three": c} {
		if _, err := c.GetQueues(t.Context()); err != nil || got != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
}
