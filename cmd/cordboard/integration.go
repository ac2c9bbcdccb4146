package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cordboard/cordboard/signaling/webhook"
)

// masterKeySize is the size of the key that secrets of webhooks are derived from, in bytes.
const masterKeySize = 32

// masterKey reads a key as hexadecimal text, or makes one on first start, readable by this user alone.
func masterKey(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return newMasterKey(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (mode %04o): chmod 600 it", file, info.Mode().Perm())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != masterKeySize {
		return nil, fmt.Errorf("%s: want %d hexadecimal digits", file, 2*masterKeySize)
	}
	return key, nil
}

func newMasterKey(file string) ([]byte, error) {
	key := make([]byte, masterKeySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("make key folder: %w", err)
	}
	// Written beside and linked in, so that of two processes that start at once exactly one key wins.
	tmp, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(hex.EncodeToString(key) + "\n")
	if err := errors.Join(err, tmp.Chmod(0o600), tmp.Sync(), tmp.Close()); err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	if err := os.Link(tmp.Name(), file); errors.Is(err, fs.ErrExist) {
		return masterKey(file)
	} else if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	return key, nil
}

// buildWebhooks makes the webhooks on the event log.
func (n *node) buildWebhooks() error {
	known, err := n.store.Bucket("webhooks", 0)
	if err != nil {
		return err
	}
	dead, err := n.store.Bucket("webhook-dead", n.cfg.Webhooks.KeepDead)
	if err != nil {
		return err
	}
	n.webhooks, err = webhook.New(n.cfg.Webhooks, webhook.Deps{
		Source: n.bus, History: n.events, Store: known, Dead: dead, Client: n.cfg.Egress.Client(n.cfg.Webhooks.Timeout), CheckURL: n.cfg.Egress.CheckURL,
		Master: n.master, Log: n.log.With("part", "webhooks"), Now: time.Now,
	})
	return err
}
