package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Names of the files beside the tracks in a recording's folder: the manifest, and the wrapped key of a sealed one.
const (
	ManifestName = "manifest.json"
	EnvelopeName = "key.json"
	peaksName    = "peaks.json"
	journalName  = "journal"
)

// Suffixes of a track's files.
const (
	sealedSuffix = ".sealed" // behind the name of any file that is sealed
	chainSuffix  = ".chain"
)

// manifestVersion is the version of the manifests that are written: 2 since tracks may hold samples of G.711. Those of
// version 1 are read as well.
const manifestVersion = 2

// Manifest is the document of a finished recording: what the tracks are, when they were made and where
// audio is missing, and why. It is written once, at the end.
type Manifest struct {
	Version     int                 `json:"version"` // 1 or 2
	Recording   wire.Recording      `json:"recording"`
	Parties     []Joined            `json:"parties"`
	PausePolicy string              `json:"pause_policy"` // "silence": gaps are silence in the tracks; "cut": pauses are left out
	StopReason  string              `json:"stop_reason,omitempty"`
	Rules       wire.RecordingRules `json:"rules"` // of its pauses and what the parties heard of it
	Markers     []wire.Marker       `json:"markers,omitempty"`
	Clock       ClockReading        `json:"clock"`
	Counters    Counters            `json:"counters"`
	Variables   map[string]string   `json:"variables,omitempty"`
	// Chains are the heads of the tracks' chains.
	Chains []TrackChain `json:"chains,omitempty"`
	// Envelope is the object with the recording's wrapped key; empty: the recording is not sealed.
	Envelope string `json:"envelope,omitempty"`
	// Signature covers the document with this field absent.
	Signature *seal.Signature `json:"signature,omitempty"`
}

// ClockReading is the start of the time line on both clocks: the wall's, which people read and which may
// jump, and one that never does, in nanoseconds since the process began.
type ClockReading struct {
	Wall        time.Time `json:"wall"`
	MonotonicNS int64     `json:"monotonic_ns"`
}

// Joined is a party's stay in the recording, on the recording's time line.
type Joined struct {
	Party
	JoinedMS int64  `json:"joined_ms"`
	LeftMS   *int64 `json:"left_ms,omitempty"` // absent: until the end
	Track    string `json:"track,omitempty"`
}

// Counters tells how the frames of all tracks were made.
type Counters struct {
	Ticks     uint64 `json:"ticks"`     // ticks of the room on the time line
	Dropped   uint64 `json:"dropped"`   // ticks lost because the ring or the disk was full
	Reused    uint64 `json:"reused"`    // frames written as the party sent them
	Encoded   uint64 `json:"encoded"`   // frames encoded here
	Companded uint64 `json:"companded"` // frames of G.711 that had no samples as they came: stretched, shrunk or made up
	Concealed uint64 `json:"concealed"` // frames lost on the way from the party, left to the decoder
	Silent    uint64 `json:"silent"`    // frames of silence
}

// TrackChain is the head of a track's chain and where the chain is.
type TrackChain struct {
	Track  string `json:"track"`
	Object string `json:"object"`
	chain.Head
	// Broken is the first chunk that was not as its chain said when a crash was recovered from. The chain
	// from there on tells what was found.
	Broken *int `json:"broken,omitempty"`
}

// MaxManifest bounds the manifests we read, in bytes. The largest we have reason to write has maxMarkers markers and
// all variables a call may have, twice.
const MaxManifest = 32 << 20

// ParseManifest reads a manifest and checks that nothing in it can lead out of the recording's folder.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if len(b) > MaxManifest {
		return m, errors.New("recorder: manifest is too large")
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("recorder: parse manifest: %w", err)
	}
	if m.Version < 1 || m.Version > manifestVersion {
		return m, fmt.Errorf("recorder: manifest version %d is not supported", m.Version)
	}
	if !id.Valid(id.Recording, m.Recording.ID) {
		return m, fmt.Errorf("recorder: manifest of %q", m.Recording.ID)
	}
	for _, t := range m.Recording.Tracks {
		if !ownObject(t) || t.Bytes < 0 || t.OffsetMS < 0 || t.DurationMS < 0 {
			return m, fmt.Errorf("recorder: manifest with track %q in %q", t.ID, t.Object)
		}
	}
	for _, c := range m.Chains {
		if !trackName(c.Track) || c.Object != c.Track+chainSuffix {
			return m, fmt.Errorf("recorder: manifest with chain of %q in %q", c.Track, c.Object)
		}
	}
	if m.Envelope != "" && m.Envelope != EnvelopeName {
		return m, fmt.Errorf("recorder: manifest with envelope %q", m.Envelope)
	}
	return m, nil
}

// ownObject reports whether a track is in a file of the name we give it.
func ownObject(t wire.Track) bool {
	return trackName(t.ID) && (t.Object == ClearName(t) || t.Object == ClearName(t)+sealedSuffix)
}

// ClearName is the name of a track's file in clear.
func ClearName(t wire.Track) string { return t.ID + trackSuffix(t.Codec) }

// trackName reports whether s is a name we give to tracks: lower-case letters, digits and dashes.
func trackName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// readManifest reads the manifest in a recording's folder.
func readManifest(dir string) (Manifest, error) {
	b, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if err != nil {
		return Manifest{}, fmt.Errorf("recorder: read manifest: %w", err)
	}
	return ParseManifest(b)
}

// write puts the manifest into the folder, signed if there is a key, whole or not at all, to last.
func (m Manifest) write(d disk, dir string, signer *seal.Signer) error {
	m.Signature = nil
	if signer != nil {
		b, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("recorder: encode manifest: %w", err)
		}
		s, err := signer.Sign(b)
		if err != nil {
			return fmt.Errorf("recorder: sign manifest: %w", err)
		}
		m.Signature = &s
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("recorder: encode manifest: %w", err)
	}
	if err := writeFile(d, filepath.Join(dir, ManifestName), append(b, '\n')); err != nil {
		return fmt.Errorf("recorder: write manifest: %w", err)
	}
	return nil
}

// folderKey is where a recording lives in an archive.
func folderKey(r wire.Recording) string {
	return r.Started.UTC().Format("2006/01/02/") + r.ID + "/"
}
