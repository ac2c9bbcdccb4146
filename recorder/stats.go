package recorder

import "time"

// Stats is the recorder at one moment.
type Stats struct {
	Live            int           // recordings that run
	Paused          int           // of those, paused ones
	Waiting         int           // recordings on disk that some archive lacks
	BacklogBytes    int64         // of the waiting recordings
	OldestUnsent    time.Duration // age of the oldest waiting recording since its end, 0 when none waits
	FreeBytes       int64         // space on the spool's disk, 0 when unknown
	DroppedTicks    uint64        // by running recordings, ring or disk full
	QueuedBytes     int64         // of running recordings, on their way to the disk
	CopiesWaiting   int           // listening copies that wait to be made
	Encoded         uint64        // frames encoded here
	FailingArchives int
	// RebuildingArchives are still being looked through for recordings the index does not know.
	RebuildingArchives int
}

// Stats counts. It may be called often.
func (r *Recorder) Stats() Stats {
	var s Stats
	s.Encoded, s.CopiesWaiting = r.encoded.Load(), r.copies.Waiting()
	r.mu.Lock()
	s.Live, s.Waiting = len(r.live), len(r.waiting)
	now := r.now()
	for _, f := range r.waiting {
		s.BacklogBytes += f.bytes
		s.OldestUnsent = max(s.OldestUnsent, now.Sub(f.since))
	}
	for _, rec := range r.live {
		if rec.gated.Load() {
			s.Paused++
		}
		s.DroppedTicks += rec.dropped.Load()
		queued, _ := rec.spool.behind(time.Now())
		s.QueuedBytes += int64(queued)
	}
	r.mu.Unlock()
	for _, u := range r.uploads {
		u.mu.Lock()
		if u.err != nil {
			s.FailingArchives++
		}
		u.mu.Unlock()
		if r.learning.open(u.archive.Name()) {
			s.RebuildingArchives++
		}
	}
	if free, err := r.disk.Free(r.cfg.SpoolDir); err == nil {
		s.FreeBytes = int64(free)
	}
	return s
}
