package proof

import (
	"context"
	"errors"
	"time"

	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
)

// ErrClear: a recording that is not sealed has no key to erase.
var ErrClear = errors.New("the recording is not sealed: it has no key to erase")

// ErrHeld: a legal hold forbids it.
var ErrHeld = errors.New("the recording is under legal hold")

// Held is ErrHeld for a recording with the note of a legal hold beside it, nil for one without, and else why that
// cannot be told.
func Held(ctx context.Context, a archive.Archive, folder string) error {
	_, err := a.Stat(ctx, folder+recorder.HoldName)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return ErrHeld
}

// ID is the id of the recording in folder, as its manifest has it.
func ID(ctx context.Context, a archive.Archive, folder string) (string, error) {
	_, m, err := place{a, folder}.manifest(ctx, nil)
	return m.Recording.ID, err
}

// Erase takes the wrapped key of the recording in folder away, after which nobody can open the recording; that
// it was not changed can still be proven. Each archive with the recording has a key of its own to erase; where a bucket
// keeps versions, all go. The error is ErrUnfinished, ErrClear,
// recorder.ErrErased when it is gone already, ErrHeld, or the archive's.
func Erase(ctx context.Context, a archive.Archive, folder string) (recID string, err error) {
	_, m, err := place{a, folder}.manifest(ctx, nil)
	if err != nil {
		return m.Recording.ID, err
	}
	if m.Envelope == "" {
		return m.Recording.ID, ErrClear
	}
	if err := Held(ctx, a, folder); err != nil {
		return m.Recording.ID, err
	}
	found, err := recorder.TakeKey(ctx, a, folder, m.Recording.ID, time.Now().UTC())
	if err == nil && !found {
		err = recorder.ErrErased
	}
	return m.Recording.ID, err
}
