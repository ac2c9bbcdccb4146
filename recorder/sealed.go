package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

func isSealed(object string) bool { return strings.HasSuffix(object, sealedSuffix) }

// sealedRecording reports whether what is made of the recording must be sealed too.
func sealedRecording(w wire.Recording) bool {
	return slices.ContainsFunc(w.Tracks, func(t wire.Track) bool { return isSealed(t.Object) })
}

// Opener opens an object of a recording by its name; the error is archive.ErrNotFound or a problem of status
// 404 where there is none.
type Opener func(ctx context.Context, object string) (io.ReadSeekCloser, int64, error)

func absent(err error) bool {
	var p *problem.Error
	return errors.Is(err, archive.ErrNotFound) || errors.As(err, &p) && p.Status == http.StatusNotFound
}

// ErrTooLarge: an object is larger than any document we write.
var ErrTooLarge = errors.New("recorder: document is too large")

// ReadDocument reads a whole object. The error is ErrTooLarge for one larger than a manifest can be.
func ReadDocument(ctx context.Context, open Opener, object string) ([]byte, error) {
	f, size, err := open(ctx, object)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > MaxManifest {
		return nil, fmt.Errorf("%w: %s", ErrTooLarge, object)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(f); err != nil {
		return nil, fmt.Errorf("recorder: read %s: %w", object, err)
	}
	return b.Bytes(), nil
}

// ErrErased: the key of a sealed recording is not there any more, and nobody can open the recording.
var ErrErased = errors.New("recorder: the recording's key has been erased")

// OpenKey unwraps a sealed recording's data key. The error is ErrErased, seal.ErrUnknownKey, seal.ErrUnwrap,
// or that of reading. keeper is not nil.
func OpenKey(ctx context.Context, open Opener, recID string, keeper seal.Keeper) (*seal.Key, error) {
	b, err := ReadDocument(ctx, open, EnvelopeName)
	if absent(err) {
		return nil, ErrErased
	}
	if err != nil {
		return nil, err
	}
	e, err := seal.ParseEnvelope(b)
	if err != nil {
		return nil, err
	}
	if e.Recording != recID {
		return nil, seal.ErrUnwrap
	}
	return e.Open(ctx, keeper)
}

// OpenClear opens a track in clear, sealed or not; key may be nil for one that is not. growing is for a track
// that is not finished. The caller closes it.
func OpenClear(ctx context.Context, open Opener, t wire.Track, key *seal.Key, growing bool) (io.ReadSeekCloser, int64, error) {
	f, size, err := open(ctx, t.Object)
	if err != nil || !isSealed(t.Object) {
		return f, size, err
	}
	var sizes []int // nil: the reader finds out
	if !growing {
		sizes = chunkSizes(ctx, open, t, size)
	}
	return openSealed(f, key.Opener(t.Object), sizes, growing)
}

func openSealed(f io.ReadSeekCloser, o *seal.Opener, sizes []int, growing bool) (io.ReadSeekCloser, int64, error) {
	r, err := seal.NewReader(f, o, sizes, growing)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return clearFile{r, f}, r.Size(), nil
}

// clearFile is a sealed file seen in clear.
type clearFile struct {
	*seal.Reader
	io.Closer
}

// chunkSizes is the lengths of a track's chunks as its chain has them, nil where the chain is no help: it is
// quicker, not needed.
func chunkSizes(ctx context.Context, open Opener, t wire.Track, size int64) []int {
	f, _, err := open(ctx, t.ID+chainSuffix)
	if err != nil {
		return nil
	}
	c, err := chain.Read(f)
	if errors.Join(err, f.Close()) != nil || c.Head().Bytes != size {
		return nil
	}
	sizes := make([]int, len(c.Links))
	for i, l := range c.Links {
		sizes[i] = l.Length
	}
	return sizes
}

// opener opens objects of a recording wherever they are.
func (r *Recorder) opener(w wire.Recording) Opener {
	return func(ctx context.Context, object string) (io.ReadSeekCloser, int64, error) {
		return r.openObject(ctx, w, object)
	}
}

// dataKey is the data key of a sealed recording. The error is a problem.
func (r *Recorder) dataKey(ctx context.Context, w wire.Recording) (*seal.Key, error) {
	err := seal.ErrUnknownKey
	if r.custody.get(w.ID).Erase != nil {
		err = ErrErased // though an archive that is away may still have it
	} else if r.keeper != nil {
		var key *seal.Key
		if key, err = OpenKey(ctx, r.opener(w), w.ID, r.keeper); err == nil {
			return key, nil
		}
	}
	if p := problem.As(err); p.Code != "internal" {
		return nil, p
	}
	p := problem.New(http.StatusServiceUnavailable, "key_unavailable", "the key of this recording cannot be had now")
	if errors.Is(err, ErrErased) {
		p = problem.New(http.StatusGone, "recording_erased", "the key of this recording has been erased: nobody can open it")
	}
	p.CallID, p.Err = w.CallID, err
	return nil, p
}

// openTrack opens a track in clear. The error is a problem.
func (r *Recorder) openTrack(ctx context.Context, w wire.Recording, t wire.Track) (io.ReadSeekCloser, int64, error) {
	if !isSealed(t.Object) {
		return r.openObject(ctx, w, t.Object)
	}
	key, err := r.dataKey(ctx, w)
	if err != nil {
		return nil, 0, err
	}
	defer key.Wipe()
	return OpenClear(ctx, r.opener(w), t, key, w.Ended == nil)
}

// spooledKey is the data key of a recording that is not finished.
func (r *Recorder) spooledKey(ctx context.Context, dir string) (*seal.Key, error) {
	if r.keeper == nil {
		return nil, seal.ErrUnknownKey
	}
	open := func(_ context.Context, object string) (io.ReadSeekCloser, int64, error) {
		f, err := os.Open(filepath.Join(dir, object))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, 0, archive.ErrNotFound
		}
		return f, 0, err
	}
	return OpenKey(ctx, open, filepath.Base(dir), r.keeper)
}

