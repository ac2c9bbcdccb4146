package agentapi

import (
	"net/http"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/signaling/wire"
)

func postRoom(q *request) error {
	var in wire.RoomRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if err := q.maySetPolicy(in.RecordingPolicy); err != nil {
		return err
	}
	c, err := q.s.deps.Calls.Create(q.ctx(), call.NewCall{
		ClientRef: in.ClientRef, Variables: in.Variables, Actor: q.actor(), Tones: in.Tones, DTMFRelay: in.DTMFRelay, RecordingPolicy: in.RecordingPolicy,
	})
	if err != nil {
		return err
	}
	room, err := q.s.deps.Calls.Room(q.ctx(), c.Room)
	if err != nil {
		return err
	}
	q.header("Location", "/v1/rooms/"+room.ID)
	return q.reply(http.StatusCreated, whole(room))
}

// whole makes the lists of a room lists even when they are empty.
func whole(r wire.Room) wire.Room {
	r.Members, r.Matrix = list(r.Members), list(r.Matrix)
	return r
}

// roomFor finds the path's room; its call must be the token's business to see.
func (q *request) roomFor() (wire.Room, error) {
	room, err := q.s.deps.Calls.Room(q.ctx(), q.path("room"))
	if err != nil || q.all() {
		return whole(room), err
	}
	c, err := q.s.deps.Calls.Call(room.CallID)
	if err != nil {
		return room, err
	}
	return whole(room), q.mayRead(c)
}

func getRoom(q *request) error {
	room, err := q.roomFor()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, room)
}

func getMatrix(q *request) error {
	room, err := q.roomFor()
	if err != nil {
		return err
	}
	q.header("ETag", tagOf(room.Matrix))
	return q.reply(http.StatusOK, wire.Matrix{Cells: room.Matrix})
}

func patchMatrix(q *request) error {
	var in wire.Matrix
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Cells == nil {
		return invalid("/cells", "required", "say who hears whom; an empty list is silence for all")
	}
	room, err := q.roomFor()
	if err != nil {
		return err
	}
	if err := q.match(tagOf(room.Matrix)); err != nil {
		return err
	}
	room, err = q.s.deps.Calls.SetMatrix(q.ctx(), room.ID, in.Cells, q.actor())
	if err != nil {
		return err
	}
	room = whole(room)
	q.header("ETag", tagOf(room.Matrix))
	return q.reply(http.StatusOK, wire.Matrix{Cells: room.Matrix})
}
