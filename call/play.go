package call

import (
	"context"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Play plays a source to one leg until it is done or stopped. what names it in the answer and the event;
// exclusive: the leg hears nothing else meanwhile. The source belongs to the room from now on.
func (b *Board) Play(ctx context.Context, lid string, src media.Source, what wire.PlaySource, exclusive bool, actorName string) (wire.Playback, error) {
	p := wire.Playback{ID: id.New(id.Playback), LegID: lid, Source: what}
	err := b.withLeg(ctx, lid, func(a *actor, l *leg) error {
		if err := inRoom(l); err != nil {
			return err
		}
		return a.startPlay(ctx, p, src, []string{lid}, exclusive)
	})
	return p, err
}

// PlayRoom plays a source to the legs of a room until it is done or stopped: to those that are named, or to
// all who are not on hold, also who joins later. As Play otherwise.
func (b *Board) PlayRoom(ctx context.Context, roomID string, src media.Source, what wire.PlaySource, to []string, exclusive bool, actorName string) (wire.Playback, error) {
	p := wire.Playback{ID: id.New(id.Playback), RoomID: roomID, To: to, Source: what}
	a, err := b.lookup(b.rooms, "room", roomID)
	if err != nil {
		return p, err
	}
	err = a.do(ctx, func() error {
		for _, lid := range to {
			l := a.leg(lid)
			if l == nil || !l.alive() {
				return problem.NotFound("leg", lid)
			}
			if err := inRoom(l); err != nil {
				return err
			}
		}
		return a.startPlay(ctx, p, src, to, exclusive)
	})
	return p, err
}

func (a *actor) startPlay(ctx context.Context, p wire.Playback, src media.Source, to []string, exclusive bool) error {
	if err := a.room.Do(ctx, mixer.Play{ID: p.ID, Source: src, To: to, Exclusive: exclusive}); err != nil {
		return err
	}
	if a.play == nil {
		a.play = make(map[string]wire.Playback)
	}
	a.play[p.ID] = p
	return nil
}

// StopPlay ends a leg's playback before it is done. One that has ended is left alone.
func (b *Board) StopPlay(ctx context.Context, lid, playID, actorName string) error {
	return b.withLeg(ctx, lid, func(a *actor, _ *leg) error { return a.stopPlay(ctx, playID) })
}

// StopPlayRoom ends a room's playback before it is done. One that has ended is left alone.
func (b *Board) StopPlayRoom(ctx context.Context, roomID, playID, actorName string) error {
	a, err := b.lookup(b.rooms, "room", roomID)
	if err != nil {
		return err
	}
	return a.do(ctx, func() error { return a.stopPlay(ctx, playID) })
}

func (a *actor) stopPlay(ctx context.Context, playID string) error {
	if _, ok := a.play[playID]; !ok {
		return nil
	}
	if err := a.room.Do(ctx, mixer.StopPlay{ID: playID}); err != nil {
		return err
	}
	a.playEnded(playID)
	return nil
}

func (a *actor) playEnded(playID string) {
	a.consentEnded(playID)
	if p, ok := a.play[playID]; ok {
		delete(a.play, playID)
		a.publish("playback.finished", "server", p)
	}
}

// Beep plays a short tone to a leg, over what it hears.
func (b *Board) Beep(ctx context.Context, lid, actorName string) error {
	_, err := b.Play(ctx, lid, prompt.Beep(), wire.PlayBeep, false, actorName)
	return err
}
