package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Errors of a bucket.
var (
	ErrNotFound = errors.New("store: key not found")
	ErrConflict = errors.New("store: key has changed")
)

// Bucket is a set of keys with values and revisions. Keys consist of letters, digits and - _ = . /
type Bucket struct{ kv jetstream.KeyValue }

// Value is a key's value at one revision.
type Value struct {
	Key      string
	Data     []byte
	Revision uint64
	Deleted  bool // only from Watch
}

// Bucket opens the bucket of that name, made on first use. ttl forgets keys that were not written for so
// long, 0 for never; it serves leases.
func (s *Store) Bucket(name string, ttl time.Duration) (*Bucket, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	cfg := jetstream.KeyValueConfig{Bucket: name, TTL: ttl}
	if ttl > 0 {
		cfg.LimitMarkerTTL = time.Second // watchers are told when a key runs out
	}
	kv, err := s.js.CreateOrUpdateKeyValue(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("store: open bucket %s: %w", name, err)
	}
	return &Bucket{kv}, nil
}

// Get reads a key; ErrNotFound when it is not there.
func (b *Bucket) Get(ctx context.Context, key string) (Value, error) {
	e, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Value{}, ErrNotFound
	}
	if err != nil {
		return Value{}, fmt.Errorf("store: get %s: %w", key, err)
	}
	return Value{Key: key, Data: e.Value(), Revision: e.Revision()}, nil
}

// Put writes a key whatever was there and returns the new revision.
func (b *Bucket) Put(ctx context.Context, key string, data []byte) (uint64, error) {
	rev, err := b.kv.Put(ctx, key, data)
	if err != nil {
		return 0, fmt.Errorf("store: put %s: %w", key, err)
	}
	return rev, nil
}

// CompareAndSet writes a key only if its revision is still the given one, 0 for "not there". ErrConflict
// otherwise.
func (b *Bucket) CompareAndSet(ctx context.Context, key string, data []byte, revision uint64) (uint64, error) {
	var rev uint64
	var err error
	if revision == 0 {
		rev, err = b.kv.Create(ctx, key, data)
	} else {
		rev, err = b.kv.Update(ctx, key, data, revision)
	}
	var api *jetstream.APIError
	if errors.Is(err, jetstream.ErrKeyExists) ||
		(errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence) {
		return 0, ErrConflict
	}
	if err != nil {
		return 0, fmt.Errorf("store: set %s: %w", key, err)
	}
	return rev, nil
}

// Delete removes a key; one that is not there is no error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := b.kv.Delete(ctx, key); err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return fmt.Errorf("store: delete %s: %w", key, err)
	}
	return nil
}

// Watch calls f with the present values of the keys that match (a key, or a pattern with * and >) and then
// with every change, in order, until ctx ends or f errs. It returns that error.
func (b *Bucket) Watch(ctx context.Context, pattern string, f func(Value) error) error {
	w, err := b.kv.Watch(ctx, pattern)
	if err != nil {
		return fmt.Errorf("store: watch %s: %w", pattern, err)
	}
	defer w.Stop() //nolint:errcheck // only fails on a closed connection
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-w.Updates():
			if !ok {
				return errors.New("store: watch ended")
			}
			if e == nil { // the present values have all been told
				continue
			}
			v := Value{Key: e.Key(), Data: e.Value(), Revision: e.Revision(), Deleted: e.Operation() != jetstream.KeyValuePut}
			if err := f(v); err != nil {
				return err
			}
		}
	}
}

// List reads the keys that begin with a prefix that ends in a dot, in no order.
func (b *Bucket) List(ctx context.Context, prefix string) ([]Value, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	w, err := b.kv.Watch(ctx, prefix+">", jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("store: list %s: %w", prefix, err)
	}
	defer w.Stop() //nolint:errcheck // only fails on a closed connection
	var out []Value
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("store: list %s: %w", prefix, ctx.Err())
		case e, ok := <-w.Updates():
			if !ok {
				return nil, fmt.Errorf("store: list %s: the store has closed", prefix)
			}
			if e == nil { // all have been told
				return out, nil
			}
			out = append(out, Value{Key: e.Key(), Data: e.Value(), Revision: e.Revision()})
		}
	}
}
