package recorder

import (
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	// flushEvery is how often pages go out: with what a dozing room owes, 200 ms, and the way to the disk it
	// bounds what a crash can take, to less than a second.
	flushEvery = 400 * time.Millisecond
	// jump is how far a tick count may run ahead of the clock before it is taken for another room's.
	jump = 2 * time.Second
)

// Party is somebody in a recording.
type Party struct {
	LegID string    `json:"leg_id"` // the member's id in the room
	Role  wire.Role `json:"role"`
	Agent string    `json:"agent,omitempty"`
	Name  string    `json:"name,omitempty"`
	// Voice is wire.VoiceRaw for a party's second entry, of its voice as it came.
	Voice wire.VoiceMode `json:"voice,omitempty"`
}

// seat says which track a room's member goes to. An agent who comes back on another leg takes the seat
// with the same track.
type seat struct {
	leg   string
	party int
	raw   bool // it takes the voice as it came
	keeps bool // it takes G.711 as samples
	past  *past
}

// Recording is one running recording: a mixer.Tap and its controls. All methods are safe for concurrent
// use; Tick is the room's.
//
//	recording <-> paused; both -> stopped
//
// Three locks, never taken in another order: ctl for a control from beginning to end, mu for everything
// behind the ring, the spool's own. The media path takes none of them.
type Recording struct {
	rec      *Recorder
	rules    Rules
	paused   func(wire.Recording) // told of pauses; may be nil
	key      *seal.Key            // nil: not sealed
	header   header
	dir      string
	log      *slog.Logger
	spool    *spool
	journal  *file
	ring     *ring
	scribe   *scribe
	finished chan struct{} // closed when all is on disk and the manifest is written

	// The media path's side.
	seats    atomic.Pointer[[]seat]
	gated    atomic.Bool // paused: ticks carry no audio
	scrubs   atomic.Bool // the codecs leave nothing behind
	over     atomic.Bool // stopped: ticks are ignored
	ticking  atomic.Bool // a tick is being taken
	cut      atomic.Uint64
	lastTick atomic.Uint64
	dropped  atomic.Uint64
	nap      nap
	missed   int    // ticks dropped since the last record; the producer's own
	opened   opened // since the last pause, the producer's own

	ctl    sync.Mutex // one control at a time
	pauses pauses
	timer  *time.Timer
	epoch  int // counts pauses and new deadlines, so that an old timer knows it is old

	mu         sync.Mutex
	wire       wire.Recording // without tracks
	marks      marking
	parties    []Joined
	tracks     []*track      // by party, the one it speaks into; nil before the first frame
	files      []*track      // all of them, in the order of the parties
	early      map[int]int64 // the first tick of parties of which it is not known yet what they send
	counters   Counters
	clock      ClockReading
	started    bool
	tick       uint64 // of the last record
	pos        int64  // of the last record on the time line, in frames; -1 before the first
	tickSeen   time.Time
	gap        int   // index of the running or closing pause in wire.Gaps, -1: none
	gapStart   int64 // its first frame
	gapTicks   int64 // ticks seen in it
	pausedFrom int64 // first frame of the ticks without audio that came last, -1: the last one had audio
	lastFlush  time.Time
	stopReason string
	err        error

	frame   pcm.Frame
	scratch [codec.MaxPayload + 1]byte
}

// ID is the recording's identifier.
func (rec *Recording) ID() string { return rec.header.ID }

// ms is a position on the time line in milliseconds.
func (rec *Recording) ms(frame int64) int64 { return frame * pcm.Period.Milliseconds() }

// note writes an entry into the journal, behind everything that waits for the disk. With sync, done is
// called when it will survive a power cut. What no reader would take, variables larger than a call may have, is
// left out.
func (rec *Recording) note(e entry, sync bool, done func(error)) {
	e.At = rec.rec.now()
	line := e.encode()
	if len(line) > maxEntry {
		rec.log.Error("variables left out of the journal", "bytes", len(line))
		e.Vars = nil
		if e.Header != nil {
			h := *e.Header
			h.Variables, e.Header = nil, &h
		}
		line = e.encode()
	}
	rec.spool.push(job{to: rec.journal, data: line, sync: sync, done: done})
}

// write empties the ring, and when it is time writes out pages.
func (rec *Recording) write(now time.Time) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.over.Load() {
		return
	}
	before := rec.counters.Encoded
	rec.drain()
	rec.rec.encoded.Add(rec.counters.Encoded - before)
	if now.Sub(rec.lastFlush) < flushEvery-drainEvery/2 { // the ticker may be a little early
		return
	}
	rec.lastFlush = now
	rec.attend()
	for _, t := range rec.files {
		rec.keep(t.out.Flush())
	}
	rec.spool.flush()
}

// keep notes the first error of the writing side; it is in the snapshot and the log.
func (rec *Recording) keep(err error) {
	if err != nil && rec.err == nil {
		rec.err = err
		rec.log.Error("recording failed", "cause", err)
	}
}

