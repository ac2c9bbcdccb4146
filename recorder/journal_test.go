package recorder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

func journal() []entry {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	till := at.Add(time.Minute)
	return []entry{
		{Kind: entryStart, At: at, Header: &header{Version: 1, ID: "rec_01JD0000000000000000000000", CallID: "call_1", Policy: PauseSilence, Started: at}},
		{Kind: entryParty, At: at, Party: &Joined{Party: agent}},
		{Kind: entryTrack, At: at, Track: &wire.Track{ID: "agent-1", LegID: agent.LegID, Object: "agent-1.ogg"}},
		{Kind: entryPause, At: at, Gap: &wire.Gap{Cause: "pause", OffsetMS: 1000, From: at}},
		{Kind: entryLeft, At: till, Leg: agent.LegID, Offset: 1500},
	}
}

func TestJournal(t *testing.T) {
	var b bytes.Buffer
	var ends []int
	for _, e := range journal() {
		b.Write(e.encode())
		ends = append(ends, b.Len())
	}
	read := func(b []byte) (list []entry, damaged int) {
		list = slices.Collect(readJournal(bytes.NewReader(b), &damaged))
		return list, damaged
	}
	got, _ := read(b.Bytes())
	if !reflect.DeepEqual(got, journal()) {
		t.Errorf("read back: %+v", got)
	}
	l, err := replay(slices.Values(got))
	if err != nil || !l.paused || len(l.tracks) != 1 || len(l.parties) != 1 || l.parties[0].Track != "agent-1" || *l.parties[0].LeftMS != 1500 {
		t.Errorf("replay: %+v, %v", l, err)
	}
	for n := range b.Len() { // cut anywhere: the whole lines before it; without its line feed the last one too
		want := 0
		for _, end := range ends {
			if n >= end-1 {
				want++
			}
		}
		if got, damaged := read(b.Bytes()[:n]); len(got) != want || damaged != 0 {
			t.Fatalf("cut at %d: %d entries, %d damaged, want %d", n, len(got), damaged, want)
		}
	}
	want := slices.Delete(slices.Clone(journal()), 2, 3)
	for at := ends[1]; at < ends[2]-1; at++ { // a flipped bit costs this entry and no other
		bad := bytes.Clone(b.Bytes())
		bad[at] ^= 1
		if got, damaged := read(bad); !reflect.DeepEqual(got, want) || damaged != 1 {
			t.Fatalf("bit at %d: %d entries, %d damaged, want %d", at, len(got), damaged, len(want))
		}
	}
}

// TestJournalTakesWhatIsWritten: the longest entries there are can be read again, and what stands behind them, too.
func TestJournalTakesWhatIsWritten(t *testing.T) {
	vars := make(map[string]string)
	for left := wire.MaxVariables; left > 0; {
		name := fmt.Sprintf("name_%03d", len(vars))
		n := min(left-len(name), 1024)
		if n < 1 {
			break
		}
		vars[name] = strings.Repeat("&", n) // six bytes each in JSON
		left -= len(name) + n
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	list := []entry{
		{Kind: entryStart, At: at, Header: &header{Version: 1, ID: "rec_01JD0000000000000000000000", Started: at, Variables: vars}},
		{Kind: entryVars, At: at, Vars: vars}, // as versions before wrote them
		{Kind: entryChanged, At: at, Vars: map[string]string{"name_000": "", "more": "x"}},
		{Kind: entryTrack, At: at, Track: &wire.Track{ID: "agent-1", LegID: agent.LegID, Object: "agent-1.ogg"}},
	}
	var b bytes.Buffer
	for _, e := range list {
		line := e.encode()
		if len(line) > maxEntry {
			t.Errorf("%s has %d bytes, more than %d", e.Kind, len(line), maxEntry)
		}
		b.Write(line)
	}
	b.WriteString(strings.Repeat("x", maxEntry+10) + "\n") // nobody writes such a line
	b.Write(entry{Kind: entryPause, At: at, Gap: &wire.Gap{Cause: "pause"}}.encode())
	damaged := 0
	l, err := replay(readJournal(&b, &damaged))
	if err != nil || len(l.tracks) != 1 || !l.paused || damaged != 1 {
		t.Fatalf("replay: %d tracks, paused %v, %d damaged, %v", len(l.tracks), l.paused, damaged, err)
	}
	if v := l.header.Variables; len(v) != len(vars) || v["more"] != "x" || v["name_000"] != "" || v["name_001"] != vars["name_001"] {
		t.Errorf("%d variables of %d", len(v), len(vars))
	}
}

func TestManifestStaysInItsFolder(t *testing.T) {
	for _, name := range []string{"../x", "a/b", "", ".", "x\x00", strings.Repeat("a", 65), "Ä"} {
		m := Manifest{Version: 1, Recording: wire.Recording{ID: id.New(id.Recording), Tracks: []wire.Track{{ID: name, Object: name + ".ogg"}}}}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseManifest(b); err == nil {
			t.Errorf("track %q is taken", name)
		}
	}
}

func FuzzJournal(f *testing.F) {
	var b bytes.Buffer
	for _, e := range journal() {
		b.Write(e.encode())
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		list := slices.Collect(readJournal(bytes.NewReader(b), nil))
		var again bytes.Buffer
		for _, e := range list {
			again.Write(e.encode())
		}
		if got := slices.Collect(readJournal(&again, nil)); len(got) != len(list) {
			t.Fatalf("%d entries, written and read again %d", len(list), len(got))
		}
		l, err := replay(slices.Values(list))
		if err != nil {
			return
		}
		for _, tr := range l.tracks {
			if filepath.Base(tr.Object) != tr.Object || !trackName(tr.ID) {
				t.Fatalf("track leads to %q", tr.Object)
			}
		}
		if l.paused && len(l.gaps) == 0 {
			t.Fatal("paused without a gap")
		}
	})
}

func FuzzManifest(f *testing.F) {
	b, err := json.Marshal(Manifest{Version: 1, Recording: wire.Recording{ID: "rec_01JD0000000000000000000000", Tracks: []wire.Track{{ID: "agent-1", Object: "agent-1.ogg"}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		for _, tr := range m.Recording.Tracks {
			if filepath.Base(tr.Object) != tr.Object || strings.HasPrefix(tr.Object, ".") {
				t.Fatalf("track leads to %q", tr.Object)
			}
		}
		if key := folderKey(m.Recording); strings.Contains(key, "..") {
			t.Fatalf("key %q", key)
		}
	})
}
