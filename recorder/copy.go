package recorder

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/signaling/wire"
)

// CopyTrack is the name under which OpenTrack gives the listening copy: the customer left, all others right.
const CopyTrack = "copy"

// maxCopies is how many recordings may wait for their copy. One that finds no room gets it when somebody
// asks for it.
const maxCopies = 1000

// Edits are the changes that make a copy with the given policy for pauses of tracks that were recorded with
// another or the same one.
func Edits(gaps []wire.Gap, recorded, wanted string, marker bool) []listen.Edit {
	var list []listen.Edit
	for _, g := range stretches(gaps) {
		at, length := time.Duration(g.OffsetMS)*time.Millisecond, time.Duration(g.LengthMS)*time.Millisecond
		e := listen.Edit{At: at, Marker: marker}
		switch {
		case recorded == PauseSilence && wanted == PauseCut:
			e.Skip = length
		case recorded == PauseSilence && marker: // the marker takes the place of the silence it covers
			e.Skip, e.Insert = length, length
		case recorded == PauseCut && wanted == PauseSilence:
			e.Insert = length
		case !marker:
			continue
		}
		list = append(list, e)
	}
	return list
}

// stretches are the pauses among the gaps; those that went over into each other are one.
func stretches(gaps []wire.Gap) (list []wire.Gap) {
	goesOn := false
	for _, g := range gaps {
		switch {
		case g.Cause != "pause":
			continue
		case goesOn:
			list[len(list)-1].LengthMS += g.LengthMS
		default:
			list = append(list, g)
		}
		goesOn = g.Resumed == "continued"
	}
	return list
}

// WriteCopy writes a listening copy of a finished recording; open opens its tracks in clear.
func WriteCopy(ctx context.Context, out io.Writer, m Manifest, open func(wire.Track) (io.ReadCloser, error), o listen.Options, pauses string, marker bool) error {
	o.Edits = Edits(m.Recording.Gaps, m.PausePolicy, pauses, marker)
	o.Serial = crc32.ChecksumIEEE([]byte(m.Recording.ID))
	o.Comment = []string{"RECORDING=" + m.Recording.ID, "DATE=" + m.Recording.Started.UTC().Format(time.RFC3339)}
	o.Mono = m.Recording.Policy != nil && m.Recording.Policy.Copy == wire.CopyMono
	tracks := make([]listen.Track, 0, len(m.Recording.Tracks))
	for _, t := range heard(m.Recording.Tracks) {
		tracks = append(tracks, listen.Track{
			Left: t.Role == wire.RoleCustomer, Offset: time.Duration(t.OffsetMS) * time.Millisecond,
			Duration: time.Duration(t.DurationMS) * time.Millisecond,
			Open:     func() (io.ReadCloser, error) { return open(t) },
		})
	}
	_, err := listen.Make(ctx, out, tracks, o)
	return err
}

func (r *Recorder) addCopy(recID string) bool {
	return r.copies.Add(listen.Job{ID: recID, Do: func(ctx context.Context, pace func(context.Context) error) {
		err := r.makeCopy(ctx, recID, pace)
		r.copyDone(recID, err)
		if err != nil && !errors.Is(err, context.Canceled) {
			r.log.Warn("listening copy not made", "recording", recID, "cause", err)
		}
		if err != nil {
			return
		}
		if _, err := r.makePeaks(ctx, recID, pace); err != nil && !errors.Is(err, context.Canceled) { // made when asked for, then
			r.log.Warn("waveform not made", "recording", recID, "cause", err)
		}
	}})
}

// wantedCopy is the format in which a recording gets its copy by itself: its policy's, or the one for all; "": it
// gets none.
func (r *Recorder) wantedCopy(w wire.Recording) listen.Format {
	f := listen.Format(r.cfg.Copy.Format)
	if w.Policy != nil && w.Policy.CopyFormat != "" {
		f = listen.Format(w.Policy.CopyFormat)
	}
	if f.Check() != nil { // none, or what a later version wrote
		return ""
	}
	return f
}