// drain works off the ring. rec.mu is held.
func (rec *Recording) drain() {
	full := rec.spool.full()
	for w := rec.ring.peek(); w != nil; w = rec.ring.peek() {
		rec.record(readRecord(w), full)
		rec.ring.take()
		runtime.Gosched() // an encode or two at a time: a room's tick may be due, and there may be one core
	}
	clear(rec.scratch[:])
}

// record puts one tick on the time line. With full the disk is behind and its audio is given up.
func (rec *Recording) record(t tickRecord, full bool) {
	now := time.Now()
	paused := t.gated || rec.gated.Load() && t.tick > rec.cut.Load()
	step := rec.step(t, now)
	if paused && rec.header.Policy == PauseCut {
		step = 0
	}
	if !paused && t.missed > 0 {
		rec.overflow(rec.pos+1, int64(t.missed))
	}
	rec.pos += step
	rec.counters.Ticks++
	if paused {
		rec.gapTicks++
		if rec.pausedFrom < 0 {
			rec.pausedFrom = rec.pos + 1 - step
		}
		return
	}
	rec.endGap(rec.pos)
	rec.pausedFrom, rec.gapTicks = -1, 0
	if full {
		rec.dropped.Add(1)
		rec.overflow(rec.pos, 1)
		return
	}
	for range t.blocks {
		b := t.next()
		rec.speak(b.party, b.voice)
		tr := rec.tracks[b.party]
		if tr != nil && tr.next > rec.pos {
			continue // two legs of one agent in one tick: the first one wins
		}
		if tr = rec.trackFor(b); tr != nil {
			rec.keep(rec.put(tr, b))
		}
	}
}

// step is how many frames the tick is behind the one before. Ticks of another room count from elsewhere;
// then the clock tells.
func (rec *Recording) step(t tickRecord, now time.Time) int64 {
	defer func() { rec.tick, rec.tickSeen = t.tick, now }()
	if !rec.started {
		rec.started = true
		waiting := time.Duration(0)
		if last := rec.lastTick.Load(); last > t.tick {
			waiting = time.Duration(min(last-t.tick, 100)) * pcm.Period
		}
		rec.clock = ClockReading{Wall: rec.rec.now().Add(-waiting).UTC(), MonotonicNS: int64(rec.rec.uptime() - waiting)}
		return 1
	}
	elapsed := now.Sub(rec.tickSeen)
	ahead := t.tick - rec.tick
	if t.tick > rec.tick && (ahead <= uint64(t.missed)+1 || time.Duration(min(ahead, 1<<30))*pcm.Period <= elapsed+jump) {
		return int64(ahead)
	}
	return max(1, int64(elapsed/pcm.Period))
}

// put writes one party's share of the tick.
func (rec *Recording) put(t *track, b block) error {
	c := &rec.counters
	if err := t.fill(rec.pos, c); err != nil {
		return err
	}
	if t.law != 0 {
		return rec.putSamples(t, b)
	}
	switch b.kind {
	case formOpus:
		return t.reuse(payload(rec.scratch[:], b.body, b.detail), c)
	case formConceal:
		if t.behind { // what is made up behind a pause is made of the pause
			return t.silence(c)
		}
		if t.last == madeReused || t.last == madeMissing {
			return t.conceal(c)
		}
		fallthrough
	case formPCM:
		samples(&rec.frame, b.body, b.detail)
		return t.encode(&rec.frame, rec.scratch[:], c)
	case formPrime:
		samples(&rec.frame, b.body, b.detail)
		return t.prime(&rec.frame, rec.scratch[:])
	case formLost:
		if !t.behind && (t.last == madeReused || t.last == madeMissing) && t.missing < maxMissing {
			return t.conceal(c)
		}
	case formPresent:
		return t.quiet(&rec.frame, rec.scratch[:], c)
	}
	if t.last == madeOwn {
		return t.quiet(&rec.frame, rec.scratch[:], c)
	}
	return t.silence(c)
}

// overflow adds lost frames to the gaps; losses close to each other are one gap.
func (rec *Recording) overflow(from, frames int64) {
	offset, length := rec.ms(from), rec.ms(frames)
	if n := len(rec.wire.Gaps); n > 0 {
		if g := &rec.wire.Gaps[n-1]; g.Cause == "overflow" && offset-(g.OffsetMS+g.LengthMS) < 1000 {
			till := rec.rec.now()
			g.LengthMS, g.Till = offset+length-g.OffsetMS, &till
			return
		}
	}
	till := rec.rec.now()
	g := wire.Gap{Cause: "overflow", OffsetMS: offset, LengthMS: length, From: till.Add(-time.Duration(length) * time.Millisecond), Till: &till}
	rec.wire.Gaps = append(rec.wire.Gaps, g)
	rec.note(entry{Kind: entryGap, Gap: &g}, false, nil)
}

