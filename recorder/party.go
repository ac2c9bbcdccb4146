package recorder

import (
	"slices"

	"github.com/cordboard/cordboard/signaling/wire"
)

// rules is the policy a recording is made by. The zero rules record the processed voice of everybody.
type rules wire.RecordingPolicy

// takes reports whether a role is recorded.
func (r rules) takes(role wire.Role) bool {
	return len(r.Parties) == 0 || slices.Contains(r.Parties, role)
}

// voices are the entries a party of the role gets, one for each track: "" for the processed voice.
func (r rules) voices(role wire.Role) []wire.VoiceMode {
	switch {
	case r.Voice == wire.VoiceRaw:
		return []wire.VoiceMode{wire.VoiceRaw}
	case r.Voice == wire.VoiceBoth && r.takes(role):
		return []wire.VoiceMode{"", wire.VoiceRaw}
	}
	return []wire.VoiceMode{""}
}

// wire is the policy as it is shown.
func (r rules) wire() *wire.RecordingPolicy {
	p := wire.RecordingPolicy(r)
	return &p
}

// WantsRaw reports whether the room must give voices as they came, too.
func (rec *Recording) WantsRaw() bool {
	return rec.header.Rules.Voice == wire.VoiceRaw || rec.header.Rules.Voice == wire.VoiceBoth
}

// SetVariables brings the recording's variables up to date with the call's. vars is kept and must not be
// changed afterwards.
func (rec *Recording) SetVariables(vars map[string]string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.over.Load() {
		return
	}
	changed := make(map[string]string)
	for name, value := range vars {
		if old, ok := rec.wire.Variables[name]; !ok || old != value {
			changed[name] = value
		}
	}
	for name := range rec.wire.Variables {
		if _, ok := vars[name]; !ok {
			changed[name] = ""
		}
	}
	rec.wire.Variables = vars
	if len(changed) > 0 {
		rec.note(entry{Kind: entryChanged, Vars: changed}, false, nil)
	}
}

// heard are the tracks a listening copy or a waveform is made of: of a party with two voices the processed one.
func heard(tracks []wire.Track) []wire.Track {
	return slices.DeleteFunc(slices.Clone(tracks), func(t wire.Track) bool {
		return t.Voice == wire.VoiceRaw && slices.ContainsFunc(tracks, func(o wire.Track) bool {
			return o.Voice != wire.VoiceRaw && o.LegID == t.LegID
		})
	})
}