// copyFormat is the format of a recording's copy, also where it is made because somebody asks for it.
func (r *Recorder) copyFormat(w wire.Recording) listen.Format {
	return cmp.Or(r.wantedCopy(w), listen.Opus)
}

func copyName(f listen.Format) string { return CopyTrack + f.Suffix() }

// Copies are the names of what lies in a recording's folder, "" or with a slash at its end, as a listening copy.
func Copies(ctx context.Context, a archive.Archive, folder string) ([]string, error) {
	var list []string
	err := a.Walk(ctx, folder+CopyTrack+".", func(key string) error {
		if object := strings.TrimPrefix(key, folder); object != CopyManifestName && !strings.Contains(object, "/") {
			list = append(list, object)
		}
		return nil
	})
	return list, err
}

func (r *Recorder) makeCopy(ctx context.Context, recID string, pace func(context.Context) error) error {
	w, err := r.Get(recID)
	if err != nil {
		return err
	}
	b, err := ReadDocument(ctx, r.opener(w), ManifestName)
	if err != nil {
		return err
	}
	m, err := ParseManifest(b)
	if err != nil {
		return err
	}
	format := r.copyFormat(w)
	sum := sha256.Sum256(b)
	proved := ""
	err = r.putDerivedAfter(ctx, w, copyName(format), func(out io.Writer) error {
		open := func(t wire.Track) (io.ReadCloser, error) {
			f, _, err := r.openTrack(ctx, w, t)
			return f, err
		}
		return WriteCopy(ctx, out, m, open, listen.Options{Format: format, Pace: pace}, r.cfg.Copy.Pauses, r.cfg.Copy.Marker)
	}, func(object string, f archive.File) error { // a crash in between leaves a proof without its copy, not the reverse
		proved = object
		return r.proveCopy(ctx, w, hex.EncodeToString(sum[:]), f, object)
	})
	if err == nil {
		r.removeOldCopies(ctx, w, proved)
	}
	return err
}

// removeOldCopies removes copies of another format than the one that is proved now, where that can be done.
func (r *Recorder) removeOldCopies(ctx context.Context, w wire.Recording, proved string) {
	if held, _ := r.custody.marks(w.ID); held {
		return
	}
	for _, a := range r.nearest(w) {
		list, err := Copies(ctx, a, folderKey(w))
		if err != nil {
			r.log.Warn("older listening copies not looked for", "recording", w.ID, "archive", a.Name(), "cause", err)
			continue
		}
		for _, object := range list {
			if object == proved {
				continue
			}
			if err := a.Remove(ctx, folderKey(w)+object); err != nil {
				r.log.Warn("older listening copy not removed", "recording", w.ID, "archive", a.Name(), "cause", err)
			}
		}
	}
}

// openCopy opens the listening copy. Where there is none yet it is put to work and the error, a problem,
// says to come back.
func (r *Recorder) openCopy(ctx context.Context, w wire.Recording) (io.ReadSeekCloser, int64, string, error) {
	if w.Ended == nil {
		p := problem.Conflict("recording_running", string(w.State), []string{"stop"}, "the listening copy is made when the recording is over")
		p.CallID = w.CallID
		return nil, 0, "", p
	}
	format := r.copyFormat(w)
	f, size, err := r.openDerived(ctx, w, copyName(format))
	if err == nil && !sealedRecording(w) { // of a sealed one the seal has told
		if fault := r.proven(ctx, w, copyName(format), f); fault != nil {
			err = errors.Join(fault, f.Close())
			if !errors.Is(fault, errUnproven) {
				return nil, 0, "", err
			}
		}
	}
	if err == nil || !absent(err) && !errors.Is(err, errUnproven) {
		return f, size, format.Type(), err
	}
	p := problem.New(http.StatusServiceUnavailable, "copy_pending", "the listening copy is being made")
	p.CallID, p.RetryAfter = w.CallID, int(max(5, w.DurationMS/1000/60))
	if !r.addCopy(w.ID) {
		p.Detail, p.RetryAfter = "too many listening copies wait to be made", 60
	}
	p.Err = fmt.Errorf("recorder: no copy: %w", err)
	return nil, 0, "", p
}
