package quality

import (
	"time"

	"github.com/cordboard/cordboard/media"
)

// Second is the quality of one leg over one interval, commonly a second: in is what cordboard hears of the
// party, out what the party says it hears of cordboard. A score of 0 means that nothing is known: nothing
// came or was sent in the interval, or the party has never reported.
type Second struct {
	LossIn    float64       // percent of the party's packets that never came
	LossOut   float64       // percent of ours that the party missed, by its last report
	Discard   float64       // percent of the party's packets that came too late to be played
	Concealed float64       // percent of the interval that was made up, by FEC or concealment
	JitterIn  time.Duration // RFC 3550 section 6.4.1, now
	JitterOut time.Duration // the same at the party, by its last report
	RoundTrip time.Duration // 0 for unknown
	Buffer    time.Duration // what the jitter buffer holds now
	DelayIn   time.Duration // estimated from the party's mouth to the room
	DelayOut  time.Duration // estimated from the room to the party's ear
	MOSIn     float64       // 1 to 4.5 (ITU-T G.107)
	MOSOut    float64
}

const (
	// ownDelay is what a packet and the frame of the room cost on either side.
	ownDelay = 40 * time.Millisecond
	// theirDelay is a party's jitter buffer and codec where it does not tell (RFC 3611 section 4.7.4).
	theirDelay = 60 * time.Millisecond
	// frame is what one concealed frame stands for.
	frame = 20 * time.Millisecond
)

// Between is the quality of what happened from prev to now, two Stats of one leg d apart. codec is the
// leg's, both ways. The zero prev begins with the leg itself. It is a pure function.
func Between(prev, now media.Stats, codec media.Codec, d time.Duration) Second {
	in := float64(grown(prev.PacketsIn, now.PacketsIn))
	lost := float64(grown(prev.Lost, now.Lost))
	late := min(float64(grown(prev.Late, now.Late)), in)
	fec := float64(grown(prev.FEC, now.FEC))
	madeUp := float64(grown(prev.Concealed, now.Concealed))
	q := Second{
		JitterIn: now.Jitter, JitterOut: now.RemoteJitter, RoundTrip: now.RoundTrip, Buffer: now.Delay,
		DelayIn:  now.RoundTrip/2 + now.Delay + ownDelay,
		DelayOut: now.RoundTrip/2 + ownDelay,
		LossIn:   share(lost, in+lost),
		Discard:  share(late, in+lost),
	}
	if frames := float64(d) / float64(frame); frames > 0 {
		q.Concealed = min(100*madeUp/frames, 100)
		if in > 0 || madeUp > 0 {
			// What is missed is what never was played: lost or late and not recovered, or a hole in the
			// playout for another reason, such as the party's own stall.
			missed := max(lost+late-fec, 0) / max(in+lost, 1)
			missed = max(missed, (madeUp-min(fec, madeUp))/frames)
			q.MOSIn = Estimate(Path{Codec: codec, Loss: missed, Delay: q.DelayIn})
		}
	}
	if now.RemoteDelay > 0 {
		q.DelayOut += now.RemoteDelay
	} else {
		q.DelayOut += theirDelay
	}
	if now.RemoteReports > 0 {
		q.LossOut = 100 * min(max(now.RemoteLoss, 0), 1)
		if now.PacketsOut > prev.PacketsOut {
			q.MOSOut = Estimate(Path{
				Codec: codec, Loss: now.RemoteLoss + now.RemoteDiscard, Delay: q.DelayOut, HasFEC: now.FECOut,
			})
		}
	}
	return q
}

// grown is by how much a total grew. Lost shrinks when a packet comes after all.
func grown(prev, now uint64) uint64 {
	if now < prev {
		return 0
	}
	return now - prev
}

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * part / whole
}
