package mixer

import (
	"math/bits"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
)

// step is one tick of one room: it carries out the plan.
func (r *Room) step(sc *scratch) {
	p := r.plan
	if r.doze.owed > 0 {
		r.makeUp(sc, Period)
	}
	forwarded := sc.counts.forwarded
	r.tick++
	if r.shed != sc.shed {
		r.shed = sc.shed
		for i := range p.feeds {
			p.feeds[i].shed(r.shed)
		}
		r.emit(Event{Kind: ShedChanged, Shed: r.shed}, &sc.counts)
	}
	if r.tick-r.forgot >= forgetEvery {
		r.forgot = r.tick
		p.forget(r.tick)
		r.retire()
	}
	r.mend(p, sc)
	r.gather(p, sc)
	r.serve(p, sc)
	if p.tap != nil {
		r.report(p, sc)
	}
	if p.forwards > 0 {
		r.forward(p)
	}
	r.ran = r.tick
	r.drowse(p, sc, int(sc.counts.forwarded-forwarded))
}

// gather reads every source and finds out who speaks.
func (r *Room) gather(p *plan, sc *scratch) {
	sc.playing, sc.open, sc.voiced, sc.sounding, sc.skipped = 0, 0, 0, 0, 0
	var loudest *source
	holds := false
	for i := range p.feeds {
		f := &p.feeds[i]
		bit := uint32(1) << f.slot
		if !r.read(f, sc) {
			continue
		}
		sc.playing |= bit
		if f.gate.open > 0 {
			sc.open |= bit
		}
		if f.gate.voice > 0 {
			sc.voiced |= bit
			if !f.member || f.muted || f.held {
				continue
			}
			holds = holds || f.source == r.floor.holder
			if loudest == nil || f.gate.smooth > loudest.gate.smooth {
				loudest = f.source
			}
		}
	}
	if r.floor.update(loudest, holds) {
		r.speaker.Store(r.floor.holder)
		e := Event{Kind: SpeakerChanged}
		if r.floor.holder != nil {
			e.Member = r.floor.holder.id
		}
		r.emit(e, &sc.counts)
	}
}

// read fills the feed's slot. It reports false for a player that has ended.
func (r *Room) read(f *feed, sc *scratch) bool {
	s := f.source
	if s.finished.Load() {
		return false
	}
	if s.follow() || f.turned() {
		r.ask(&sc.counts)
	}
	if p := f.passes(); f.suppressor != nil && p != s.passes {
		s.passes = p
		r.emit(Event{Kind: PassChanged, Member: s.id, Passes: p}, &sc.counts)
	}
	if s.polled {
		s.poller.Poll(sc.now)
		sc.counts.polled++
	}
	bit := uint32(1) << f.slot
	frame := &sc.frames[f.slot]
	frame.SetRate(f.rate)
	var kind media.Kind
	if sc.ago > 0 || s.skipper != nil && sc.needed&bit == 0 && (!f.taped || s.packets == trusted && len(f.processors) == 0) {
		if sc.ago > 0 {
			kind = s.dozer.SkipPast(sc.ago)
		} else {
			kind = s.skipper.Skip()
		}
		sc.skipped |= bit
		sc.counts.undecoded++
	} else if kind = s.src.ReadFrame(frame); kind == media.Audio || kind == media.Concealed {
		sc.sounding |= bit
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
		if sc.sounding&bit != 0 {
			f.process(frame, sc)
		}
		if sc.ago > 0 {
			level = f.guess()
		} else {
			level = f.measure(frame, sc.sounding&bit != 0)
		}
	}
	if f.suppressor != nil && sc.sounding&bit == 0 && s.holds {
		if sc.skipped&bit == 0 {
			level = f.flush(frame, sc)
		}
		f.suppressor.Rest()
		s.holds = false
	}
	s.gate.update(level, sc.gate, f.voicing())
	if sounds := kind == media.Audio || kind == media.Concealed; sounds {
		s.idle = 0
	} else if kind == media.Silence && s.carried() != 0 { // a packet that holds nothing
		s.idle = 0
	} else if s.idle < fallow {
		s.idle++
	}
	if kind == media.Silence { // nothing is going to follow that the hangover is for
		s.gate.open = min(s.gate.open, flush)
	}
	if uint32(level) != s.level.Load() {
		s.level.Store(uint32(level))
	}
	sc.kinds[f.slot], sc.levels[f.slot] = kind, level
	return true
}