// unfinished stands in the names of files in the spool's top folder that are being written.
const unfinished = ".unfinished."

// clearUnfinished removes a file that an earlier process has not finished.
func (r *Recorder) clearUnfinished(d fs.DirEntry) {
	if info, err := d.Info(); err != nil || !info.ModTime().Before(r.born) {
		return
	}
	if err := os.Remove(filepath.Join(r.cfg.SpoolDir, d.Name())); err != nil {
		r.log.Error("clear spool failed", "cause", err)
	}
}

// putDerived stores a file that is made of a recording beside it, in the first archive that takes it, sealed
// if the recording is. It can be made again, so it is in no manifest.
func (r *Recorder) putDerived(ctx context.Context, w wire.Recording, object string, write func(io.Writer) error) (err error) {
	return r.putDerivedAfter(ctx, w, object, write, func(string, archive.File) error { return nil })
}

// putDerivedAfter is putDerived, and tells before under which name and which bytes will be stored.
func (r *Recorder) putDerivedAfter(ctx context.Context, w wire.Recording, object string, write func(io.Writer) error, before func(object string, f archive.File) error) (err error) {
	done, ok := r.custody.use(w.ID)
	if !ok {
		return errDeleting
	}
	defer done()
	var key *seal.Key
	if sealedRecording(w) {
		object += sealedSuffix
		if key, err = r.dataKey(ctx, w); err != nil {
			return err
		}
		defer key.Wipe()
	}
	f, err := os.OpenFile(filepath.Join(r.cfg.SpoolDir, w.ID+unfinished+object), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("recorder: create %s: %w", object, err)
	}
	defer os.Remove(f.Name())
	if key == nil {
		err = write(f)
	} else {
		out := seal.NewWriter(f, key.Sealer(object, 0))
		err = write(out)
		err = errors.Join(err, out.Close())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("recorder: write %s: %w", object, err)
	}
	size, sum, err := hashFile(f.Name())
	if err != nil {
		return err
	}
	if err := before(object, archive.File{Size: size, SHA256: sum}); err != nil {
		return err
	}
	return r.storeDerived(ctx, w, object, f.Name())
}

// storeDerived stores the file at path beside the recording, in the first archive that takes it.
func (r *Recorder) storeDerived(ctx context.Context, w wire.Recording, object, path string) error {
	size, sum, err := hashFile(path)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range r.nearest(w) {
		err := a.Put(ctx, folderKey(w)+object, archive.File{Path: path, Size: size, SHA256: sum, Derived: true})
		if err == nil {
			return r.retell(w.ID)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// openDerived opens in clear what putDerived stored. The error is a problem.
func (r *Recorder) openDerived(ctx context.Context, w wire.Recording, object string) (io.ReadSeekCloser, int64, error) {
	if !sealedRecording(w) {
		return r.openObject(ctx, w, object)
	}
	object += sealedSuffix
	f, size, err := r.openObject(ctx, w, object)
	if err != nil {
		return nil, 0, err
	}
	key, err := r.dataKey(ctx, w)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	defer key.Wipe()
	return openSealed(f, key.Opener(object), seal.WriterSizes(size), false)
}
