package recorder

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// The journal of a recording is what a restart must know and the audio cannot tell: who took part, which
// file is whose, and when it was paused until when. One entry a line: the CRC-32C of the JSON in eight
// hexadecimal digits, a space, the JSON. A line that does not check ends the journal.

// entryKind says what an entry is about.
type entryKind string

const (
	entryStart   entryKind = "start"   // Header
	entryParty   entryKind = "party"   // Party
	entryLeft    entryKind = "left"    // Leg
	entryTrack   entryKind = "track"   // Track
	entryPause   entryKind = "pause"   // Gap, Till: paused from here on until Till
	entryResumed entryKind = "resumed" // Gap: audio may follow
	entryGap     entryKind = "gap"     // Gap: a gap with its final length
	entryVars    entryKind = "vars"    // Variables: as they are from here on
	entryMark    entryKind = "mark"    // Mark, Place: a marker, new or with its final length
	entryStop    entryKind = "stop"    // At
)

type entry struct {
	Kind   entryKind         `json:"t"`
	At     time.Time         `json:"at"`
	Header *header           `json:"header,omitempty"`
	Party  *Joined           `json:"party,omitempty"`
	Leg    string            `json:"leg,omitempty"`
	Offset int64             `json:"offset_ms,omitempty"`
	Track  *wire.Track       `json:"track,omitempty"`
	Gap    *wire.Gap         `json:"gap,omitempty"`
	Till   *time.Time        `json:"till,omitempty"`
	Vars   map[string]string `json:"vars,omitempty"`
	Mark   *wire.Marker      `json:"mark,omitempty"`
	Place  int               `json:"place,omitempty"` // of the marker among them all
}

// header is what is known when a recording starts.
type header struct {
	Version   int                 `json:"version"`
	ID        string              `json:"id"`
	CallID    string              `json:"call_id"`
	From      string              `json:"from,omitempty"`
	To        string              `json:"to,omitempty"`
	Queue     string              `json:"queue,omitempty"`
	Actor     string              `json:"actor,omitempty"`
	Policy    string              `json:"pause_policy"`
	Started   time.Time           `json:"started"`
	Monotonic int64               `json:"monotonic_ns"`
	Sealed    bool                `json:"sealed,omitempty"`
	Variables map[string]string   `json:"variables,omitempty"`
	Rules     rules               `json:"policy"`
	Keep      Keep                `json:"keep"`
	Pauses    wire.RecordingRules `json:"rules"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (e entry) encode() []byte {
	body, err := json.Marshal(e)
	if err != nil {
		panic("recorder: encode journal entry: " + err.Error()) // plain fields only
	}
	line := fmt.Appendf(nil, "%08x ", crc32.Checksum(body, castagnoli))
	line = append(line, body...)
	return append(line, '\n')
}

// maxEntry and maxEntries bound what a damaged or foreign journal can make us allocate.
const (
	maxEntry   = 64 << 10
	maxEntries = 100_000
)

// readJournal returns the entries up to the first line that does not check.
func readJournal(r io.Reader) []entry {
	var list []entry
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxEntry)
	for lines.Scan() && len(list) < maxEntries {
		line := lines.Bytes()
		if len(line) < 9 || line[8] != ' ' {
			return list
		}
		var sum [4]byte
		if _, err := hex.Decode(sum[:], bytes.ToLower(line[:8])); err != nil {
			return list
		}
		body := line[9:]
		want := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
		if crc32.Checksum(body, castagnoli) != want {
			return list
		}
		var e entry
		if err := json.Unmarshal(body, &e); err != nil {
			return list
		}
		list = append(list, e)
	}
	return list
}
