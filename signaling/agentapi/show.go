package agentapi

import (
	"encoding/json"
	"sync"

	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// What objects look like to who reads them. Every answer goes through reply and every event through frames.get, and
// both through here; nothing else prints objects.

// policy is what is hidden now; nil without a contact centre: nothing.
func (s *Server) policy() *veil.Policy {
	if s.deps.Desk == nil {
		return nil
	}
	return s.deps.Desk.Veil()
}

// seesNumbers says whether a bearer sees customers' numbers as they are: programs do, and of agents those who may read all
// calls.
func seesNumbers(c auth.Claims) bool { return c.Agent == "" || c.Allows("call:read") }

// whole is that for this request: an agent's token that may do it to everybody's things sees them whole, too.
func (q *request) whole() bool { return seesNumbers(q.claims) || q.route.Own != "" && q.all() }

// masked says whether the token sees masked numbers.
func (q *request) masked() bool { return !q.whole() && q.s.policy().Masks() }

// show is an object as the token may see it.
func (q *request) show(v any) any { return q.s.policy().Show(v, q.whole()) }

// frameCache keeps the newest events as printed frames, so that an event is printed once and not once for
// each socket. There are two of each: for those who see whole numbers, and for others.
type frameCache struct {
	mu   sync.Mutex
	ring [2][1024]frame
}

// frame is an event as it was printed under a policy.
type frame struct {
	seq   uint64
	under *veil.Policy
	text  []byte
}

func newFrameCache() *frameCache { return &frameCache{} }

// get is the frame of an event. It is shared and must not be changed.
func (f *frameCache) get(e *wire.Event, under *veil.Policy, whole bool) ([]byte, error) {
	ring := &f.ring[0]
	if under.Masks() && !whole {
		ring = &f.ring[1]
	}
	slot := &ring[e.Seq%uint64(len(ring))]
	f.mu.Lock()
	if slot.seq == e.Seq && slot.under == under && slot.text != nil {
		defer f.mu.Unlock()
		return slot.text, nil
	}
	f.mu.Unlock()
	x := *e
	x.Data = under.Show(e.Data, whole)
	b, err := json.Marshal(wire.ServerFrame{Event: &x})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	*slot = frame{e.Seq, under, b}
	f.mu.Unlock()
	return b, nil
}
