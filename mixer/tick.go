package mixer

import (
	"math/bits"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// step is one tick of one room: it carries out the plan.
func (r *Room) step(sc *scratch) {
	p := r.plan
	r.tick++
	var playing, open, voiced uint32
	var loudest *source
	for i := range p.feeds {
		f := &p.feeds[i]
		bit := uint32(1) << f.slot
		if !r.read(f, sc) {
			continue
		}
		playing |= bit
		if f.gate.open > 0 {
			open |= bit
		}
		if f.gate.voice > 0 {
			voiced |= bit
			if f.member && !f.muted && !f.held && (loudest == nil || f.gate.smooth > loudest.gate.smooth) {
				loudest = f.source
			}
		}
	}
	if r.floor.update(loudest) {
		r.speaker.Store(r.floor.holder)
		e := Event{Kind: SpeakerChanged}
		if r.floor.holder != nil {
			e.Member = r.floor.holder.id
		}
		r.emit(e, &sc.counts)
	}
	if p.tap != nil {
		r.report(p, sc)
	}
	r.serve(p, sc, playing, open, voiced)
	r.ran = r.tick
}

// read fills the feed's slot. It reports false for a player that has ended.
func (r *Room) read(f *feed, sc *scratch) bool {
	s := f.source
	if s.finished.Load() {
		return false
	}
	if s.follow() {
		r.ask(&sc.counts)
	}
	frame := &sc.frames[f.slot]
	frame.SetRate(f.rate)
	var kind media.Kind
	if !f.wanted && s.skipper != nil {
		kind = s.skipper.Skip()
		sc.counts.undecoded++
	} else if kind = s.src.ReadFrame(frame); kind == media.Audio || kind == media.Concealed {
		sc.counts.decoded++
	} else {
		sc.counts.undecoded++
	}
	if s.ender != nil && !f.member && s.ender.Done() {
		s.finished.Store(true)
		r.emit(Event{Kind: PlayerFinished, Player: s.id}, &sc.counts)
		r.ask(&sc.counts)
	}
	level := uint8(pcm.LevelSilence)
	if kind == media.Audio || kind == media.Concealed {
		for _, p := range f.processors {
			p.Process(frame)
		}
		level = r.measure(f, frame)
	}
	s.gate.update(level, sc.gate)
	s.level.Store(uint32(level))
	sc.kinds[f.slot], sc.levels[f.slot] = kind, level
	return true
}

// measure is the level of a frame: the sender's own figure where it gave one and nothing changed the
// frame since.
func (r *Room) measure(f *feed, frame *pcm.Frame) uint8 {
	if f.leveler != nil && len(f.processors) == 0 {
		if level, _, ok := f.leveler.Level(); ok {
			return min(level, pcm.LevelSilence)
		}
	}
	if !f.wanted {
		return pcm.LevelSilence
	}
	return pcm.Level(frame.Samples())
}

// report hands every member's share to the tap.
func (r *Room) report(p *plan, sc *scratch) {
	n := 0
	for i := range p.feeds {
		f := &p.feeds[i]
		if !f.member {
			continue
		}
		t := &p.tapped[n]
		n++
		t.Kind, t.In, t.Level = sc.kinds[f.slot], &sc.frames[f.slot], sc.levels[f.slot]
		t.Codec, t.Payload = 0, nil
		t.Muted, t.Held, t.Voice = f.muted, f.held, f.gate.voice > 0
		switch {
		case f.aside:
			t.Kind, t.In, t.Level, t.Voice = media.Silence, &p.silence, pcm.LevelSilence, false
		case f.payload != nil && len(f.processors) == 0 && t.Kind == media.Audio:
			t.Codec, t.Payload = f.payload.Payload()
		}
	}
	p.tap.Tick(r.tick, p.tapped)
}

// hear is the sources of a tick that the listener hears, and whether it hears music instead.
func (a *ear) hear(playing, open uint32) (mask uint32, music bool) {
	if only := a.solo & playing; only != 0 {
		return only & open, false
	}
	if a.held {
		if only := a.named & playing; only != 0 {
			return only & open, false
		}
		return a.own & playing & open, a.own == 0 && a.music != nil
	}
	return a.hears & playing & open, false
}

// class is the listeners of a tick that hear the same and want it in the same format.
type class struct {
	mask   uint32 // what they hear
	ears   uint8  // who they are, by place in the plan
	leader int    // the first of them
	stock  int    // their encoder, by place in the plan's stock; -1 until chosen
}

// serve mixes, encodes and sends. Listeners for whom there is nothing get silence or music; the others
// are sorted into classes, the encoders given out, and then each distinct mix is made once.
func (r *Room) serve(p *plan, sc *scratch, playing, open, voiced uint32) {
	var classes [MaxMembers]class
	n := 0
	for i := range p.ears {
		a := &p.ears[i]
		f := a.leg.Format()
		if f != a.format {
			r.ask(&sc.counts)
		}
		if f.Codec != a.format.Codec || f.Codec == 0 { // wait for a plan with the right encoder
			a.listen(nil)
			continue
		}
		mask, music := a.hear(playing, open)
		switch {
		case music:
			a.music.play(sc)
			a.listen(nil)
			a.quiet = 0
			a.leg.WriteFrame(media.OutFrame{Payload: a.music.payload, Tick: r.tick, Level: a.music.level})
		case mask == 0:
			r.hush(a, sc)
		default:
			a.quiet = 0
			k := 0
			for k < n && !p.alike(&classes[k], a, mask) {
				k++
			}
			if k == n {
				classes[n] = class{mask: mask, leader: i, stock: -1}
				n++
			}
			classes[k].ears |= 1 << i
		}
	}
	if n == 0 {
		return
	}
	p.assign(classes[:n])
	p.totals(sc, classes[:n], open&playing)
	var sent uint8
	for k := range classes[:n] {
		if sent&(1<<k) != 0 {
			continue
		}
		c := &classes[k]
		var same, ears uint8
		for j := k; j < n; j++ {
			if o := &classes[j]; p.oneMix(c, o) {
				same |= 1 << j
				ears |= o.ears
			}
		}
		sent |= same
		frame := r.mix(p, sc, c.leader, c.mask, ears)
		level := pcm.Level(frame.Samples())
		sc.coded.to = 0
		for ; same != 0; same &= same - 1 {
			o := &classes[bits.TrailingZeros8(same)]
			r.send(p, sc, o, frame, media.OutFrame{Tick: r.tick, Level: level, Voice: c.mask&voiced != 0})
		}
	}
}

// alike reports whether a listener that hears mask belongs to the class.
func (p *plan) alike(c *class, a *ear, mask uint32) bool {
	return c.mask == mask && mask&^a.same[c.leader] == 0 && p.ears[c.leader].key == a.key
}

// oneMix reports whether two classes hear the same and differ in format only.
func (p *plan) oneMix(c, o *class) bool {
	a, b := &p.ears[c.leader], &p.ears[o.leader]
	return c.mask == o.mask && a.key.from == b.key.from && c.mask&^a.same[o.leader] == 0
}

// assign gives every class an encoder, the largest class first: the one that most of its listeners heard
// in the last tick, so that as few decoders as possible meet a stream that is new to them.
func (p *plan) assign(classes []class) {
	var taken uint64
	for range classes {
		best := -1
		for k := range classes {
			if classes[k].stock < 0 && (best < 0 || bits.OnesCount8(classes[k].ears) > bits.OnesCount8(classes[best].ears)) {
				best = k
			}
		}
		c := &classes[best]
		most := -1 << 8
		for i := range p.stock {
			o := &p.stock[i]
			if taken&(1<<i) != 0 || o.key != p.ears[c.leader].key {
				continue
			}
			votes := 0
			for k := range p.ears {
				if p.ears[k].stream.Load() != o.stream {
					continue
				}
				if c.ears&(1<<k) != 0 {
					votes += MaxMembers
				} else {
					votes-- // somebody else might want to keep it
				}
			}
			if votes > most {
				most, c.stock = votes, i
			}
		}
		taken |= 1 << c.stock
	}
}

// send encodes a mix for one class and writes it to its listeners.
func (r *Room) send(p *plan, sc *scratch, c *class, frame *pcm.Frame, out media.OutFrame) {
	lead := &p.ears[c.leader]
	s := p.stock[c.stock].stream
	if lead.key.from != lead.key.to {
		if sc.coded.to != lead.key.to { // once for each mix and rate
			if s.resampled != r.ran {
				s.resampler.Reset(lead.key.from, lead.key.to)
			}
			s.resampled = r.tick
			s.resampler.ProcessFrame(&sc.coded.frame, frame)
			sc.coded.to = lead.key.to
		}
		frame = &sc.coded.frame
	}
	r.prime(lead, s, frame.Rate(), sc)
	n, err := s.encoder.Encode(sc.payload[:], frame)
	sc.counts.encodes++
	sc.counts.shared += uint64(bits.OnesCount8(c.ears) - 1)
	if err != nil {
		sc.counts.encodeErrors++
		n = 0
	}
	s.ran = r.tick
	out.Payload = sc.payload[:n]
	for m := c.ears; m != 0; m &= m - 1 {
		a := &p.ears[bits.TrailingZeros8(m)]
		a.listen(s)
		if a.format.Codec == media.Opus {
			a.keep(frame)
		}
		a.leg.WriteFrame(out)
	}
}

// prime prepares an encoder that did not run in the last tick. It forgets its stream, and where the
// listener moves over from another encoder it first takes in what that one ended with, so that it and the
// decoder start from much the same state.
func (r *Room) prime(lead *ear, s *stream, rate pcm.Rate, sc *scratch) {
	if s.ran == r.ran && r.ran != 0 {
		return
	}
	s.encoder.Reset()
	if was := lead.stream.Load(); was == nil || was == s || lead.kept < primers || lead.past[0].Rate() != rate {
		return
	}
	for i := range primers {
		if _, err := s.encoder.Encode(sc.payload[:], &lead.past[(lead.oldest+i)%primers]); err != nil {
			sc.counts.encodeErrors++
		}
		sc.counts.primed++
	}
}

// hush sends a listener silence without an encoder: a constant payload, under DTX only now and then.
func (r *Room) hush(a *ear, sc *scratch) {
	payload := r.engine.canned[a.format.Codec]
	if a.format.DTX && a.quiet >= firstQuiet && a.quiet%refreshQuiet != 0 {
		payload = nil
	}
	a.quiet++
	a.listen(nil)
	sc.counts.silent++
	a.leg.WriteFrame(media.OutFrame{Payload: payload, Tick: r.tick, Level: pcm.LevelSilence})
}
