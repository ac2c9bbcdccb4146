package recorder

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/wave"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	// backdated is how far back a track may begin whose party was there before anybody knew what it sends.
	backdated = int64(5 * time.Second / pcm.Period)
	// tooLate is how much silence a track of samples is filled with at once, half a megabyte. A party that comes back
	// later than that gets another one.
	tooLate = int64(time.Minute / pcm.Period)
)

// trackFor is the track that takes the block, nil while there is none. Each party speaks into one track at a time:
// of samples while it sends G.711 that nothing has changed, else of Ogg Opus. When that changes it goes on in another
// one, its own of that kind if it has one, and so comes back to the first when that changes back.
func (rec *Recording) trackFor(b block) *track {
	t := rec.tracks[b.party]
	law := b.law
	if law == lawOpen {
		law = 0
	}
	switch {
	case t == nil && b.law == lawOpen:
		if _, known := rec.early[b.party]; !known {
			if rec.early == nil {
				rec.early = make(map[int]int64)
			}
			rec.early[b.party] = rec.pos
		}
		return nil
	case t == nil:
		start := rec.pos
		if early, waited := rec.early[b.party]; waited {
			start = max(early, rec.pos-backdated)
		}
		return rec.openTrack(b.party, law, start)
	case b.chooses() && (t.law != law || rec.stale(t)):
		if t.last == madeOwn && t.law == 0 && t.next == rec.pos { // the encoder's tail is let out
			rec.keep(t.quiet(&rec.frame, rec.scratch[:], &rec.counters))
		}
		for _, o := range rec.files {
			if o.party == b.party && o.law == law && !rec.stale(o) {
				rec.tracks[b.party] = o
				return o
			}
		}
		return rec.openTrack(b.party, law, rec.pos)
	}
	return t
}

// stale reports that too much silence would have to be written before the track could go on.
func (rec *Recording) stale(t *track) bool { return t.law != 0 && rec.pos-t.next > tooLate }

// openTrack begins a file of a party with the frame start, for samples in a law or, with none, for Ogg Opus.
func (rec *Recording) openTrack(party int, law media.Codec, start int64) *track {
	p := &rec.parties[party]
	w := wire.Track{
		ID: string(p.Role) + "-" + strconv.Itoa(party+1), LegID: p.LegID, Role: p.Role, Agent: p.Agent,
		Voice: p.Voice, Codec: "opus", OffsetMS: rec.ms(start),
	}
	if law != 0 {
		w.Codec = strings.ToLower(law.String())
	}
	if !trackName(w.ID) {
		w.ID = "party-" + strconv.Itoa(party+1)
	}
	if p.Voice == wire.VoiceRaw {
		w.ID += "-raw"
	}
	at, own := 0, 0
	for i, t := range rec.files {
		if t.party <= party {
			at = i + 1
		}
		if t.party == party {
			own++
		}
	}
	if own > 0 {
		w.ID += "-" + strconv.Itoa(own+1)
	}
	w.Object = w.ID + trackSuffix(w.Codec)
	if rec.key != nil {
		w.Object += sealedSuffix
	}
	rec.note(entry{Kind: entryTrack, Track: &w}, false, nil)
	t, err := newTrack(w, party, law, rec.header.ID, start, rec.spool, rec.key)
	if err != nil {
		rec.keep(err)
		return nil
	}
	rec.files = slices.Insert(rec.files, at, t)
	rec.tracks[party] = t
	if p.Track == "" {
		p.Track = w.ID
	}
	delete(rec.early, party)
	return t
}

// attend brings the tracks of samples of parties that are there up to the time line, where nothing else has.
func (rec *Recording) attend() {
	if rec.spool.full() {
		return
	}
	for _, t := range rec.tracks {
		if t != nil && t.law != 0 && rec.parties[t.party].LeftMS == nil && !rec.stale(t) {
			rec.keep(t.fill(rec.pos+1, &rec.counters))
		}
	}
}

// settleEarly gives a track to those parties of which nothing has ever come.
func (rec *Recording) settleEarly() {
	for party := range rec.parties {
		if start, waits := rec.early[party]; waits {
			rec.openTrack(party, 0, start)
		}
	}
}

// until is the frame that the track is to be filled up to. One that its party no longer speaks into ends where it is.
func (rec *Recording) until(t *track) int64 {
	if rec.tracks[t.party] != t || rec.stale(t) {
		return t.next
	}
	return max(t.next, rec.pos+1)
}

// trackSuffix is what the names of tracks in a codec end with.
func trackSuffix(codec string) string {
	if lawNamed(codec) != 0 {
		return ".wav"
	}
	return ".ogg"
}

// lawNamed is the law of a track's codec, 0 for none.
func lawNamed(codec string) media.Codec {
	for _, law := range []media.Codec{media.PCMU, media.PCMA} {
		if strings.EqualFold(codec, law.String()) && wave.Law(law) {
			return law
		}
	}
	return 0
}