// turned reports that a suppressor has come to work or to rest since the plan was made.
func (f *feed) turned() bool {
	if f.suppressor != nil {
		return f.suppressor.Idle()
	}
	return f.dormant != nil && !f.dormant.Idle()
}

// passes is why the suppressor lets everything through, "" where it does not.
func (f *feed) passes() string {
	if f.suppressor == nil {
		return ""
	}
	return f.suppressor.Passes()
}

// process does to a frame what is to be done, and keeps for the tap how it was.
func (f *feed) process(frame *pcm.Frame, sc *scratch) {
	if f.raw && len(f.processors) > 0 || f.taped && f.suppressor != nil {
		sc.raw[f.slot] = *frame
	}
	for _, p := range f.processors {
		if f.wanted || p != Processor(f.suppressor) {
			p.Process(frame)
		}
	}
	switch {
	case f.suppressor == nil:
		f.source.holds = false
	case f.wanted:
		f.source.holds = true
		if f.passes() == "" {
			sc.counts.suppressed++
		} else {
			sc.counts.passed++
		}
	case f.source.holds: // nobody hears it any more
		f.source.holds = false
		f.suppressor.Rest()
	}
}

// flush lets a suppressor whose source has fallen silent give out what it holds back, in place of the silence in
// the frame. It returns the frame's level.
func (f *feed) flush(frame *pcm.Frame, sc *scratch) uint8 {
	f.process(frame, sc)
	sc.sounding |= 1 << f.slot
	return pcm.Level(frame.Samples())
}

// measure is the level of a frame: the sender's own figure where it gave one and nothing changed the
// frame since. Of a voice that was not decoded, since its packets are handed on, G.711 tells it for next to
// nothing.
func (f *feed) measure(frame *pcm.Frame, read bool) uint8 {
	if f.leveler != nil && (len(f.processors) == 0 || !read) {
		if level, _, ok := f.leveler.Level(); ok {
			return min(level, pcm.LevelSilence)
		}
	}
	if !read && !(f.wanted && f.law(frame)) {
		return pcm.LevelSilence
	}
	return pcm.Level(frame.Samples())
}

// law decodes the source's payload where that is G.711.
func (f *feed) law(frame *pcm.Frame) bool {
	if f.payload == nil {
		return false
	}
	c, payload := f.payload.Payload()
	if c != media.PCMU && c != media.PCMA || len(payload) != pcm.Rate8k.Samples() {
		return false
	}
	frame.SetRate(pcm.Rate8k)
	g711.Decode(frame.Samples(), payload, g711.Table(c))
	return true
}

// class is the listeners of a tick that hear the same and want it in the same format.
type class struct {
	mask   uint32 // what they hear
	ears   uint64 // who they are, by place in the plan
	leader int    // the first of them
	stock  int    // their encoder, by place in the plan's stock; -1 until chosen
}

// serve mixes, encodes and sends. Listeners for whom there is nothing get silence or music; the others
// are sorted into classes, the encoders given out, and then each distinct mix is made once.
func (r *Room) serve(p *plan, sc *scratch) {
	classes := r.classify(p, sc)
	if len(classes) == 0 {
		return
	}
	p.assign(classes)
	p.totals(sc, classes)
	var sent uint64
	for k := range classes {
		if sent&(1<<k) != 0 {
			continue
		}
		c := &classes[k]
		var same, ears uint64
		for j := k; j < len(classes); j++ {
			if o := &classes[j]; p.oneMix(c, o) {
				same |= 1 << j
				ears |= o.ears
			}
		}
		sent |= same
		m := r.mix(p, sc, c.leader, c.mask, ears)
		sc.coded.to = 0
		for ; same != 0; same &= same - 1 {
			r.send(p, sc, &classes[bits.TrailingZeros64(same)], m, c.mask&sc.voiced != 0)
		}
	}
}

// classify serves whoever needs no encoder and puts the others into classes.
func (r *Room) classify(p *plan, sc *scratch) []class {
	classes := sc.classes[:0]
	for i := range p.ears {
		a := &p.ears[i]
		f := a.sink.Format()
		if f != a.format {
			r.ask(&sc.counts)
		}
		if from := a.from.Load(); from != nil {
			r.relayed(a, from, sc)
			continue
		}
		if f.Codec != a.format.Codec || f.Codec == 0 { // wait for a plan with the right encoder
			a.listen(nil)
			continue
		}
		mask, music := a.hear(sc.playing, sc.open)
		switch {
		case music:
			a.music.play(sc)
			a.listen(nil)
			a.quiet = 0
			a.sink.WriteFrame(media.OutFrame{Payload: a.music.payload, Tick: r.tick, Level: a.music.level})
		case mask == 0:
			r.hush(a, sc)
		default:
			a.quiet = 0
			k := 0
			for k < len(classes) && !p.alike(&classes[k], i, mask) {
				k++
			}
			if k == len(classes) {
				classes = append(classes, class{mask: mask, leader: i, stock: -1})
			}
			classes[k].ears |= 1 << i
		}
	}
	return classes
}

