// Package proof checks recordings where they are kept, without the server that made them: that a manifest is
// what a key has signed, that every chunk of every track is what was recorded, and which is the first that is
// not. It also takes recordings out of an archive, in clear for those who have the keys, and wraps their keys
// anew.
package proof

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// ErrBad is all that means: this is not what was recorded. Other errors say that it could not be checked.
var ErrBad = errors.New("the recording is not what was recorded")

// bad makes err an ErrBad without changing its words.
type bad struct{ error }

func (b bad) Is(target error) bool { return target == ErrBad }

func (b bad) Unwrap() error { return b.error }

// ErrUnfinished: there is no manifest. The recording is still made, or waits for recovery, or its manifest
// was taken away; what is there fits its chains.
var ErrUnfinished = errors.New("the recording has no manifest: it is unfinished, or the manifest was taken away")

// Trust is what a check goes by.
type Trust struct {
	// Keys are those of which one must have signed; none: signatures are not checked.
	Keys []ed25519.PublicKey
	// Keeper opens the keys of sealed recordings; nil: they are not tried.
	Keeper seal.Keeper
}

// Report is what a check found.
type Report struct {
	Recording string
	Tracks    int
	Chunks    int
	Bytes     int64
	Key       string // id of the key the manifest says it is signed with, "" for none
	Signed    bool   // the signature was checked and is good
	Sealed    bool
	Opens     bool     // its key was unwrapped
	Recovered bool     // a crash was recovered from
	Remarks   []string // what somebody should know though it is not bad
}

// place is one recording's folder in an archive.
type place struct {
	archive archive.Archive
	folder  string // "" or with a slash at the end
}

func (p place) open(ctx context.Context, object string) (io.ReadSeekCloser, int64, error) {
	return p.archive.Open(ctx, p.folder+object)
}

// Find lists the recordings of an archive at or below folder, which is "" or a key: their folders, each with
// a slash at the end unless it is "".
func Find(ctx context.Context, a archive.Archive, folder string) ([]string, error) {
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	var list []string
	last := "\x00"
	err := a.Walk(ctx, folder, func(key string) error {
		dir, name := path.Split(key)
		if dir != last && (name == recorder.ManifestName || strings.HasSuffix(name, ".chain")) {
			for _, f := range list {
				if f == dir {
					return nil
				}
			}
			list, last = append(list, dir), dir
		}
		return nil
	})
	return list, err
}

// Verify checks the recording in folder, as Find gives it. The error is an ErrBad for a recording that was changed, with
// one fault per track joined; *chain.Fault and the errors of seal are in it. Other errors: ErrUnfinished, or it could not
// be read, or the key service could not be asked.
func Verify(ctx context.Context, a archive.Archive, folder string, trust Trust) (Report, error) {
	p := place{a, folder}
	var r Report
	doc, m, err := p.manifest(ctx, trust.Keys)
	r.Key, r.Signed = seal.SignedBy(doc), len(trust.Keys) > 0 && err == nil
	r.Recording = m.Recording.ID
	if errors.Is(err, ErrUnfinished) {
		return p.unfinished(ctx)
	}
	if err != nil {
		return r, err
	}
	w := m.Recording
	r.Tracks, r.Sealed, r.Recovered = len(w.Tracks), m.Envelope != "", w.Recovered
	var errs []error
	for _, t := range w.Tracks {
		err := p.track(ctx, m, t, &r)
		if err != nil && !errors.Is(err, ErrBad) {
			return r, err
		}
		errs = append(errs, err)
	}
	err = p.copy(ctx, w.ID, doc, trust.Keys, &r)
	if err != nil && !errors.Is(err, ErrBad) {
		return r, err
	}
	errs = append(errs, err)
	if r.Sealed {
		err := p.key(ctx, m, trust.Keeper, &r)
		if err != nil && !errors.Is(err, ErrBad) {
			return r, err
		}
		errs = append(errs, err)
	}
	return r, errors.Join(errs...)
}

