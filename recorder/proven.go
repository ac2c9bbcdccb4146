package recorder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// errUnproven: a listening copy in the clear is not what its manifest proves, or has none.
var errUnproven = errors.New("recorder: the listening copy is not proved")

// provenFor is how long a copy that was found good is taken for good: a player asks for one range after the other.
const provenFor = 10 * time.Minute

// proofs remembers which copies were found good. Safe for concurrent use.
type proofs struct {
	mu   sync.Mutex
	till map[string]time.Time
}

func (p *proofs) good(key string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.till[key].After(now)
}

func (p *proofs) add(key string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.till == nil || len(p.till) > 10_000 {
		p.till = make(map[string]time.Time)
	}
	p.till[key] = now.Add(provenFor)
}

// proven reads a listening copy, from where it stands, and compares it with the document that proves it; then f stands
// where it stood. The error is errUnproven, or that of reading.
func (r *Recorder) proven(ctx context.Context, w wire.Recording, object string, f io.ReadSeeker) error {
	key := w.ID + "/" + object
	if r.proofs.good(key, r.now()) {
		return nil
	}
	doc, err := ReadDocument(ctx, r.opener(w), CopyManifestName)
	if absent(err) {
		return fmt.Errorf("%w: there is no %s", errUnproven, CopyManifestName)
	}
	if err != nil {
		return err
	}
	if r.signer != nil {
		if _, err := seal.Verify(doc, r.signer.Public()); err != nil {
			return fmt.Errorf("%w: %w", errUnproven, err)
		}
	}
	m, err := ParseCopyManifest(doc)
	if err != nil || m.Recording != w.ID || m.Object != object {
		return fmt.Errorf("%w: %s is of another copy", errUnproven, CopyManifestName)
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return fmt.Errorf("recorder: read %s: %w", object, err)
	}
	if n != m.Bytes || hex.EncodeToString(h.Sum(nil)) != m.SHA256 {
		r.log.Error("listening copy has been changed, it is made again", "recording", w.ID)
		return fmt.Errorf("%w: it has been changed", errUnproven)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("recorder: read %s: %w", object, err)
	}
	r.proofs.add(key, r.now())
	return nil
}
