// Package store keeps what must outlive the process: append-only logs, the event log of the API and small
// key-value buckets with compare-and-set and watch. It stands on NATS JetStream. By default the server is
// embedded: in this process, on a folder of ours, with no listening socket, and every write is on disk
// before it is acknowledged. With a URL the same code uses an external server, whose operator must set
// sync_interval: always to get the same promise.
//
// A write costs one disk flush, so callers pack what belongs together into one write: a Log entry and an
// EventLog batch are one message each, whole or not there at all.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// MaxEntry is the largest entry, batch or value in bytes that the embedded server takes.
const MaxEntry = 4 << 20

const startLimit = 10 * time.Second

// Config says where the data is.
type Config struct {
	// Dir is the folder of the embedded server. It must not be used by another process.
	Dir string `toml:"dir"`
	// URL of an external NATS server; empty: embedded.
	URL string `toml:"url"`
}

// Validate reports the first value that cannot be.
func (c Config) Validate() error {
	if c.Dir == "" && c.URL == "" {
		return errors.New("store: dir or url must be set")
	}
	return nil
}

// Store is an open data store. Safe for concurrent use.
type Store struct {
	ns *server.Server // nil when external
	nc *nats.Conn
	js jetstream.JetStream
}

// Open starts the embedded server on cfg.Dir, or connects to cfg.URL. It returns when the store can be
// written to. log may be nil.
func Open(cfg Config, log *slog.Logger) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{}
	var err error
	if cfg.URL != "" {
		s.nc, err = nats.Connect(cfg.URL, nats.Name("cordboard"), nats.MaxReconnects(-1))
	} else {
		s.nc, err = s.embed(cfg.Dir, log)
	}
	if err == nil {
		s.js, err = jetstream.New(s.nc, jetstream.WithDefaultTimeout(2*time.Second))
	}
	if err != nil {
		_ = s.Close() // the first error is the one to tell
		return nil, fmt.Errorf("store: open: %w", err)
	}
	return s, nil
}

func (s *Store) embed(dir string, log *slog.Logger) (*nats.Conn, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := writable(dir); err != nil {
		return nil, err
	}
	ns, err := server.NewServer(&server.Options{
		ServerName: "cordboard",
		JetStream:  true,
		StoreDir:   dir,
		SyncAlways: true,
		DontListen: true,
		NoSigs:     true,
		MaxPayload: MaxEntry + 64<<10,
	})
	if err != nil {
		return nil, err
	}
	ns.SetLoggerV2(serverLog{log}, false, false, false)
	s.ns = ns
	ns.Start()
	if !ns.ReadyForConnections(startLimit) {
		return nil, errors.New("embedded server did not start")
	}
	return nats.Connect("", nats.InProcessServer(ns), nats.Name("cordboard"), nats.MaxReconnects(-1))
}

// writable gives a clear error before the server gives an unclear one.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(filepath.Clean(f.Name())))
}

// Close flushes and stops. What was acknowledged is on disk already. Idempotent.
func (s *Store) Close() error {
	if s.nc != nil {
		s.nc.Close()
	}
	if s.ns != nil {
		s.ns.Shutdown()
		s.ns.WaitForShutdown()
	}
	return nil
}

// stream opens a stream of one subject, made on first use.
func (s *Store) stream(name string, maxAge time.Duration) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	st, err := s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        name,
		Subjects:    []string{name},
		Storage:     jetstream.FileStorage,
		MaxAge:      maxAge,
		AllowDirect: true,
	})
	if err != nil {
		return nil, fmt.Errorf("store: open stream %s: %w", name, err)
	}
	return st, nil
}

// serverLog passes what the embedded server wants to say to ours.
type serverLog struct{ log *slog.Logger }

func (l serverLog) say(level slog.Level, format string, v ...any) {
	l.log.Log(context.Background(), level, "store server", "text", fmt.Sprintf(format, v...))
}

func (l serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v...) }
func (l serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v...) }
func (l serverLog) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v...) }
func (l serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v...) }
func (l serverLog) Debugf(format string, v ...any)  { l.say(slog.LevelDebug, format, v...) }
func (l serverLog) Tracef(format string, v ...any)  { l.say(slog.LevelDebug, format, v...) }
