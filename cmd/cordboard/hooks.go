package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// hookAnswer bounds what is read of a hook's answer.
const hookAnswer = 64 << 10

// hook is an operator's own program, asked over HTTP: a JSON object is posted and, where one is expected, a
// JSON object comes back. Any status but 2xx is a failure. It does not follow redirects.
type hook struct {
	url    string
	client *http.Client
}

func newHook(address string) *hook {
	return &hook{address, &http.Client{
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// validHook refuses what is no HTTP address; empty is none.
func validHook(name, address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s: %q is not an address like https://example.com/path", name, address)
	}
	return nil
}

func (h *hook) ask(ctx context.Context, body, answer any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("hook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("hook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.client.Do(req)
	if err != nil {
		return fmt.Errorf("hook: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("hook: answered %d", resp.StatusCode)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, hookAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("hook: answer: %w", err)
	}
	return nil
}

// codeHook sends confirmation codes; it is a desk.Messenger.
type codeHook struct{ *hook }

// SendCode implements desk.Messenger.
func (h codeHook) SendCode(ctx context.Context, callbackID, number, code string, expires time.Time) error {
	return h.ask(ctx, map[string]any{"callback_id": callbackID, "number": number, "code": code, "expires": expires}, nil)
}

// detectHook asks whether a machine has answered; it is a desk.Detector.
type detectHook struct{ *hook }

// Machine implements desk.Detector: the answer is {"machine": true} or {"machine": false}.
func (h detectHook) Machine(ctx context.Context, callID, legID string) (bool, error) {
	var answer struct {
		Machine *bool `json:"machine"`
	}
	if err := h.ask(ctx, map[string]string{"call_id": callID, "leg_id": legID}, &answer); err != nil {
		return false, err
	}
	if answer.Machine == nil {
		return false, fmt.Errorf("hook: the answer has no field machine")
	}
	return *answer.Machine, nil
}
