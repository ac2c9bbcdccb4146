package call

import (
	"context"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/media"
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
		if err := a.room.Do(ctx, mixer.Play{ID: p.ID, Source: src, To: []string{lid}, Exclusive: exclusive}); err != nil {
			return err
		}
		if a.play == nil {
			a.play = make(map[string]wire.Playback)
		}
		a.play[p.ID] = p
		return nil
	})
	return p, err
}

// StopPlay ends a playback before it is done. One that has ended is left alone.
func (b *Board) StopPlay(ctx context.Context, lid, playID, actorName string) error {
	return b.withLeg(ctx, lid, func(a *actor, _ *leg) error {
		if _, ok := a.play[playID]; !ok {
			return nil
		}
		if err := a.room.Do(ctx, mixer.StopPlay{ID: playID}); err != nil {
			return err
		}
		a.playEnded(playID)
		return nil
	})
}

func (a *actor) playEnded(playID string) {
	if p, ok := a.play[playID]; ok {
		delete(a.play, playID)
		a.publish("playback.finished", "server", p)
	}
}
