package recorder

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// The journal of a recording is what a restart must know and the audio cannot tell: who took part, which
// file is whose, and when it was paused until when. One entry a line: the CRC-32C of the JSON in eight
// hexadecimal digits, a space, the JSON. A line that does not check is left out, and what follows it counts all
// the same.

// entryKind says what an entry is about.
type entryKind string

const (
	entryStart   entryKind = "start"   // Header
	entryParty   entryKind = "party"   // Party
	entryLeft    entryKind = "left"    // Leg
	entryTrack   entryKind = "track"   // Track
	entryPause   entryKind = "pause"   // Gap: paused from here on, until its deadline at most
	entryResumed entryKind = "resumed" // Gap: audio may follow
	entryGap     entryKind = "gap"     // Gap: a gap with its final length
	entryVars    entryKind = "vars"    // Vars: as they are from here on; written before there was entryChanged
	entryChanged entryKind = "changed" // Vars: what is different from here on, a removed one is empty
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

// maxEntry bounds an entry, and with it what a damaged or foreign journal can make us allocate. The largest one we
// have reason to write is a header with all variables a call may have, wire.MaxVariables, which JSON makes at most
// six times as long.
const maxEntry = 8 << 20

// readJournal gives the entries that check, in order, one at a time. damaged, which may be nil, is told how many
// lines did not: the last one, when a crash has cut it, is not counted.
func readJournal(r io.Reader, damaged *int) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		lines := bufio.NewReaderSize(r, 64<<10)
		for {
			line, whole, err := readLine(lines)
			if err != nil && len(line) == 0 {
				return
			}
			e, ok := decodeEntry(line)
			switch {
			case ok:
				if !yield(e) {
					return
				}
			case whole && damaged != nil:
				*damaged++
			}
			if err != nil {
				return
			}
		}
	}
}

// readLine reads up to a line feed, which whole tells of and which is left out. Of a line longer than maxEntry
// there is nothing.
func readLine(r *bufio.Reader) (line []byte, whole bool, err error) {
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if whole = err == nil; whole {
			part = part[:len(part)-1]
		}
		if long = long || len(line)+len(part) > maxEntry; long {
			line = line[:0]
		} else {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, whole, err
		}
	}
}

func decodeEntry(line []byte) (e entry, ok bool) {
	if len(line) < 9 || line[8] != ' ' {
		return e, false
	}
	var sum [4]byte
	if _, err := hex.Decode(sum[:], bytes.ToLower(line[:8])); err != nil {
		return e, false
	}
	body := line[9:]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(sum[:]) {
		return e, false
	}
	return e, json.Unmarshal(body, &e) == nil
}
