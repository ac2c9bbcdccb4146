package mixer

const (
	// takeover is how many ticks another voice must be the loudest before the floor passes to it while
	// its holder still speaks: 400 ms.
	takeover = 20
	// louder is by how many dB.
	louder = 6
	// vacant is how many ticks nobody speaks before the floor is free: 1 s.
	vacant = 50
)

// floor tells who speaks. The floor passes at once when its holder has fallen silent, after a while when
// somebody else is clearly louder, and is free after a second of silence.
type floor struct {
	holder *source // nil: nobody
	rival  *source
	since  int // ticks the rival leads, or the floor has been empty
}

// update takes the loudest speaking voice of a tick, nil when nobody speaks, and whether the holder still
// speaks and is heard. It reports a change of holder.
func (f *floor) update(loudest *source, holds bool) bool {
	switch {
	case loudest == nil:
		f.rival = nil
		if f.holder == nil {
			return false
		}
		if f.since++; f.since < vacant {
			return false
		}
		f.holder, f.since = nil, 0
		return true
	case loudest == f.holder:
		f.rival, f.since = nil, 0
		return false
	case !holds:
		f.holder, f.rival, f.since = loudest, nil, 0
		return true
	case loudest.gate.smooth < f.holder.gate.smooth+louder:
		f.rival, f.since = nil, 0
		return false
	case f.rival != loudest:
		f.rival, f.since = loudest, 0
	}
	if f.since++; f.since < takeover {
		return false
	}
	f.holder, f.rival, f.since = loudest, nil, 0
	return true
}
