package recorder

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// lockSpool makes sure that only one process works in a spool. The lock ends with the process.
func lockSpool(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("recorder: create spool: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("recorder: lock spool: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("recorder: spool %s is used by another process: %w", dir, err), f.Close())
	}
	return f.Close, nil
}

// rescan is how long the scan waits before it tries again what it could not finish.
const rescan = 30 * time.Second

// scan finishes what an earlier process has left in the spool and hands it to the uploaders. A folder it
// can make nothing of is left alone, logged, and tried again later: the disk may have been full.
func (r *Recorder) scan(ctx context.Context) {
	for _, a := range r.archives { // what a killed process was just writing
		if s, ok := a.(archive.Sweeper); ok {
			if err := s.Sweep(); err != nil {
				r.log.Warn("archive not swept", "archive", a.Name(), "cause", err)
			}
		}
	}
	warned := make(map[string]bool)
	left := r.scanOnce(ctx, warned)
	var wg sync.WaitGroup
	defer wg.Wait()
	r.learn(ctx, &wg)
	ticker := time.NewTicker(rescan)
	defer ticker.Stop()
	for left > 0 {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			left = r.scanOnce(ctx, warned)
		}
	}
}

// scanOnce looks at each folder once and tells how many could not be finished.
func (r *Recorder) scanOnce(ctx context.Context, warned map[string]bool) (left int) {
	for _, root := range r.cfg.spools() {
		list, err := os.ReadDir(root)
		if errors.Is(err, os.ErrNotExist) && root != r.cfg.SpoolDir {
			continue
		}
		if err != nil {
			r.log.Error("spool scan failed", "cause", err)
			return left + 1
		}
		for _, d := range list {
			if ctx.Err() != nil {
				return left
			}
			if err := r.finish(ctx, root, d); err != nil {
				left++
				if !warned[d.Name()] {
					warned[d.Name()] = true
					r.log.Error("recording cannot be recovered", "recording", d.Name(), "cause", err)
				}
			}
		}
	}
	return left
}

// finish does what is left to do with one entry of a spool folder.
func (r *Recorder) finish(ctx context.Context, root string, d os.DirEntry) error {
	name := d.Name()
	dir := filepath.Join(root, name)
	if recID, ok := strings.CutSuffix(name, goneSuffix); ok && id.Valid(id.Recording, recID) {
		return os.RemoveAll(dir)
	}
	if recID, ok := strings.CutSuffix(name, leftSuffix); ok && id.Valid(id.Recording, recID) {
		r.log.Warn("audio left in the spool: no manifest lists it", "recording", recID, "folder", dir)
		return nil
	}
	if strings.Contains(name, unfinished) && !d.IsDir() {
		r.clearUnfinished(d)
		return nil
	}
	if !d.IsDir() || !id.Valid(id.Recording, name) || r.known(name) {
		return nil
	}
	if root != r.cfg.SpoolDir && !exists(filepath.Join(dir, journalName)) && exists(filepath.Join(r.cfg.SpoolDir, name)) {
		return nil // parts of a recording that has been looked at
	}
	m, err := readManifest(dir)
	if err != nil {
		m, err = r.recover(ctx, dir)
		if err != nil && root == r.cfg.SpoolDir && r.cfg.FallbackDir != "" && refuses(err) {
			dir, m, err = r.recoverElsewhere(ctx, dir, err)
		}
		if err != nil {
			return err
		}
		r.log.Warn("recording recovered", "recording", name, "call", m.Recording.CallID, "duration_ms", m.Recording.DurationMS)
	}
	if err := r.announce(dir, m); err != nil {
		return err
	}
	r.mu.Lock()
	r.enqueue(dir, m)
	r.mu.Unlock()
	return nil
}

// recoverElsewhere recovers a recording on the fallback's disk, as its own does not take it.
func (r *Recorder) recoverElsewhere(ctx context.Context, dir string, cause error) (string, Manifest, error) {
	fallback := filepath.Join(r.cfg.FallbackDir, filepath.Base(dir))
	if err := relocate(r.disk, dir, fallback); err != nil {
		return dir, Manifest{}, errors.Join(cause, err)
	}
	if err := clearMoved(r.disk, dir, fallback); err != nil {
		r.log.Warn("clear spool failed", "recording", filepath.Base(dir), "cause", err)
	}
	r.log.Warn("recording moved to the fallback disk", "folder", fallback, "cause", cause)
	m, err := r.recover(ctx, fallback)
	return fallback, m, err
}