// manifest reads the manifest and checks its signature, where there are keys, and that it is the folder's. The error is
// ErrUnfinished where there is none.
func (p place) manifest(ctx context.Context, keys []ed25519.PublicKey) ([]byte, recorder.Manifest, error) {
	doc, err := p.document(ctx, recorder.ManifestName)
	if errors.Is(err, archive.ErrNotFound) {
		return nil, recorder.Manifest{}, ErrUnfinished
	}
	if err != nil {
		return nil, recorder.Manifest{}, err
	}
	if len(keys) > 0 {
		if _, err := seal.Verify(doc, keys...); err != nil {
			return doc, recorder.Manifest{}, bad{fmt.Errorf("%s: %w", recorder.ManifestName, err)}
		}
	}
	m, err := recorder.ParseManifest(doc)
	if err != nil {
		return doc, m, bad{err}
	}
	if base := path.Base(p.folder); id.Valid(id.Recording, base) && base != m.Recording.ID {
		return doc, m, bad{fmt.Errorf("the folder of %s holds the manifest of %s", base, m.Recording.ID)}
	}
	return doc, m, nil
}

// key checks the wrapped key of a sealed recording.
func (p place) key(ctx context.Context, m recorder.Manifest, keeper seal.Keeper, r *Report) error {
	doc, err := p.document(ctx, m.Envelope)
	if errors.Is(err, archive.ErrNotFound) {
		r.Remarks = append(r.Remarks, "the key of this recording has been erased: nobody can open it")
		return nil
	}
	if err != nil {
		return err
	}
	e, err := seal.ParseEnvelope(doc)
	if err != nil {
		return bad{fmt.Errorf("%s: %w", m.Envelope, err)}
	}
	if e.Recording != m.Recording.ID {
		return bad{fmt.Errorf("%s is the key of %s", m.Envelope, e.Recording)}
	}
	if erased, err := p.erased(ctx); err != nil {
		return err
	} else if erased {
		r.Remarks = append(r.Remarks, "the key of this recording is here, although it was erased")
	}
	if keeper == nil {
		return nil
	}
	key, err := e.Open(ctx, keeper)
	switch {
	case errors.Is(err, seal.ErrUnknownKey):
		r.Remarks = append(r.Remarks, "what wraps the key of this recording is not here, so the key was not tried")
		return nil
	case errors.Is(err, seal.ErrUnwrap):
		return bad{fmt.Errorf("%s: %w", m.Envelope, err)}
	case err != nil:
		return fmt.Errorf("%s cannot be tried: %w", m.Envelope, err)
	}
	key.Wipe()
	r.Opens = true
	return nil
}

// erased reports whether the recording's key was erased.
func (p place) erased(ctx context.Context) (bool, error) {
	_, err := p.archive.Stat(ctx, p.folder+recorder.ErasedName)
	if errors.Is(err, archive.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (p place) document(ctx context.Context, object string) ([]byte, error) {
	b, err := recorder.ReadDocument(ctx, p.open, object)
	if errors.Is(err, recorder.ErrTooLarge) {
		err = bad{err}
	}
	return b, err
}

// copy checks the listening copy against its own manifest. A file that passes for a copy and is in none is as good as
// changed: whoever opens it hears what nobody can vouch for.
func (p place) copy(ctx context.Context, recID string, manifest []byte, keys []ed25519.PublicKey, r *Report) error {
	copies, err := recorder.Copies(ctx, p.archive, p.folder)
	if err != nil {
		return err
	}
	doc, err := p.document(ctx, recorder.CopyManifestName)
	if errors.Is(err, archive.ErrNotFound) {
		return p.unproven(recID, copies, "")
	}
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		if _, err := seal.Verify(doc, keys...); err != nil {
			return bad{fmt.Errorf("%s: %w", recorder.CopyManifestName, err)}
		}
	}
	m, err := recorder.ParseCopyManifest(doc)
	if err != nil {
		return bad{err}
	}
	if sum := sha256.Sum256(manifest); m.Recording != recID || m.Manifest != hex.EncodeToString(sum[:]) {
		return bad{fmt.Errorf("%s: %s was made of another recording", recID, m.Object)}
	}
	if err := p.unproven(recID, copies, m.Object); err != nil {
		return err
	}
	f, _, err := p.open(ctx, m.Object)
	if errors.Is(err, archive.ErrNotFound) {
		r.Remarks = append(r.Remarks, m.Object+" is gone; it can be made again")
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return fmt.Errorf("read %s: %w", m.Object, err)
	}
	if n != m.Bytes || hex.EncodeToString(h.Sum(nil)) != m.SHA256 {
		return bad{fmt.Errorf("%s/%s: the listening copy has been changed", recID, m.Object)}
	}
	r.Remarks = append(r.Remarks, m.Object+" is as it was made")
	return nil
}

// unproven is the fault of copies other than the one that is proved.
func (p place) unproven(recID string, copies []string, proved string) error {
	for _, object := range copies {
		if object != proved {
			return bad{fmt.Errorf("%s/%s: nothing proves this listening copy; remove it, and it is made again", recID, object)}
		}
	}
	return nil
}

// track checks one track.
func (p place) track(ctx context.Context, m recorder.Manifest, t wire.Track, r *Report) error {
	name := m.Recording.ID + "/" + t.Object
	f, _, err := p.open(ctx, t.Object)
	if errors.Is(err, archive.ErrNotFound) {
		return bad{&chain.Fault{Kind: chain.Missing, Name: name}}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	in := io.TeeReader(f, h)
	for _, c := range m.Chains {
		if c.Track != t.ID {
			continue
		}
		links, err := p.chain(ctx, c.Object)
		if err != nil {
			return err
		}
		if err := chain.Verify(in, links, name, c.Head); err != nil {
			var fault *chain.Fault
			if errors.As(err, &fault) {
				return bad{err}
			}
			return err
		}
		r.Chunks += c.Chunks
		r.Bytes += c.Bytes
		if c.Broken != nil {
			r.Remarks = append(r.Remarks, fmt.Sprintf("%s: chunk %d was not what had been recorded when a crash was recovered from", name, *c.Broken))
		}
		if c.Bytes != t.Bytes || hex.EncodeToString(h.Sum(nil)) != t.SHA256 {
			return bad{fmt.Errorf("%s: the manifest tells two different files", name)}
		}
		return nil
	}
	n, err := io.Copy(io.Discard, in)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.Object, err)
	}
	if n != t.Bytes || hex.EncodeToString(h.Sum(nil)) != t.SHA256 {
		return bad{fmt.Errorf("%s: the track has been changed; it has no chain that tells where", name)}
	}
	r.Bytes += n
	r.Remarks = append(r.Remarks, name+" has no chain; its hash is good")
	return nil
}

