package mixer

import (
	"maps"
	"math"
	"net/http"
	"slices"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Gains a command may set, in decibels. MinGainDB and below is silence.
const (
	MinGainDB = pcm.MuteDB
	MaxGainDB = 20
)

// Command changes a room's scene. The commands of one Do see the effect of those before them.
type Command interface {
	apply(s *scene) error
}

// Leg is what a room asks of a party. If it also is a media.PayloadSource, media.Skipper, media.LevelSource,
// media.Poller, media.RelaySource or media.RelaySink, the room makes use of that.
type Leg interface {
	media.Source
	media.Sink
}

// Join seats a member. From then on everybody hears it, and it hears everybody but itself. A ninth member
// is refused (409 room_full), and an ID that is taken (409 member_exists).
type Join struct {
	ID         string
	Leg        Leg
	Processors []Processor // applied in this order
	ListenOnly bool        // heard by nobody, whatever the matrix says
}

// Leave takes a member out. The leg itself is not closed.
type Leave struct{ ID string }

// Hear sets one cell of the matrix: whether the listener hears the source, and how loud. A member may be
// made to hear itself.
type Hear struct {
	Listener, Source string
	GainDB           float64
	Off              bool
}

// SetMatrix replaces the whole matrix: pairs that are not listed are not heard.
type SetMatrix struct{ Cells []wire.MatrixCell }

// Mute keeps the room from hearing a member. A tap still does.
type Mute struct {
	ID string
	On bool
}

// Deafen keeps a member from hearing anything.
type Deafen struct {
	ID string
	On bool
}

// Gain sets how loud everybody hears a member, on top of the matrix.
type Gain struct {
	ID string
	DB float64
}

// SetProcessors replaces a member's processors.
type SetProcessors struct {
	ID         string
	Processors []Processor
}

// Suppress gives a member's voice a Suppressor, behind its processors; nil takes it away, as it stands. What the
// Suppressor does is its own setting and may change without a command.
type Suppress struct {
	ID string
	By Suppressor
}

// AGC switches automatic gain control on a member's voice, after its processors.
type AGC struct {
	ID string
	On bool
}

// Streams gives a member sinks of its own for the voices of others, by their member ids, in place of a mix:
// what it may hear of a voice goes to the voice's sink alone, as the packets that came where the legs agree
// on them. What has no sink (a member that has just joined, prompts, hold music) is still mixed for the
// member's own sink; when there is nothing of that, it gets frames without a payload. A sink whose id
// nobody has waits. nil goes back to one mix.
type Streams struct {
	ID    string
	Sinks map[string]media.RelaySink
}

// Hold takes a member out of the conversation: it hears only its music and is heard by nobody, taps
// included. A held member that a Play names hears the player in place of the music.
type Hold struct {
	ID    string
	On    bool
	Music media.Source // nil: the engine's own. Members held with the same source hear it together
}

// Play adds a source that is no member: a prompt, a tone, music. When the source says it is done (it has a
// method Done() bool), the player ends with an event. At most MaxPlayers play at a time (409
// too_many_players).
type Play struct {
	ID        string
	Source    media.Source
	To        []string // empty: everybody who is not on hold, also who joins later
	Exclusive bool     // its listeners hear nothing else as long as it plays
}

// StopPlay ends a player.
type StopPlay struct{ ID string }

// SetTap makes the room report every tick to the tap; nil ends that.
type SetTap struct {
	Tap Tap
	Raw bool // the tap wants each voice as it came, too
}

func (c Join) apply(s *scene) error {
	if c.ID == "" || c.Leg == nil {
		return invalid("/id", "required", "a member needs an id and a leg")
	}
	if s.seat(c.ID) >= 0 {
		return problem.Conflict("member_exists", "joined", []string{"leave"}, "%s is already in the room", c.ID)
	}
	i := s.free()
	if i < 0 {
		return problem.Conflict("room_full", "full", []string{"leave"}, "a room holds %d members", MaxMembers)
	}
	s.seats[i] = seat{member: newMember(c.ID, c.Leg), processors: slices.Clone(c.Processors), listenOnly: c.ListenOnly}
	for j := range s.seats {
		s.cells[i][j] = cell{on: j != i}
		s.cells[j][i] = cell{on: j != i}
	}
	return nil
}

func (c Leave) apply(s *scene) error {
	i, err := s.find(c.ID)
	if err != nil {
		return err
	}
	s.seats[i] = seat{}
	for k := range s.players {
		s.players[k].to &^= 1 << i
	}
	return nil
}

func (c Hear) apply(s *scene) error {
	l, err := s.find(c.Listener)
	if err != nil {
		return err
	}
	m, err := s.find(c.Source)
	if err != nil {
		return err
	}
	if err := checkGain(c.GainDB); err != nil {
		return err
	}
	s.cells[l][m] = cell{on: !c.Off, db: c.GainDB}
	return nil
}

func (c SetMatrix) apply(s *scene) error {
	s.cells = [MaxMembers][MaxMembers]cell{}
	for _, m := range c.Cells {
		if err := (Hear{Listener: m.Listener, Source: m.Source, GainDB: m.GainDB}).apply(s); err != nil {
			return err
		}
	}
	return nil
}

func (c Mute) apply(s *scene) error {
	return s.change(c.ID, func(m *seat) { m.muted = c.On })
}

func (c Deafen) apply(s *scene) error {
	return s.change(c.ID, func(m *seat) { m.deafened = c.On })
}

func (c Gain) apply(s *scene) error {
	if err := checkGain(c.DB); err != nil {
		return err
	}
	return s.change(c.ID, func(m *seat) { m.db = c.DB })
}

func (c SetProcessors) apply(s *scene) error {
	return s.change(c.ID, func(m *seat) { m.processors = slices.Clone(c.Processors) })
}

func (c Suppress) apply(s *scene) error {
	return s.change(c.ID, func(m *seat) { m.suppressor = c.By })
}

func (c AGC) apply(s *scene) error {
	return s.change(c.ID, func(m *seat) {
		switch {
		case !c.On:
			m.agc = nil
		case m.agc == nil:
			m.agc = new(pcm.AGC)
		}
	})
}

func (c Streams) apply(s *scene) error {
	for id, sink := range c.Sinks {
		if id == "" || sink == nil {
			return invalid("/sinks", "required", "each sink needs the id of a member")
		}
	}
	return s.change(c.ID, func(m *seat) {
		old := m.outlets
		m.outlets = nil
		for _, id := range slices.Sorted(maps.Keys(c.Sinks)) {
			o := outlet{source: id}
			for _, was := range old { // what runs goes on
				if was.source == id && was.sink == media.Sink(c.Sinks[id]) {
					o.listener = was.listener
				}
			}
			if o.listener == nil {
				o.listener = newListener(c.Sinks[id])
			}
			m.outlets = append(m.outlets, o)
		}
	})
}

func (c Hold) apply(s *scene) error {
	return s.change(c.ID, func(m *seat) {
		m.held, m.music = c.On, nil
		if c.On && c.Music != nil {
			m.music = s.musicOf(c.Music)
		}
	})
}

func (c Play) apply(s *scene) error {
	if c.ID == "" || c.Source == nil {
		return invalid("/id", "required", "a player needs an id and a source")
	}
	if s.player(c.ID) >= 0 {
		return problem.Conflict("player_exists", "playing", []string{"stop"}, "%s is already playing", c.ID)
	}
	if len(s.players) == MaxPlayers {
		return problem.Conflict("too_many_players", "full", []string{"stop"}, "a room holds %d players", MaxPlayers)
	}
	p := player{source: newSource(c.ID, c.Source), all: len(c.To) == 0, exclusive: c.Exclusive}
	for _, id := range c.To {
		i, err := s.find(id)
		if err != nil {
			return err
		}
		p.to |= 1 << i
	}
	s.players = append(s.players, p)
	return nil
}

func (c StopPlay) apply(s *scene) error {
	i := s.player(c.ID)
	if i < 0 {
		return problem.NotFound("player", c.ID)
	}
	s.players = slices.Delete(s.players, i, i+1)
	return nil
}

func (c SetTap) apply(s *scene) error {
	s.tap, s.raw = c.Tap, c.Raw && c.Tap != nil
	return nil
}

func checkGain(db float64) error {
	if math.IsNaN(db) || db > MaxGainDB {
		return invalid("/gain_db", "out_of_range", "a gain is at most 20 dB")
	}
	return nil
}

func invalid(pointer, code, detail string) error {
	err := problem.New(http.StatusUnprocessableEntity, "invalid_command", "%s", detail)
	err.Fields = []problem.Field{{Pointer: pointer, Code: code, Detail: detail}}
	return err
}
