package recorder

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// trackType is the media type of a track: Ogg Opus (RFC 7845 section 9), or samples of G.711 in a WAV file.
func trackType(t wire.Track) string {
	if lawNamed(t.Codec) != 0 {
		return "audio/wav"
	}
	return "audio/ogg; codecs=opus"
}

// OpenTrack opens a track for reading, wherever the recording is: in the spool, also while it still grows
// (then what is there now), or in an archive. The caller closes it. Errors are problems: 404 for an
// unknown recording or track, 410 when the recording's key was erased, 503 when no archive or key service
// answers. CopyTrack is the listening copy.
func (r *Recorder) OpenTrack(ctx context.Context, recID, trackID string) (track io.ReadSeekCloser, size int64, contentType string, err error) {
	w, err := r.Get(recID)
	if err != nil {
		return nil, 0, "", err
	}
	if w.State == wire.RecordingDeleting {
		return nil, 0, "", gone(w)
	}
	if trackID == CopyTrack {
		return r.openCopy(ctx, w)
	}
	i := slices.IndexFunc(w.Tracks, func(t wire.Track) bool { return t.ID == trackID })
	if i < 0 {
		return nil, 0, "", problem.NotFound("track", trackID)
	}
	track, size, err = r.openTrack(ctx, w, w.Tracks[i])
	return track, size, trackType(w.Tracks[i]), err
}

// Presign gives an address that reads a track, or the listening copy, from its store for a while. ok is false
// where there is none: the recording is sealed, not stored in such a store, or addresses are not given. The
// error is a problem.
func (r *Recorder) Presign(ctx context.Context, recID, trackID, name string) (address string, expires time.Time, ok bool, err error) {
	w, err := r.Get(recID)
	if err != nil || w.State != wire.RecordingStored || sealedRecording(w) {
		return "", expires, false, err
	}
	object, contentType := copyName(r.copyFormat(w)), r.copyFormat(w).Type()
	if trackID != CopyTrack {
		i := slices.IndexFunc(w.Tracks, func(t wire.Track) bool { return t.ID == trackID })
		if i < 0 {
			return "", expires, false, problem.NotFound("track", trackID)
		}
		object, contentType = w.Tracks[i].Object, trackType(w.Tracks[i])
	}
	for _, a := range r.nearest(w) {
		p, can := a.(archive.Presigner)
		if !can {
			continue
		}
		if _, err := a.Stat(ctx, folderKey(w)+object); err != nil {
			continue
		}
		if address, expires, ok, err = p.Presign(ctx, folderKey(w)+object, name, contentType); ok || err != nil {
			return address, expires, ok, err
		}
	}
	return "", expires, false, nil
}

// gone is the refusal to open what is being deleted.
func gone(w wire.Recording) error {
	p := problem.New(http.StatusGone, "recording_deleted", "the recording is being deleted")
	p.CallID = w.CallID
	return p
}

// openObject finds a file of a recording in the spool or in an archive.
func (r *Recorder) openObject(ctx context.Context, w wire.Recording, object string) (io.ReadSeekCloser, int64, error) {
	// Of a failed recording the spool has the only copy; else the spool's is as good as any.
	for _, root := range r.cfg.spools() {
		f, err := os.Open(filepath.Join(root, w.ID, object))
		if err != nil {
			continue
		}
		st, err := f.Stat()
		if err == nil {
			return part{io.NewSectionReader(f, 0, st.Size()), f}, st.Size(), nil
		}
		return nil, 0, errors.Join(err, f.Close())
	}
	var errs []error
	for _, a := range r.nearest(w) {
		o, size, err := a.Open(ctx, folderKey(w)+object)
		if err == nil {
			return o, size, nil
		}
		errs = append(errs, err)
	}
	for _, err := range errs {
		if !errors.Is(err, archive.ErrNotFound) {
			e := problem.New(http.StatusServiceUnavailable, "archive_unavailable", "no archive can be read now")
			e.Err = errors.Join(errs...)
			return nil, 0, e
		}
	}
	return nil, 0, problem.NotFound("object", object)
}

// nearest are the archives with those that are known to have the recording first.
func (r *Recorder) nearest(w wire.Recording) []archive.Archive {
	list := slices.Clone(r.archives)
	slices.SortStableFunc(list, func(a, b archive.Archive) int {
		has := func(x archive.Archive) int {
			if slices.Contains(w.Archives, x.Name()) {
				return 0
			}
			return 1
		}
		return has(a) - has(b)
	})
	return list
}

// part is a growing file as it was when it was opened.
type part struct {
	*io.SectionReader
	io.Closer
}