// Snapshot is the recording as the API shows it.
func (rec *Recording) Snapshot() wire.Recording {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.snapshot()
}

func (rec *Recording) snapshot() wire.Recording {
	w := rec.wire
	w.Agents = slices.Clone(w.Agents)
	w.DurationMS = rec.ms(rec.pos + 1)
	w.Gaps = append([]wire.Gap{}, w.Gaps...)
	if rec.gap >= 0 {
		w.Gaps[rec.gap].LengthMS = rec.gapLength()
	}
	w.Tracks = []wire.Track{}
	for _, t := range rec.files {
		tw := t.wire
		if tw.DurationMS == 0 {
			tw.DurationMS = rec.ms(rec.until(t) - t.start)
		}
		w.Tracks = append(w.Tracks, tw)
	}
	if err := rec.spool.fault(); err != nil && w.Error == "" {
		w.Error = "the spool's disk does not take the recording"
	}
	if rec.err != nil {
		w.Error = rec.err.Error()
	}
	return w
}

// gapLength is the length of the running pause in milliseconds.
func (rec *Recording) gapLength() int64 {
	if rec.header.Policy == PauseCut {
		return rec.ms(rec.gapTicks)
	}
	return rec.ms(rec.pos + 1 - rec.gapStart)
}

// finish ends all tracks at the end of the time line and closes the way to the disk. rec.mu is held.
func (rec *Recording) finish(reason string) {
	rec.over.Store(true)
	rec.scrub(false)
	rec.ticked()
	rec.drain()
	rec.endTurns()
	for key, at := range rec.marks.open {
		delete(rec.marks.open, key)
		rec.endMark(at)
	}
	now := rec.rec.now()
	rec.rec.fences.put(rec.header.CallID, rec.pauses.persons(), time.Now())
	if rec.gap >= 0 {
		g := &rec.wire.Gaps[rec.gap]
		g.LengthMS = rec.gapLength()
		if g.Till == nil {
			g.Till, g.Resumed, g.ResumedBy = &now, "stop", "server"
		}
		rec.gap = -1
	}
	rec.wire.PausedTill = nil
	rec.settleEarly()
	for _, t := range rec.files {
		rec.keep(t.fill(rec.until(t), &rec.counters))
		rec.keep(t.close())
		t.wire.DurationMS = rec.ms(t.next - t.start)
	}
	rec.frame = pcm.Frame{}
	rec.wire.State, rec.wire.Ended, rec.stopReason = wire.RecordingStopped, &now, reason
	rec.wire.KeepUntil = rec.header.Keep.until(now)
	rec.note(entry{Kind: entryStop}, false, nil)
	rec.spool.push(job{run: rec.seal})
	rec.spool.close()
}

// seal runs on the spool's goroutine after the last page: everything to disk, hashes, manifest. What the spool's disk
// does not take is finished on the fallback's.
func (rec *Recording) seal() error {
	if err := rec.spool.last(); err != nil {
		return err
	}
	err := rec.conclude()
	if err == nil || rec.spool.fallback == "" || !refuses(err) {
		return err
	}
	if other := rec.spool.move(); other != nil {
		return errors.Join(err, other)
	}
	rec.dir = rec.spool.dir
	return rec.conclude()
}

// conclude makes the files whole and writes the manifest.
func (rec *Recording) conclude() error {
	if err := rec.spool.settle(); err != nil {
		return err
	}
	rec.mu.Lock()
	recording := rec.snapshot()
	if rec.err == nil {
		recording.Error = "" // the disk has taken everything by now
	}
	m := Manifest{
		Version: manifestVersion, Recording: recording, Parties: slices.Clone(rec.parties), PausePolicy: rec.header.Policy,
		Rules: rec.header.Pauses, Markers: rec.markers(),
		StopReason: rec.stopReason, Clock: rec.clock, Counters: rec.counters, Variables: maps.Clone(rec.wire.Variables),
	}
	if rec.key != nil {
		m.Envelope = EnvelopeName
	}
	for _, t := range rec.files {
		m.Chains = append(m.Chains, TrackChain{Track: t.wire.ID, Object: t.wire.ID + chainSuffix, Head: t.chain.Head()})
	}
	rec.mu.Unlock()
	m.Counters.Dropped = rec.dropped.Load()
	for i := range m.Recording.Tracks {
		t := &m.Recording.Tracks[i]
		var err error
		if t.Bytes, t.SHA256, err = hashFile(filepath.Join(rec.dir, t.Object)); err != nil {
			return err
		}
	}
	if err := m.write(rec.rec.disk, rec.dir, rec.rec.signer); err != nil {
		return err
	}
	rec.mu.Lock()
	if rec.key != nil {
		rec.key.Wipe()
	}
	rec.wire = m.Recording
	for _, t := range rec.files {
		for _, w := range m.Recording.Tracks {
			if w.ID == t.wire.ID {
				t.wire = w
			}
		}
	}
	rec.mu.Unlock()
	return nil
}
