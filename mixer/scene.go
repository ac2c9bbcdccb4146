package mixer

import (
	"reflect"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// scene is what commands describe: who sits in the room and who hears whom. It is a value; a copy with a
// cloned players slice is independent.
type scene struct {
	seats   [MaxMembers]seat
	cells   [MaxMembers][MaxMembers]cell // [listener][source]
	players []player
	tap     Tap
	raw     bool // the tap wants voices before their processors, too
}

// seat is one member's settings. A free seat has no member.
type seat struct {
	member     *member
	processors []Processor
	suppressor Suppressor // nil: none
	db         float64
	music      *source  // on hold: its own music, nil for the engine's
	agc        *pcm.AGC // nil: off
	outlets    []outlet // sinks of its own for single voices
	listenOnly bool
	muted      bool
	deafened   bool
	held       bool
}

// outlet is where a member wants one other member's voice alone.
type outlet struct {
	source string // member id
	*listener
}

type cell struct {
	on bool
	db float64
}

type player struct {
	source    *source
	to        uint8 // seats that hear it
	all       bool  // or everybody not on hold
	exclusive bool
}

func (s *scene) clone() scene {
	c := *s
	c.players = slices.Clone(s.players)
	return c
}

func (s *scene) seat(id string) int {
	return slices.IndexFunc(s.seats[:], func(m seat) bool { return m.member != nil && m.member.in.id == id })
}

func (s *scene) free() int {
	return slices.IndexFunc(s.seats[:], func(m seat) bool { return m.member == nil })
}

func (s *scene) player(id string) int {
	return slices.IndexFunc(s.players, func(p player) bool { return p.source.id == id })
}

func (s *scene) find(id string) (int, error) {
	if i := s.seat(id); i >= 0 {
		return i, nil
	}
	return -1, problem.NotFound("member", id)
}

func (s *scene) change(id string, f func(*seat)) error {
	i, err := s.find(id)
	if err == nil {
		f(&s.seats[i])
	}
	return err
}

// musicOf finds the hold music that already plays from this source, or starts it.
func (s *scene) musicOf(src media.Source) *source {
	if reflect.ValueOf(src).Comparable() {
		for i := range s.seats {
			if m := s.seats[i].music; m != nil && m.src == src {
				return m
			}
		}
	}
	return newSource("music", src)
}

// matrix lists the cells that are on, for the API.
func (s *scene) matrix() []wire.MatrixCell {
	cells := []wire.MatrixCell{}
	for l := range s.seats {
		for m := range s.seats {
			if c := s.cells[l][m]; c.on && s.seats[l].member != nil && s.seats[m].member != nil {
				cells = append(cells, wire.MatrixCell{Listener: s.seats[l].member.in.id, Source: s.seats[m].member.in.id, GainDB: c.db})
			}
		}
	}
	return cells
}

// pipeline shows the stages of a seat's voice on one line.
func (s *seat) pipeline() string {
	var b strings.Builder
	b.WriteString(name(s.member.leg))
	for _, p := range s.processors {
		b.WriteString(" > ")
		b.WriteString(name(p))
	}
	if s.suppressor != nil && !s.suppressor.Idle() {
		b.WriteString(" > ")
		b.WriteString(name(s.suppressor))
	}
	if s.agc != nil {
		b.WriteString(" > agc")
	}
	return b.String()
}
