package recorder

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	// watchEvery is how often the spool is looked at: an alarm comes at most so long after slowAfter.
	watchEvery = time.Second
	// slowAfter is how long the disk may be at one batch before it is called slow.
	slowAfter = 2 * time.Second
)

// Reasons why the spool is degraded.
const (
	spoolFailing = "write_failed" // the disk refuses what recordings want to write; it waits in memory
	spoolSlow    = "slow"         // the disk takes what recordings write, but late
	spoolFull    = "low_space"    // less than recorder.min_free_mb is left
	spoolBacklog = "backlog"      // a recording has waited for an archive longer than recorder.backlog_alarm
	spoolLossy   = "dropped"      // audio is being dropped, because ring or memory are full
)

// watch publishes when the spool begins to be in trouble, when the trouble changes and when it is over.
func (r *Recorder) watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	var before wire.SpoolStatus
	before.OK = true
	var dropped uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var now wire.SpoolStatus
		now, dropped = r.spoolStatus(dropped)
		full := now.FreeBytes > 0 && now.FreeBytes < leastFree && r.cfg.FallbackDir == ""
		r.refuses.Store(full || slices.Contains(now.Reasons, spoolFailing) || slices.Contains(now.Reasons, spoolLossy))
		if now.OK == before.OK && slices.Equal(now.Reasons, before.Reasons) {
			continue
		}
		before = now
		if now.OK {
			r.log.Info("spool works again")
		} else {
			r.log.Error("spool degraded", "reasons", now.Reasons, "cause", now.Error, "free_bytes", now.FreeBytes, "waiting", now.Waiting)
		}
		if r.bus == nil {
			continue
		}
		typ := "spool.degraded"
		if now.OK {
			typ = "spool.restored"
		}
		r.bus.Publish(typ, "", "server", now)
	}
}

// Admit says whether a new call could be recorded: nil, or a problem 503 where recorder.must_record asks for it and
// the disk fails, drops audio or is full. It does not wait.
func (r *Recorder) Admit() error {
	if !r.cfg.MustRecord || !r.refuses.Load() {
		return nil
	}
	p := problem.New(http.StatusServiceUnavailable, "recorder_unavailable", "no new calls: they must be recorded, and the disk does not take recordings now")
	p.RetryAfter = 5
	return p
}

// spoolStatus is how the spool does. dropped is the count of dropped ticks it returned last.
func (r *Recorder) spoolStatus(dropped uint64) (wire.SpoolStatus, uint64) {
	st := r.Stats()
	s := wire.SpoolStatus{FreeBytes: uint64(st.FreeBytes), QueuedBytes: st.QueuedBytes, Waiting: st.Waiting, BacklogBytes: st.BacklogBytes, DroppedTicks: st.DroppedTicks}
	r.mu.Lock()
	slow := false
	for _, rec := range r.live {
		if err := rec.spool.fault(); err != nil && s.Error == "" {
			s.Error = err.Error()
		}
		_, busy := rec.spool.behind(time.Now())
		slow = slow || busy > slowAfter
	}
	r.mu.Unlock()
	if st.OldestUnsent > 0 {
		since := r.now().Add(-st.OldestUnsent)
		s.OldestSince = &since
	}
	for _, c := range []struct {
		is     bool
		reason string
	}{
		{s.Error != "", spoolFailing},
		{slow && s.Error == "", spoolSlow},
		{st.FreeBytes > 0 && st.FreeBytes < int64(r.cfg.MinFreeMB)<<20, spoolFull},
		{st.OldestUnsent > r.cfg.BacklogAlarm, spoolBacklog},
		{st.DroppedTicks > dropped, spoolLossy},
	} {
		if c.is {
			s.Reasons = append(s.Reasons, c.reason)
		}
	}
	s.OK = len(s.Reasons) == 0
	return s, st.DroppedTicks
}
