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
// where asked for, a listening copy. keeper may be nil for recordings that are not sealed. It returns the
// files it wrote. The error is recorder.ErrErased, seal.ErrUnknownKey or an ErrBad for what says why; then
// nothing is left behind.
func Export(ctx context.Context, a archive.Archive, folder string, keeper seal.Keeper, dir string, o ExportOptions) (files []string, err error) {
	p := place{a, folder}
	doc, err := p.document(ctx, manifestName)
	if errors.Is(err, archive.ErrNotFound) {
		return nil, ErrUnfinished
	}
	if err != nil {
		return nil, err
	}
	m, err := recorder.ParseManifest(doc)
	if err != nil {
		return nil, bad{err}
	}
	w := m.Recording
	var key *seal.Key
	if m.Envelope != "" {
		if keeper == nil {
			return nil, seal.ErrUnknownKey
		}
		if key, err = recorder.OpenKey(ctx, p.open, w.ID, keeper); err != nil {
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
		err := write(t.ID+".ogg", func(out io.Writer) error {
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
	return files, write(manifestName, func(out io.Writer) error {
		_, err := out.Write(doc)
		return err
	})
}

// openClear opens a track in clear.
func (p place) openClear(ctx context.Context, t wire.Track, key *seal.Key) (io.ReadCloser, error) {
	if key == nil && t.Object != t.ID+".ogg" {
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

// Rewrap wraps the keys of all sealed recordings at or below folder with the keeper's current key. The
// recordings themselves are not read. It returns how many were wrapped anew and how many were wrapped by the
// current key before; with an error some may have been done. told, which may be nil, is asked before a key of a
// recording's folder is stored, and its error leaves that one as it is.
func Rewrap(ctx context.Context, a archive.Archive, folder string, keeper seal.Keeper, told func(folder string) error) (done, before int, err error) {
	var keys []string
	err = a.Walk(ctx, folder, func(key string) error {
		if path.Base(key) == "key.json" {
			keys = append(keys, key)
		}
		return nil
	})
	var errs []error
	for _, key := range keys {
		changed, err := rewrap(ctx, a, key, keeper, told)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", strings.TrimSuffix(key, "/key.json"), err))
		case changed:
			done++
		default:
			before++
		}
	}
	return done, before, errors.Join(append(errs, err)...)
}

func rewrap(ctx context.Context, a archive.Archive, key string, keeper seal.Keeper, told func(folder string) error) (bool, error) {
	dir, name := path.Split(key)
	b, err := place{a, dir}.document(ctx, name)
	if err != nil {
		return false, err
	}
	e, err := seal.ParseEnvelope(b)
	if err != nil {
		return false, err
	}
	e, changed, err := e.Rewrap(ctx, keeper)
	if err != nil || !changed {
		return false, err
	}
	if told != nil {
		if err := told(dir); err != nil {
			return false, err
		}
	}
	return true, put(ctx, a, key, e.Encode())
}

// put stores a small document over the one that is there.
func put(ctx context.Context, a archive.Archive, key string, b []byte) error {
	f, err := os.CreateTemp("", "cordboard-*.json")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return a.Put(ctx, key, archive.File{Path: f.Name(), Size: int64(len(b)), SHA256: sum(b)})
}
