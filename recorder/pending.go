package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// pendingSuffix is behind a recording's id in the name of the empty file that says: its listening copy is to be
// made. It outlives a restart, a full queue and an archive that cannot be read now.
const pendingSuffix = ".copy"

// feedEvery is how often copies are looked for that are still to be made.
const feedEvery = time.Minute

// wantCopy puts a stored recording down for a listening copy.
func (r *Recorder) wantCopy(recID string) {
	f, err := r.disk.Create(filepath.Join(r.cfg.SpoolDir, recID+pendingSuffix))
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		r.log.Warn("listening copy is made now or when it is asked for", "recording", recID, "cause", err)
	}
	r.addCopy(recID)
}

// copyDone ends that, when the copy is there or can never be.
func (r *Recorder) copyDone(recID string, err error) {
	if err != nil && !errors.Is(err, archive.ErrNotFound) && !errors.Is(err, ErrErased) && !absent(err) {
		return
	}
	if err := removeIfThere(filepath.Join(r.cfg.SpoolDir, recID+pendingSuffix)); err != nil {
		r.log.Warn("clear spool failed", "recording", recID, "cause", err)
	}
}

// feed gives the worker the copies that are still to be made, at once and then now and again.
func (r *Recorder) feed(ctx context.Context) {
	ticker := time.NewTicker(feedEvery)
	defer ticker.Stop()
	for {
		list, err := os.ReadDir(r.cfg.SpoolDir)
		if err != nil {
			r.log.Warn("look for listening copies to be made", "cause", err)
		}
		for _, d := range list {
			if recID, ok := strings.CutSuffix(d.Name(), pendingSuffix); ok && id.Valid(id.Recording, recID) && !r.known(recID) && !r.addCopy(recID) {
				break // the rest next time
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// CopyManifest is the document that proves a listening copy: which bytes were made of which recording. It lies
// beside the copy and is never sealed: it tells nothing of what was said.
type CopyManifest struct {
	Version   int       `json:"version"` // 1
	Recording string    `json:"recording"`
	Manifest  string    `json:"manifest_sha256"` // of the recording's manifest.json
	Object    string    `json:"object"`
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"` // of the object as it is stored
	Made      time.Time `json:"made"`
	// Signature covers the document with this field absent.
	Signature *seal.Signature `json:"signature,omitempty"`
}

// CopyManifestName is its name in the recording's folder.
const CopyManifestName = "copy.json"

// ParseCopyManifest reads one and checks that nothing in it can lead out of the recording's folder.
func ParseCopyManifest(b []byte) (CopyManifest, error) {
	var m CopyManifest
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("recorder: parse manifest of a copy: %w", err)
	}
	if m.Version != 1 || !id.Valid(id.Recording, m.Recording) || !strings.HasPrefix(m.Object, CopyTrack+".") || strings.Contains(m.Object, "/") || m.Bytes < 0 {
		return m, fmt.Errorf("recorder: manifest of a copy %q of %q", m.Object, m.Recording)
	}
	return m, nil
}

// proveCopy signs what is about to be stored as the copy and stores that.
func (r *Recorder) proveCopy(ctx context.Context, w wire.Recording, manifest string, f archive.File, object string) error {
	m := CopyManifest{Version: 1, Recording: w.ID, Manifest: manifest, Object: object, Bytes: f.Size, SHA256: f.SHA256, Made: r.now()}
	if r.signer != nil {
		b, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("recorder: encode manifest of a copy: %w", err)
		}
		s, err := r.signer.Sign(b)
		if err != nil {
			return fmt.Errorf("recorder: sign manifest of a copy: %w", err)
		}
		m.Signature = &s
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("recorder: encode manifest of a copy: %w", err)
	}
	path := filepath.Join(r.cfg.SpoolDir, w.ID+unfinished+CopyManifestName)
	if err := os.WriteFile(path, append(b, '\n'), 0o640); err != nil {
		return fmt.Errorf("recorder: write manifest of a copy: %w", err)
	}
	defer os.Remove(path)
	return r.storeDerived(ctx, w, CopyManifestName, path)
}
