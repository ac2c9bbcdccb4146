package call

import (
	"context"
	"net/http"
	"slices"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Receive says how a leg gets the others' voices from now on: mixed, or each in a stream of its own as far
// as the leg has streams. Called again after every renegotiation, for the streams may be others. A leg that
// has no streams is refused (422 not_streamable).
func (b *Board) Receive(ctx context.Context, lid string, how wire.Receive, actorName string) (wire.Leg, error) {
	if how != wire.ReceiveMix && how != wire.ReceiveStreams {
		e := problem.New(http.StatusUnprocessableEntity, "invalid_field", "receive must be mix or streams")
		e.Fields = []problem.Field{{Pointer: "/receive", Code: "unknown_value"}}
		return wire.Leg{}, e
	}
	var w wire.Leg
	err := b.withLeg(ctx, lid, func(a *actor, l *leg) error {
		if err := inRoom(l); err != nil {
			return err
		}
		if err := a.receive(l, how, actorName); err != nil {
			return err
		}
		w = l.wire
		return nil
	})
	return w, err
}

func (a *actor) receive(l *leg, how wire.Receive, actorName string) error {
	if how == wire.ReceiveStreams {
		s, ok := l.media.(media.Streamer)
		if !ok {
			return problem.New(http.StatusUnprocessableEntity, "not_streamable", "leg %s has one stream only", l.wire.ID)
		}
		l.wire.Receive = how
		a.stream(l, s, actorName)
		return nil
	}
	if l.wire.Receive != wire.ReceiveStreams {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
	defer cancel()
	if err := a.room.Do(ctx, mixer.Streams{ID: l.wire.ID}); err != nil {
		return err
	}
	l.sinks = nil
	l.wire.Receive, l.wire.Streams, l.wire.StreamsWanted = "", nil, 0
	a.refresh()
	a.publish("leg.streams_changed", actorName, l.wire)
	return nil
}

// restream brings the streams of all legs that receive separate ones in line with who is heard now.
func (a *actor) restream() {
	if a.call.State == wire.CallEnded {
		return
	}
	for _, l := range a.legs {
		if l.joined && l.wire.Receive == wire.ReceiveStreams {
			if s, ok := l.media.(media.Streamer); ok {
				a.stream(l, s, "server")
			}
		}
	}
}

// stream gives each voice that a leg hears a stream. Who has one keeps it; the first stream stays free for
// what is mixed.
func (a *actor) stream(l *leg, s media.Streamer, actorName string) {
	streams := s.Streams()
	heard := a.audible(l.wire.ID)
	next := make([]wire.Stream, len(streams))
	waiting := slices.Clone(heard)
	for i, st := range streams {
		next[i].MID = st.ID
		at := slices.IndexFunc(l.wire.Streams, func(w wire.Stream) bool { return w.MID == st.ID && w.Member != "" })
		if i == 0 || at < 0 {
			continue
		}
		if member := l.wire.Streams[at].Member; slices.Contains(waiting, member) {
			next[i].Member = member
			waiting = slices.DeleteFunc(waiting, func(id string) bool { return id == member })
		}
	}
	sinks := make(map[string]media.RelaySink, len(streams))
	for i := range next {
		if i > 0 && next[i].Member == "" && len(waiting) > 0 {
			next[i].Member, waiting = waiting[0], waiting[1:]
		}
		if next[i].Member != "" {
			sinks[next[i].Member] = streams[i].Sink
		}
	}
	wanted := 0
	if len(waiting) > 0 {
		wanted = 1 + len(heard)
	}
	if l.sinks != nil && sameSinks(sinks, l.sinks) && slices.Equal(next, l.wire.Streams) && wanted == l.wire.StreamsWanted {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
	defer cancel()
	if err := a.room.Do(ctx, mixer.Streams{ID: l.wire.ID, Sinks: sinks}); err != nil {
		a.log.Warn("set streams failed", "leg", l.wire.ID, "cause", err)
		return
	}
	l.sinks, l.wire.Streams, l.wire.StreamsWanted = sinks, next, wanted
	a.refresh()
	a.publish("leg.streams_changed", actorName, l.wire)
}

// sameSinks also tells a stream that was dropped and agreed again under the same name from the one before.
func sameSinks(a, b map[string]media.RelaySink) bool {
	if len(a) != len(b) {
		return false
	}
	for id, s := range a {
		if b[id] != s {
			return false
		}
	}
	return true
}

// audible are the members a leg may hear, in the order they came. Whether they are muted or on hold does not
// matter: their streams wait.
func (a *actor) audible(listener string) []string {
	cells := a.room.Snapshot().Matrix
	var ids []string
	for _, l := range a.legs {
		id := l.wire.ID
		if l.joined && slices.ContainsFunc(cells, func(c wire.MatrixCell) bool { return c.Listener == listener && c.Source == id }) {
			ids = append(ids, id)
		}
	}
	return ids
}