// alike reports whether the ear i, which hears mask, belongs to the class.
func (p *plan) alike(c *class, i int, mask uint32) bool {
	return c.mask == mask && p.level(i, c.leader, mask) && p.ears[c.leader].key == p.ears[i].key
}

// oneMix reports whether two classes hear the same and differ in format only.
func (p *plan) oneMix(c, o *class) bool {
	return c.mask == o.mask && p.ears[c.leader].key.from == p.ears[o.leader].key.from && p.level(c.leader, o.leader, c.mask)
}

// assign gives every class an encoder, the largest class first: the one that most of its listeners heard
// in the last tick, so that as few decoders as possible meet a stream that is new to them.
func (p *plan) assign(classes []class) {
	var taken uint64
	for range classes {
		best := -1
		for k := range classes {
			if classes[k].stock < 0 && (best < 0 || bits.OnesCount64(classes[k].ears) > bits.OnesCount64(classes[best].ears)) {
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
					votes += maxEars
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
func (r *Room) send(p *plan, sc *scratch, c *class, m mixed, voice bool) {
	lead, frame := &p.ears[c.leader], m.frame
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
	if lead.format.Codec != media.Opus {
		sc.counts.light++
	} else if s.effort != sc.effort {
		r.strain(s, lead.format, sc)
	}
	r.prime(lead, s, frame.Rate(), sc)
	n, err := s.encoder.Encode(sc.payload[:], frame)
	sc.counts.encodes++
	sc.counts.shared += uint64(bits.OnesCount64(c.ears) - 1)
	if err != nil {
		sc.counts.encodeErrors++
		n = 0
	}
	s.keep(frame)
	s.ran = r.tick
	out := media.OutFrame{Payload: sc.payload[:n], Tick: r.tick, Level: m.level, Voice: voice}
	sc.speak(p, lead.format, m.only, out.Payload)
	for left := c.ears; left != 0; left &= left - 1 {
		a := &p.ears[bits.TrailingZeros64(left)]
		a.listen(s)
		a.sink.WriteFrame(out)
	}
}

// strain sets an encoder to the complexity that the engine can afford now.
func (r *Room) strain(s *stream, f media.Format, sc *scratch) {
	f.Complexity = min(f.Complexity, efforts[sc.effort].complexity)
	if err := s.encoder.Configure(f); err != nil {
		sc.counts.encodeErrors++
	}
	s.effort = sc.effort
}

// prime prepares an encoder that did not run in the last tick. It forgets its stream, and where the
// listener moves over from another encoder, or from packets that were handed on, it first takes in what
// that ended with, so that it and the decoder start from much the same state.
func (r *Room) prime(lead *ear, s *stream, rate pcm.Rate, sc *scratch) {
	if s.ran == r.ran && r.ran != 0 {
		return
	}
	s.encoder.Reset()
	s.kept = 0
	var past [primers]*pcm.Frame
	ok := false
	if lead.woken == r.tick {
		if k := lead.recent; k >= 0 && sc.recents[k] == primers {
			for i := range past {
				past[i] = &sc.recent[k][i]
			}
			ok = true
		}
	} else if was := lead.stream.Load(); was != nil && was != s {
		past, ok = was.before(r.tick, r.ran)
	}
	for _, f := range past {
		if !ok || f.Rate() != rate {
			return
		}
	}
	for _, f := range past {
		if _, err := s.encoder.Encode(sc.payload[:], f); err != nil {
			sc.counts.encodeErrors++
		}
		sc.counts.primed++
	}
}

// hush sends a listener silence without an encoder: a constant payload, under DTX only now and then. A
// member's own sink whose voices go elsewhere gets nothing at all.
func (r *Room) hush(a *ear, sc *scratch) {
	payload := r.engine.canned[a.format.Codec]
	if a.spare || (a.format.DTX || a.voice) && a.quiet >= firstQuiet && a.quiet%refreshQuiet != 0 {
		payload = nil
	}
	a.quiet++
	a.listen(nil)
	sc.counts.silent++
	a.sink.WriteFrame(media.OutFrame{Payload: payload, Tick: r.tick, Level: pcm.LevelSilence})
}
