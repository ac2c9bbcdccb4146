package recorder

import (
	"sync"
	"time"
)

// fences are pauses that have outlived their recordings: somebody paused a recording and it was stopped in the pause.
// Until their deadlines a new recording of the same call begins paused. Those of announcements and captures are not
// among them: the call begins them again. A call does not outlive its process, so neither do they.
type fences struct {
	mu   sync.Mutex
	call map[string]pauses
}

// put keeps a call's pauses for its next recording. Those of other calls whose time is over go.
func (f *fences) put(callID string, p pauses, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c, y := range f.call {
		if len(y.list) == 0 || !y.last().end.After(now) {
			delete(f.call, c)
		}
	}
	if len(p.list) == 0 {
		return
	}
	if f.call == nil {
		f.call = make(map[string]pauses)
	}
	f.call[callID] = p
}

// take is what still stands of a call's pauses, and takes it away: what it fences is on its own recording's account
// now.
func (f *fences) take(callID string, now time.Time) pauses {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.call[callID]
	delete(f.call, callID)
	return p.without(over(now))
}

// Fence is until when the pauses go on that a call's last recording was stopped in; the zero time when there is none.
func (r *Recorder) Fence(callID string) time.Time {
	r.fences.mu.Lock()
	defer r.fences.mu.Unlock()
	p := r.fences.call[callID]
	if len(p.list) == 0 {
		return time.Time{}
	}
	return p.last().end
}
