package rtpleg

import (
	"sync"
	"time"
)

const (
	beatEvery = 500 * time.Millisecond // how often a leg looks at the time
	beatSlots = 10                     // and into how many groups the legs are spread
)

// everyone is all legs of the process that have been started.
var everyone keeper

// keeper beats for all legs with one goroutine, and owns the loops that read those that no tick reads.
// Both begin with the first leg and end with the last.
type keeper struct {
	mu    sync.Mutex
	slots [beatSlots]map[*Leg]struct{}
	n     int
	next  int
	stop  chan struct{}
	done  chan struct{}
	loops loops
}

// add begins to beat for l and makes its reader ready. On an error nothing has begun.
func (k *keeper) add(l *Leg) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.loops.add(l, k.n+1); err != nil {
		return err
	}
	if k.n++; k.n == 1 {
		k.stop, k.done = make(chan struct{}), make(chan struct{})
		go k.keep(k.stop, k.done)
	}
	step := min(max(int(l.every()*beatSlots/beatEvery), 1), beatSlots)
	for i := k.next % step; i < beatSlots; i += step {
		if k.slots[i] == nil {
			k.slots[i] = map[*Leg]struct{}{}
		}
		k.slots[i][l] = struct{}{}
	}
	k.next++
	return nil
}

// remove ends what add began. A beat that is just under way may end later.
func (k *keeper) remove(l *Leg) {
	k.mu.Lock()
	for i := range k.slots {
		delete(k.slots[i], l)
	}
	k.loops.remove(l)
	k.n--
	var done chan struct{}
	var idle loops
	if k.n == 0 {
		close(k.stop)
		done, idle, k.loops = k.done, k.loops, loops{}
	}
	k.mu.Unlock()
	if done != nil {
		<-done
		idle.close()
	}
}

func (k *keeper) keep(stop, done chan struct{}) {
	defer close(done)
	t := time.NewTicker(beatEvery / beatSlots)
	defer t.Stop()
	var legs []*Leg
	var scratch []byte
	for slot := 0; ; slot = (slot + 1) % beatSlots {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		k.mu.Lock()
		for l := range k.slots[slot] {
			legs = append(legs, l)
		}
		k.mu.Unlock()
		for _, l := range legs {
			scratch = l.beat(scratch)
		}
		clear(legs)
		legs = legs[:0]
	}
}
