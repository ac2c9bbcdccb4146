package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestHooks(t *testing.T) {
	var got map[string]any
	answer, status := `{"machine":true}`, 200
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = nil
		_ = json.NewDecoder(r.Body).Decode(&got)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer srv.Close()
	if err := (codeHook{newHook(srv.URL)}).SendCode(t.Context(), "cbk_1", "041555555", "123456", time.Unix(0, 0)); err != nil || got["code"] != "123456" || got["number"] != "041555555" {
		t.Errorf("%v %v", got, err)
	}
	d := detectHook{newHook(srv.URL)}
	if m, err := d.Machine(t.Context(), "call_1", "leg_1"); !m || err != nil || got["leg_id"] != "leg_1" {
		t.Errorf("%v %v %v", m, err, got)
	}
	for _, c := range []struct {
		answer string
		status int
	}{{`{}`, 200}, {`nonsense`, 200}, {`{"machine":true}`, 500}, {`{"machine":true}`, 302}} {
		answer, status = c.answer, c.status
		if m, err := d.Machine(t.Context(), "call_1", "leg_1"); m || err == nil {
			t.Errorf("%+v: %v %v", c, m, err)
		}
	}
	for address, ok := range map[string]bool{"": true, "https://example.com/x": true, "ftp://example.com": false, "example.com": false} {
		if err := validHook("x", address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}
