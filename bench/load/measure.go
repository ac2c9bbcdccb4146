package load

import (
	"fmt"
	"slices"
	"time"
)

// Sample is what all parties noticed over some time.
type Sample struct {
	Parties   int
	Elapsed   time.Duration
	Sent      float64   // packets per party and second
	Heard     float64   // the same for what came back
	Fewest    float64   // of the party that heard least
	Gaps      int       // places where sequence numbers do not follow
	Longest   float64   // ms between two packets of a party
	Latency   []float64 // ms, of every burst and listener
	Frames    int       // of the tone that should have been heard
	GonePct   float64   // of those, without the tone or never received
	Late      []float64 // ms, of every slot of the generator
	startedAt time.Time
	sentAt    int64
}

// Begin forgets what was noticed so far.
func (g *Generator) Begin() Sample {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.parties {
		p.take()
	}
	g.timing.Lock()
	g.late = nil
	g.timing.Unlock()
	return Sample{startedAt: time.Now(), sentAt: g.sent.Load()}
}

// End collects what was noticed since Begin.
func (g *Generator) End(s Sample) Sample {
	g.mu.Lock()
	parties := slices.Clone(g.parties)
	g.mu.Unlock()
	s.Elapsed = time.Since(s.startedAt)
	s.Parties = len(parties)
	per := 1 / s.Elapsed.Seconds() / float64(max(len(parties), 1))
	s.Sent = float64(g.sent.Load()-s.sentAt) * per
	total, fewest, gone := 0, -1, 0
	for _, p := range parties {
		h := p.take()
		total += h.packets
		if fewest < 0 || h.packets < fewest {
			fewest = h.packets
		}
		s.Gaps += h.gaps
		s.Longest = max(s.Longest, h.longest.Seconds()*1e3)
		s.Latency = append(s.Latency, h.latency...)
		if p.watching() {
			// What the server never sent is as bad as what it sent without the tone.
			due := max(int(s.Elapsed.Seconds()*frames), h.frames)
			s.Frames += due
			gone += h.gone + due - h.frames
		}
	}
	s.Heard = float64(total) * per
	s.Fewest = float64(max(fewest, 0)) / s.Elapsed.Seconds()
	if s.Frames > 0 {
		s.GonePct = 100 * float64(gone) / float64(s.Frames)
	}
	g.timing.Lock()
	s.Late, g.late = g.late, nil
	g.timing.Unlock()
	return s
}

// Resume lets all parties say what they said before Listen, and decode nothing.
func (g *Generator) Resume() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.parties {
		p.Say(p.usual)
		if err := p.listen(false, nil, p.usual.Codec); err != nil {
			return err
		}
	}
	return nil
}

// Listen makes the first party of each room below rooms say voice and lets the others fall silent; so many of
// them listen. Bursts are timed, a tone is watched.
func (g *Generator) Listen(rooms, listeners int, voice func(Codec) (say, silence *Stream)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	probes := make([]*probe, rooms)
	for _, p := range g.parties {
		if p.Room >= rooms {
			continue
		}
		c := p.voice.Load().Codec
		say, silence := voice(c)
		var pr *probe
		if say.onsets != nil {
			if probes[p.Room] == nil {
				probes[p.Room] = new(probe)
			}
			pr = probes[p.Room]
		}
		if err := p.listen(p.Index != 0 && p.Index <= listeners, pr, c); err != nil {
			return fmt.Errorf("load: listen in room %d: %w", p.Room, err)
		}
		if p.Index == 0 {
			p.Say(say)
		} else {
			p.Say(silence)
		}
	}
	return nil
}
