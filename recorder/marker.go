package recorder

import (
	"cmp"
	"context"
	"slices"

	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	// maxMarkers bounds the markers of a recording; what comes later is counted in none.
	maxMarkers = 20_000
	// A turn of speech begins after turnOnset frames of voice in a row and ends when there has been none for
	// turnPause. The mixer's voice gate holds on for 300 ms by itself.
	turnOnset = 3
	turnPause = 15
	// Keys that follow each other within keyPause frames are one marker.
	keyPause = 150
)

// turn follows whether a party speaks. It belongs to the recording's lock.
type turn struct {
	run   int64 // frames of voice in a row
	start int64 // first frame of the turn, -1: none
	last  int64 // last frame with voice
}

// marking is what a recording knows of its markers while it runs. It belongs to the recording's lock.
type marking struct {
	done  []wire.Marker
	open  map[string]int // spans that have not ended: type and leg -> place in done
	turns []turn         // by party
	keys  map[string]keyRun
}

// keyRun is the keys a party presses one after the other: their marker's place in done and the frame of the
// last.
type keyRun struct {
	at   int
	last int64
}

// Mark notes that something happened now. With a type that spans time it begins, and EndMark ends it; a span
// of the same type and leg that is already there goes on. LegID names the party; offset and length are filled
// in, and so are role, agent and track of a party.
func (rec *Recording) Mark(m wire.Marker, span bool) {
	rec.catchUp()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.over.Load() {
		return
	}
	rec.drain()
	key := string(m.Type) + " " + m.LegID
	if _, ok := rec.marks.open[key]; ok && span {
		return
	}
	at := rec.mark(m, rec.pos+1)
	if span && at >= 0 {
		if rec.marks.open == nil {
			rec.marks.open = make(map[string]int)
		}
		rec.marks.open[key] = at
	}
}

// EndMark ends a span that Mark began.
func (rec *Recording) EndMark(t wire.MarkerType, legID string) {
	rec.catchUp()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.over.Load() {
		return
	}
	rec.drain()
	key := string(t) + " " + legID
	if at, ok := rec.marks.open[key]; ok {
		delete(rec.marks.open, key)
		rec.endMark(at)
	}
}

// Key counts a key that a party has pressed. Which one it was is nobody's business.
func (rec *Recording) Key(legID string) {
	rec.catchUp()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.over.Load() {
		return
	}
	rec.drain()
	now := rec.pos + 1
	if run, ok := rec.marks.keys[legID]; ok && now-run.last <= keyPause {
		m := &rec.marks.done[run.at]
		m.Count++
		m.LengthMS = max(0, rec.ms(now)-m.OffsetMS)
		rec.marks.keys[legID] = keyRun{run.at, now}
		rec.noteMark(run.at)
		return
	}
	if at := rec.mark(wire.Marker{Type: wire.MarkerKeys, LegID: legID, Count: 1}, now); at >= 0 {
		if rec.marks.keys == nil {
			rec.marks.keys = make(map[string]keyRun)
		}
		rec.marks.keys[legID] = keyRun{at, now}
	}
}

// mark adds a marker at a frame and returns its place, -1 when there is no room. rec.mu is held.
func (rec *Recording) mark(m wire.Marker, frame int64) int {
	if len(rec.marks.done) >= maxMarkers {
		return -1
	}
	m.OffsetMS = rec.ms(max(frame, 0))
	if i := slices.IndexFunc(rec.parties, func(j Joined) bool { return j.LegID == m.LegID }); i >= 0 && m.LegID != "" {
		m.Role, m.Agent, m.Track = rec.parties[i].Role, rec.parties[i].Agent, rec.parties[i].Track
	}
	rec.marks.done = append(rec.marks.done, m)
	at := len(rec.marks.done) - 1
	rec.noteMark(at)
	return at
}

// endMark gives a span its length. rec.mu is held.
func (rec *Recording) endMark(at int) {
	m := &rec.marks.done[at]
	m.LengthMS = max(0, rec.ms(rec.pos+1)-m.OffsetMS)
	rec.noteMark(at)
}

