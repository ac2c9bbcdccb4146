package stream

import "sync/atomic"

// alarm wakes the room that has left a party alone, if one has. ring may be called from anywhere.
type alarm struct{ wake atomic.Pointer[atomic.Bool] }

func (a *alarm) ring() {
	if w := a.wake.Load(); w != nil {
		w.Store(true)
	}
}

// set says what to ring. Storing is dear, and it seldom changes.
func (a *alarm) set(wake *atomic.Bool) {
	if a.wake.Load() != wake {
		a.wake.Store(wake)
	}
}

// Doze implements media.Dozer. A party whose audio is searched for keys is awake.
func (r *Receiver) Doze(wake *atomic.Bool) bool {
	r.alarm.set(wake)
	return r.inband == nil || r.types.Load().eventPT != 0
}

// Doze says what to wake when there are digits to be sent, or other terms, and reports whether there are none
// now. For the goroutine of the tick.
func (s *Sender) Doze(wake *atomic.Bool) bool {
	s.alarm.set(wake)
	f := &s.forward
	if !f.mu.TryLock() {
		return false
	}
	defer f.mu.Unlock()
	return f.on && !s.target.Load().digits.Busy()
}
