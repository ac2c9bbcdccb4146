package main

import (
	"context"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cordboard/cordboard/signaling/auth"
)

// startNode runs a node until the test ends. The token may do everything.
func startNode(t *testing.T, cfg config) (*node, string) {
	t.Helper()
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	n, err := build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	token, _, err := n.keys.Mint(auth.Claims{Grants: []string{"admin:*"}, LifeSeconds: 600, RegisteredClaims: jwt.RegisteredClaims{Subject: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	return n, token
}
