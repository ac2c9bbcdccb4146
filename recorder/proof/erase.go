package proof

import (
	"context"
	"errors"
	"fmt"

	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
)

// ErrClear: a recording that is not sealed has no key to erase.
var ErrClear = errors.New("the recording is not sealed: it has no key to erase")

// Erase takes the wrapped key of the recording in folder away, after which nobody can open the recording; that
// it was not changed can still be proven. Each archive with the recording has a key of its own to erase, and so
// has each version of the object where a bucket keeps versions. The error is ErrUnfinished, ErrClear,
// recorder.ErrErased when it is gone already, or the archive's.
func Erase(ctx context.Context, a archive.Archive, folder string) (recID string, err error) {
	p := place{a, folder}
	doc, err := p.document(ctx, manifestName)
	if errors.Is(err, archive.ErrNotFound) {
		return "", ErrUnfinished
	}
	if err != nil {
		return "", err
	}
	m, err := recorder.ParseManifest(doc)
	if err != nil {
		return "", bad{err}
	}
	if m.Envelope == "" {
		return m.Recording.ID, ErrClear
	}
	key := folder + m.Envelope
	if _, err := a.Stat(ctx, key); errors.Is(err, archive.ErrNotFound) {
		return m.Recording.ID, recorder.ErrErased
	} else if err != nil {
		return m.Recording.ID, err
	}
	if err := a.Remove(ctx, key); err != nil {
		return m.Recording.ID, err
	}
	if _, err := a.Stat(ctx, key); !errors.Is(err, archive.ErrNotFound) {
		return m.Recording.ID, fmt.Errorf("the key is still there: %w", errors.Join(err, errors.New("the archive has not removed it")))
	}
	return m.Recording.ID, nil
}