func (rec *Recording) noteMark(at int) {
	m := rec.marks.done[at]
	rec.note(entry{Kind: entryMark, Mark: &m, Place: at}, false, nil)
}

// speak follows a party's voice at the frame rec.pos. rec.mu is held.
func (rec *Recording) speak(party int, voice bool) {
	for len(rec.marks.turns) <= party {
		rec.marks.turns = append(rec.marks.turns, turn{start: -1})
	}
	t := &rec.marks.turns[party]
	if !voice {
		t.run = 0
		if t.start >= 0 && rec.pos-t.last > turnPause {
			rec.endTurn(party)
		}
		return
	}
	t.run++
	t.last = rec.pos
	if t.start < 0 && t.run >= turnOnset {
		t.start = rec.pos + 1 - t.run
	}
}

// endTurn writes a party's turn down, if it has one. rec.mu is held.
func (rec *Recording) endTurn(party int) {
	t := &rec.marks.turns[party]
	if t.start < 0 {
		return
	}
	p := &rec.parties[party]
	if len(rec.marks.done) < maxMarkers {
		m := wire.Marker{
			Type: wire.MarkerSpeech, OffsetMS: rec.ms(t.start), LengthMS: rec.ms(t.last + 1 - t.start),
			LegID: p.LegID, Role: p.Role, Agent: p.Agent, Track: p.Track,
		}
		rec.marks.done = append(rec.marks.done, m)
		rec.noteMark(len(rec.marks.done) - 1)
	}
	t.start, t.run = -1, 0
}

// endTurns ends all turns: a pause begins, or the recording ends. rec.mu is held.
func (rec *Recording) endTurns() {
	for i := range rec.marks.turns {
		rec.endTurn(i)
	}
}

// markers is all of them so far, in order. rec.mu is held.
func (rec *Recording) markers() []wire.Marker {
	list := slices.Clone(rec.marks.done)
	for _, at := range rec.marks.open {
		list[at].LengthMS = max(0, rec.ms(rec.pos+1)-list[at].OffsetMS)
	}
	for i, t := range rec.marks.turns {
		if t.start >= 0 {
			p := &rec.parties[i]
			list = append(list, wire.Marker{
				Type: wire.MarkerSpeech, OffsetMS: rec.ms(t.start), LengthMS: rec.ms(t.last + 1 - t.start),
				LegID: p.LegID, Role: p.Role, Agent: p.Agent, Track: p.Track,
			})
		}
	}
	return inOrder(list)
}

func inOrder(list []wire.Marker) []wire.Marker {
	slices.SortStableFunc(list, func(a, b wire.Marker) int { return cmp.Compare(a.OffsetMS, b.OffsetMS) })
	return list
}

// Markers is what happened in a recording, in the order of its time line: turns of speech, holds, who came and
// went, keys by their number, and its pauses and gaps. The error is a problem.
func (r *Recorder) Markers(ctx context.Context, recID string) (wire.MarkerList, error) {
	w, err := r.Get(recID)
	if err != nil {
		return wire.MarkerList{}, err
	}
	r.mu.Lock()
	rec, f := r.live[recID], r.waiting[recID]
	r.mu.Unlock()
	var list []wire.Marker
	switch {
	case rec != nil:
		rec.mu.Lock()
		w, list = rec.snapshot(), rec.markers()
		rec.mu.Unlock()
	case f != nil:
		list = slices.Clone(f.manifest.Markers)
	default:
		b, err := ReadDocument(ctx, r.opener(w), ManifestName)
		if err != nil {
			return wire.MarkerList{}, err
		}
		m, err := ParseManifest(b)
		if err != nil {
			return wire.MarkerList{}, err
		}
		list = m.Markers
	}
	for _, g := range w.Gaps {
		m := wire.Marker{Type: wire.MarkerGap, OffsetMS: g.OffsetMS, LengthMS: g.LengthMS, Actor: g.By, Detail: g.Cause}
		if g.Cause == "pause" {
			m.Type, m.Detail = wire.MarkerPause, g.Reason
		}
		list = append(list, m)
	}
	return wire.MarkerList{RecordingID: w.ID, DurationMS: w.DurationMS, Items: inOrder(list)}, nil
}
