package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// ExportOptions say what Export writes beside the tracks.
type ExportOptions struct {
	Copy   listen.Format // "": no listening copy
	Pauses string        // of the copy, recorder.PauseSilence or recorder.PauseCut; "": as recorded
	Marker bool
}

// Export writes the recording in folder, in clear, to a new folder of its id below dir: tracks, manifest and,
// where asked for, a listening copy. Recordings that are not sealed need no keeper. It returns the
// files it wrote. The error is recorder.ErrErased, seal.ErrUnknownKey or an ErrBad for what says why; then
// nothing is left behind.
func Export(ctx context.Context, a archive.Archive, folder string, trust Trust, dir string, o ExportOptions) (files []string, err error) {
	p := place{a, folder}
	doc, m, err := p.manifest(ctx, trust.Keys)
	if err != nil {
		return nil, err
	}
	w := m.Recording
	var key *seal.Key
	if m.Envelope != "" {
		if trust.Keeper == nil {
			return nil, seal.ErrUnknownKey
		}
		if key, err = recorder.OpenKey(ctx, p.open, w.ID, trust.Keeper); err != nil {
			return nil, err
		}
		defer key.Wipe()
	}
	if o.Pauses == "" {
		o.Pauses = m.PausePolicy
	}
	dir = filepath.Join(dir, w.ID)
	if err := os.Mkdir(dir, 0o750); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	defer func() {
		if err != nil {
			files, err = nil, errors.Join(err, os.RemoveAll(dir))
		}
	}()
	write := func(name string, f func(io.Writer) error) error {
		files = append(files, filepath.Join(dir, name))
		return writeNew(files[len(files)-1], f)
	}
	for _, t := range w.Tracks {
		err := write(recorder.ClearName(t), func(out io.Writer) error {
			in, err := p.openClear(ctx, t, key)
			if err != nil {
				return err
			}
			h := sha256.New()
			_, err = io.Copy(io.MultiWriter(out, h), in)
			if err = errors.Join(damaged(t.Object, err), in.Close()); err == nil && key == nil && hex.EncodeToString(h.Sum(nil)) != t.SHA256 {
				err = bad{fmt.Errorf("%s has been changed", t.Object)} // of a sealed one the seal has told
			}
			return err
		})
		if err != nil {
			return files, err
		}
	}
	if o.Copy != "" {
		err := write("copy"+o.Copy.Suffix(), func(out io.Writer) error {
			open := func(t wire.Track) (io.ReadCloser, error) { return p.openClear(ctx, t, key) }
			return recorder.WriteCopy(ctx, out, m, open, listen.Options{Format: o.Copy}, o.Pauses, o.Marker)
		})
		if err != nil {
			return files, err
		}
	}
	return files, write(recorder.ManifestName, func(out io.Writer) error {
		_, err := out.Write(doc)
		return err
	})
}

// openClear opens a track in clear.
func (p place) openClear(ctx context.Context, t wire.Track, key *seal.Key) (io.ReadCloser, error) {
	if key == nil && t.Object != recorder.ClearName(t) {
		return nil, bad{fmt.Errorf("%s is sealed, but the manifest has no envelope", t.Object)}
	}
	f, _, err := recorder.OpenClear(ctx, p.open, t, key, false)
	if errors.Is(err, archive.ErrNotFound) {
		return nil, bad{fmt.Errorf("the track %s is missing", t.Object)}
	}
	return f, damaged(t.Object, err)
}

// damaged makes an ErrBad of what says that a sealed file was changed.
func damaged(object string, err error) error {
	if errors.Is(err, seal.ErrDamaged) || errors.Is(err, io.ErrUnexpectedEOF) {
		return bad{fmt.Errorf("%s: %w", object, err)}
	}
	return err
}

func writeNew(name string, f func(io.Writer) error) error {
	out, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return errors.Join(f(out), out.Sync(), out.Close())
}

// Rewrapped is what Rewrap has done.
type Rewrapped struct {
	Done   int // keys wrapped anew
	Before int // wrapped by the current key before
	Kept   int // of Done: the store keeps an older version of the key under a lock
}

// Rewrap wraps the keys of all sealed recordings at or below folder with the keeper's current key. The
// recordings themselves are not read. With an error some may have been done. Each key is stored by act, which around
// calls, or does not: its error leaves the key as it is. A nil around calls act.
func Rewrap(ctx context.Context, a archive.Archive, folder string, keeper seal.Keeper, around func(folder string, act func() error) error) (r Rewrapped, err error) {
	if around == nil {
		around = func(_ string, act func() error) error { return act() }
	}
	var keys []string
	err = a.Walk(ctx, folder, func(key string) error {
		if path.Base(key) == recorder.EnvelopeName {
			keys = append(keys, key)
		}
		return nil
	})
	var errs []error
	for _, key := range keys {
		dir, _ := path.Split(key)
		if err := (place{a, dir}).rewrap(ctx, keeper, around, &r); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", strings.TrimSuffix(dir, "/"), err))
		}
	}
	return r, errors.Join(append(errs, err)...)
}

func (p place) rewrap(ctx context.Context, keeper seal.Keeper, around func(folder string, act func() error) error, r *Rewrapped) error {
	b, err := p.document(ctx, recorder.EnvelopeName)
	if err != nil {
		return err
	}
	e, err := seal.ParseEnvelope(b)
	if err != nil {
		return err
	}
	e, changed, err := e.Rewrap(ctx, keeper)
	if err != nil {
		return err
	}
	if !changed {
		r.Before++
		return nil
	}
	return around(p.folder, func() error { return p.replaceKey(ctx, e, r) })
}

// replaceKey stores a key wrapped anew over the one that is there, unless that was erased meanwhile: who erases says so
// before the key goes, so a look afterwards sees every erasing that might have missed this key.
func (p place) replaceKey(ctx context.Context, e seal.Envelope, r *Rewrapped) error {
	key := p.folder + recorder.EnvelopeName
	if _, err := p.archive.Stat(ctx, key); errors.Is(err, archive.ErrNotFound) {
		return recorder.ErrErased
	} else if err != nil {
		return err
	}
	if err := p.archive.Put(ctx, key, archive.Document(e.Encode())); err != nil {
		return err
	}
	erased, err := p.erased(ctx)
	if erased {
		err = errors.Join(recorder.ErrErased, p.archive.Remove(ctx, key))
	}
	if err != nil {
		return err
	}
	r.Done++
	if h, ok := p.archive.(archive.Holder); ok {
		if err := Held(ctx, p.archive, p.folder); errors.Is(err, ErrHeld) {
			if err := h.Hold(ctx, key, true); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	pruner, ok := p.archive.(archive.Pruner)
	if !ok {
		return nil
	}
	err = pruner.Prune(ctx, key) // an older version opens with the older key
	if errors.Is(err, archive.ErrLocked) {
		r.Kept++
		return nil
	}
	return err
}