// announce publishes once that a recording was recovered: the journal it was recovered from stays until then.
func (r *Recorder) announce(dir string, m Manifest) error {
	if !m.Recording.Recovered || !exists(filepath.Join(dir, journalName)) {
		return nil
	}
	r.publish("recording.recovered", "server", m.Recording)
	if err := r.disk.Rename(filepath.Join(dir, journalName), filepath.Join(dir, journalName+".done")); err != nil {
		return fmt.Errorf("recorder: put journal away: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (r *Recorder) known(recID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[recID] != nil || r.waiting[recID] != nil
}

// leftover is what a journal tells about a recording that was not finished.
type leftover struct {
	header  header
	parties []Joined
	tracks  []wire.Track
	gaps    []wire.Gap
	paused  bool
	markers []wire.Marker
	last    time.Time
	damaged int // lines of the journal that could not be read
}

// replay follows the journal to its end.
func replay(list iter.Seq[entry]) (leftover, error) {
	var l leftover
	for e := range list {
		if l.header.ID == "" {
			if e.Kind != entryStart || e.Header == nil || !id.Valid(id.Recording, e.Header.ID) {
				break
			}
			l.header = *e.Header
		}
		if e.At.After(l.last) {
			l.last = e.At
		}
		switch {
		case e.Kind == entryParty && e.Party != nil:
			l.join(*e.Party)
		case e.Kind == entryLeft:
			for i := range l.parties {
				if l.parties[i].LegID == e.Leg {
					offset := e.Offset
					l.parties[i].LeftMS = &offset
				}
			}
		case e.Kind == entryTrack && e.Track != nil:
			t := *e.Track
			if ownObject(t) && t.OffsetMS >= 0 {
				l.tracks = append(l.tracks, t)
				for i := range l.parties {
					if l.parties[i].LegID == t.LegID && l.parties[i].Voice == t.Voice && l.parties[i].Track == "" {
						l.parties[i].Track = t.ID
					}
				}
			}
		case e.Kind == entryPause && e.Gap != nil:
			l.gap(*e.Gap)
			l.paused = true
		case e.Kind == entryResumed && e.Gap != nil:
			l.gap(*e.Gap)
			l.paused = false
		case e.Kind == entryVars:
			l.header.Variables = e.Vars
		case e.Kind == entryChanged:
			if l.header.Variables == nil {
				l.header.Variables = make(map[string]string)
			}
			for name, value := range e.Vars {
				if l.header.Variables[name] = value; value == "" {
					delete(l.header.Variables, name)
				}
			}
		case e.Kind == entryGap && e.Gap != nil:
			l.gap(*e.Gap)
			if n := len(l.gaps); l.paused && e.Gap.Resumed != "" && e.Gap.Resumed != "continued" && l.gaps[n-1].From.Equal(e.Gap.From) {
				l.paused = false // its entryResumed is damaged
			}
		case e.Kind == entryMark && e.Mark != nil && e.Place >= 0 && e.Place < len(l.markers):
			l.markers[e.Place] = *e.Mark
		case e.Kind == entryMark && e.Mark != nil && e.Place >= 0 && len(l.markers) < maxMarkers:
			l.markers = append(l.markers, *e.Mark) // at its place, if no line before it is damaged
		}
	}
	if l.header.ID == "" {
		return l, errors.New("recorder: journal has no start")
	}
	return l, nil
}

func (l *leftover) join(p Joined) {
	for i := range l.parties {
		if p.Track != "" && l.parties[i].Track == p.Track || l.parties[i].LegID == p.LegID && l.parties[i].Voice == p.Voice {
			l.parties[i] = p
			return
		}
	}
	l.parties = append(l.parties, p)
}

// gap adds a gap or brings it up to date.
func (l *leftover) gap(g wire.Gap) {
	for i := range l.gaps {
		if o := l.gaps[i]; o.Cause == g.Cause && o.OffsetMS == g.OffsetMS && o.From.Equal(g.From) && o.By == g.By && o.Reason == g.Reason && o.Owner == g.Owner {
			l.gaps[i] = g
			return
		}
	}
	l.gaps = append(l.gaps, g)
}

// closed is the gap behind which the recording was paused when its process died: the running one, or the first of
// those that went over into it.
func (l *leftover) closed() wire.Gap {
	i := len(l.gaps) - 1
	for ; i > 0 && l.gaps[i-1].Cause == "pause" && l.gaps[i-1].OffsetMS+l.gaps[i-1].LengthMS == l.gaps[i].OffsetMS; i-- {
	}
	return l.gaps[i]
}

// readLeftover reads the journal in a recording's folder.
func readLeftover(dir string) (leftover, error) {
	f, err := os.Open(filepath.Join(dir, journalName))
	if err != nil {
		return leftover{}, fmt.Errorf("recorder: open journal: %w", err)
	}
	damaged := 0
	l, err := replay(readJournal(f, &damaged))
	l.damaged = damaged
	return l, errors.Join(err, f.Close())
}

// recover finishes a recording that a crash has cut: torn tails are removed, a recording that was paused
// keeps nothing behind the pause, each stream gets its end, and the manifest says that it was recovered.
func (r *Recorder) recover(ctx context.Context, dir string) (Manifest, error) {
	if err := r.gather(dir); err != nil {
		return Manifest{}, err
	}
	l, err := readLeftover(dir)
	if err != nil {
		return Manifest{}, err
	}
	if l.header.ID != filepath.Base(dir) {
		return Manifest{}, fmt.Errorf("recorder: journal of %s in folder %s", l.header.ID, filepath.Base(dir))
	}
	if l.damaged > 0 {
		r.log.Error("journal damaged", "recording", l.header.ID, "lines", l.damaged)
	}
	h := l.header
	var key *seal.Key
	if h.Sealed {
		if key, err = r.spooledKey(ctx, dir); err != nil {
			return Manifest{}, err
		}
		defer key.Wipe()
	}
	w := wire.Recording{
		ID: h.ID, CallID: h.CallID, State: wire.RecordingStopped, From: h.From, To: h.To, Queue: h.Queue,
		Started: h.Started, Recovered: true, Gaps: l.gaps, Tracks: []wire.Track{}, Variables: h.Variables, Policy: h.Rules.wire(),
	}
	var limit int64 = -1 // end of the time line that may hold audio
	if l.paused {
		limit = l.closed().OffsetMS
	}
	var chains []TrackChain
	for _, t := range l.tracks {
		c, err := mendTrack(dir, h.ID, &t, limit, key)
		if errors.Is(err, errNoAudio) {
			continue
		}
		if err != nil {
			return Manifest{}, err
		}
		if c.Broken != nil {
			r.log.Error("spooled track does not fit its chain", "recording", h.ID, "track", t.ID, "chunk", *c.Broken)
		}
		chains = append(chains, c)
		w.Tracks = append(w.Tracks, t)
		w.DurationMS = max(w.DurationMS, t.OffsetMS+t.DurationMS)
	}
	if l.paused {
		w.DurationMS = max(w.DurationMS, l.gaps[len(l.gaps)-1].OffsetMS)
	}
	for _, p := range l.parties {
		if p.Agent != "" && !slices.Contains(w.Agents, p.Agent) {
			w.Agents = append(w.Agents, p.Agent)
		}
	}
	if len(w.Agents) > 0 {
		w.Agent = w.Agents[0]
	}
	ended := h.Started.Add(time.Duration(w.DurationMS) * time.Millisecond)
	if l.last.After(ended) {
		ended = l.last
	}
	w.Ended, w.KeepUntil = &ended, h.Keep.until(ended)
	w.Gaps = slices.DeleteFunc(w.Gaps, func(g wire.Gap) bool { return g.OffsetMS > w.DurationMS })
	if !l.paused {
		w.Gaps = append(w.Gaps, wire.Gap{Cause: "crash", OffsetMS: w.DurationMS, From: ended})
	}
	m := Manifest{
		Version: manifestVersion, Recording: w, Parties: l.parties, PausePolicy: h.Policy, StopReason: "crash",
		Rules: h.Pauses, Markers: inOrder(slices.DeleteFunc(l.markers, func(m wire.Marker) bool { return m.OffsetMS > w.DurationMS })),
		Clock: ClockReading{Wall: h.Started, MonotonicNS: h.Monotonic}, Variables: h.Variables, Chains: chains,
	}
	if key != nil {
		m.Envelope = EnvelopeName
	}
	return m, m.write(r.disk, dir, r.signer)
}