// chain reads a chain. One that is not there or is none is empty: then chunk 0 is the first without a line.
func (p place) chain(ctx context.Context, object string) (chain.Chain, error) {
	f, _, err := p.open(ctx, object)
	if errors.Is(err, archive.ErrNotFound) {
		return chain.Chain{}, bad{fmt.Errorf("the chain %s is missing", object)}
	}
	if err != nil {
		return chain.Chain{}, err
	}
	defer f.Close()
	c, err := chain.Read(f)
	if errors.Is(err, chain.ErrNoChain) {
		return c, bad{fmt.Errorf("%s: %w", object, err)}
	}
	return c, err
}

// unfinished checks what there is of a recording without a manifest. Its chains may be behind their tracks
// and torn.
func (p place) unfinished(ctx context.Context) (Report, error) {
	var r Report
	var errs []error
	err := p.archive.Walk(ctx, p.folder, func(key string) error {
		object := strings.TrimPrefix(key, p.folder)
		if strings.Contains(object, "/") || !strings.HasSuffix(object, ".chain") {
			return nil
		}
		c, err := p.chain(ctx, object)
		if errors.Is(err, ErrBad) {
			errs = append(errs, err)
			return nil
		}
		if err != nil {
			return err
		}
		rec, track, _ := strings.Cut(c.Name, "/")
		if !id.Valid(id.Recording, rec) || strings.Contains(track, "/") {
			errs = append(errs, bad{fmt.Errorf("%s is the chain of %q", object, c.Name)})
			return nil
		}
		r.Recording = rec
		f, _, err := p.open(ctx, track)
		if errors.Is(err, archive.ErrNotFound) {
			if len(c.Links) > 0 {
				errs = append(errs, bad{&chain.Fault{Kind: chain.Missing, Name: c.Name}})
			}
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		n, end, err := chain.Prefix(f, c)
		if err != nil {
			return err
		}
		r.Tracks++
		r.Chunks += n
		r.Bytes += end
		if n < len(c.Links) {
			errs = append(errs, bad{&chain.Fault{Chunk: n, Offset: end, Kind: chain.Changed, Name: c.Name}})
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if r.Tracks == 0 && len(errs) == 0 {
		return r, fmt.Errorf("there is no recording: %w", archive.ErrNotFound)
	}
	return r, errors.Join(append(errs, ErrUnfinished)...)
}
