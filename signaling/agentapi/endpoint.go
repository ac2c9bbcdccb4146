package agentapi

import (
	"context"
	"sync"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/media"
)

// endpoint is the signalling side of a leg that came through this API: there is no far signalling to
// speak to, so ringing and answering have happened and hanging up is closing the media.
type endpoint struct {
	media media.Leg
	peer  WebRTCLeg // nil for plain RTP
	end   func()    // takes the leg off the table

	mu    sync.Mutex // guards offer, held over a restart so that two cannot cross
	offer string     // the newest SDP offer
}

var _ call.Endpoint = (*endpoint)(nil)

// Media implements call.Endpoint.
func (e *endpoint) Media() media.Leg { return e.media }

// Ring implements call.Endpoint.
func (e *endpoint) Ring(context.Context) error { return nil }

// Answer implements call.Endpoint.
func (e *endpoint) Answer(context.Context) error { return nil }

// Hangup implements call.Endpoint.
func (e *endpoint) Hangup(context.Context, call.Cause) error {
	e.end()
	return e.media.Close()
}

// renegotiate answers another whole offer: an ICE restart, or other audio sections.
func (e *endpoint) renegotiate(ctx context.Context, offer string, streams bool) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	answer, err := e.peer.Renegotiate(ctx, offer, streams)
	if err == nil {
		e.offer = offer
	}
	return answer, err
}

// trickle hands a fragment to the leg. One with other ICE credentials than the offer's is an ICE restart
// (RFC 9725 section 4.3.3); then the answer's fragment comes back.
func (e *endpoint) trickle(ctx context.Context, f fragment) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !f.restarts(e.offer) {
		return "", e.peer.AddCandidate(f.String())
	}
	offer := f.applyTo(e.offer)
	answer, err := e.peer.Restart(ctx, offer)
	if err != nil {
		return "", err
	}
	e.offer = offer
	return fragmentOf(answer).String(), nil
}

// legTable finds the endpoints of the legs that came through this API.
type legTable struct {
	mu   sync.Mutex
	legs map[string]*endpoint
}

func newLegTable() *legTable { return &legTable{legs: make(map[string]*endpoint)} }

func (t *legTable) get(id string) *endpoint {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.legs[id]
}

// put keeps a leg that may have ended already.
func (t *legTable) put(id string, e *endpoint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-e.media.Done():
	default:
		t.legs[id] = e
	}
}

// drop forgets an endpoint, whatever its leg is called.
func (t *legTable) drop(e *endpoint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, o := range t.legs {
		if o == e {
			delete(t.legs, id)
		}
	}
}

func (t *legTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.legs)
}
