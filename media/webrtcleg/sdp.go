package webrtcleg

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

var (
	// ErrMalformed: what should be SDP, a fragment or a candidate is none. For signalling, 400.
	ErrMalformed = errors.New("webrtcleg: malformed sdp")
	// ErrUnusable: it is SDP, but nothing in it can become an audio leg. For signalling, 422.
	ErrUnusable = errors.New("webrtcleg: nothing to agree on")
)

// maxSDP bounds what is parsed at all.
const maxSDP = 64 << 10

// opusFmtp is what we say of our receiver (RFC 7587 section 6.1): packets of 10 ms and more, forward error
// correction is of use, and silence need not be sent.
const opusFmtp = "minptime=10;useinbandfec=1;usedtx=1"

// offer is what we take out of a browser's.
type offer struct {
	ufrag, pwd string
	prints     []print
	setup      string // "actpass", "active" or "passive"
	sections   []section
	main       int // index of the section that carries the browser's own sound
}

// section is one m= line of an offer.
type section struct {
	mid       string
	name      sdp.MediaName
	direction string // the browser's: "sendrecv", "sendonly", "recvonly" or "inactive"
	accepted  bool
	terms     terms // where accepted
}

// sends reports whether we send in an accepted section.
func (s *section) sends() bool { return s.direction == "sendrecv" || s.direction == "recvonly" }

// readOffer takes an offer apart and refuses what cannot become a leg. main is the mid of the section that
// carries the browser's sound, "" where it is still to be chosen: then the first that sends. Unless streams
// are wanted all others are refused.
func readOffer(text, main string, streams bool) (*offer, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	if _, lite := d.Attribute("ice-lite"); lite {
		return nil, fmt.Errorf("%w: the browser's side must be a full ice agent", ErrUnusable)
	}
	o := &offer{main: -1}
	bundle := bundled(d)
	for i, m := range d.MediaDescriptions {
		s := section{name: m.MediaName, direction: direction(d, m)}
		s.mid, _ = m.Attribute("mid")
		usable := m.MediaName.Media == "audio" && (m.MediaName.Port.Value != 0 || hasAttribute(m, "bundle-only"))
		o.sections = append(o.sections, s)
		switch {
		case !usable:
		case main != "" && s.mid == main:
			o.main = i
		case main == "" && (o.main < 0 || !speaks(o.sections[o.main].direction) && speaks(s.direction)):
			o.main = i
		}
	}
	if o.main < 0 {
		return nil, fmt.Errorf("%w: no audio", ErrUnusable)
	}
	lines := 0
	for i := range o.sections {
		s, m := &o.sections[i], d.MediaDescriptions[i]
		if i != o.main {
			usable := m.MediaName.Media == "audio" && (m.MediaName.Port.Value != 0 || hasAttribute(m, "bundle-only"))
			if !usable || !streams || s.direction != "recvonly" || !slices.Contains(bundle, s.mid) {
				continue
			}
		}
		if s.terms, err = termsOf(d, m); err != nil {
			return nil, err
		}
		s.accepted = true
		lines++
	}
	if lines > MaxLines {
		return nil, fmt.Errorf("%w: %d audio sections, at most %d", ErrUnusable, lines, MaxLines)
	}
	return o, o.secrets(d, d.MediaDescriptions[o.main])
}

// secrets reads what ICE and DTLS go by, which is the main section's or the whole description's.
func (o *offer) secrets(d *sdp.SessionDescription, m *sdp.MediaDescription) error {
	get := func(key string) string {
		if v, ok := m.Attribute(key); ok {
			return v
		}
		v, _ := d.Attribute(key)
		return v
	}
	o.ufrag, o.pwd = get("ice-ufrag"), get("ice-pwd")
	if len(o.ufrag) < 4 || len(o.pwd) < 22 || len(o.ufrag) > 256 || len(o.pwd) > 256 {
		return fmt.Errorf("%w: no ice-ufrag and ice-pwd", ErrUnusable)
	}
	for _, attributes := range [][]sdp.Attribute{m.Attributes, d.Attributes} {
		for _, a := range attributes {
			if a.Key == "fingerprint" {
				if p, ok := parsePrint(a.Value); ok {
					o.prints = append(o.prints, p)
				}
			}
		}
		if len(o.prints) > 0 {
			break
		}
	}
	if len(o.prints) == 0 {
		return fmt.Errorf("%w: no fingerprint", ErrUnusable)
	}
	switch o.setup = get("setup"); o.setup {
	case "actpass", "active", "passive":
	case "":
		o.setup = "active" // RFC 4145 section 4.1
	default:
		return fmt.Errorf("%w: setup %q", ErrUnusable, o.setup)
	}
	return nil
}

// bundled are the mids of the first bundle (RFC 9143).
func bundled(d *sdp.SessionDescription) []string {
	for _, a := range d.Attributes {
		if a.Key == "group" {
			if f := strings.Fields(a.Value); len(f) > 0 && f[0] == "BUNDLE" {
				return f[1:]
			}
		}
	}
	return nil
}

// direction is a section's (RFC 8866 section 6.7).
func direction(d *sdp.SessionDescription, m *sdp.MediaDescription) string {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, d.Attributes} {
		for _, a := range attributes {
			switch a.Key {
			case "sendrecv", "sendonly", "recvonly", "inactive":
				return a.Key
			}
		}
	}
	return "sendrecv"
}

func speaks(direction string) bool { return direction == "sendrecv" || direction == "sendonly" }

func parse(s string) (*sdp.SessionDescription, error) {
	if len(s) == 0 || len(s) > maxSDP {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(s))
	}
	d := new(sdp.SessionDescription)
	if err := d.UnmarshalString(s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return d, nil
}

func hasAttribute(m *sdp.MediaDescription, key string) bool {
	_, ok := m.Attribute(key)
	return ok
}

// terms are what was agreed for the audio.
type terms struct {
	opusPT, eventPT, levelID uint8 // 0 for none, save opusPT
}

func termsOf(d *sdp.SessionDescription, m *sdp.MediaDescription) (t terms, err error) {
	found := false
	for _, f := range m.MediaName.Formats {
		pt, err := strconv.ParseUint(f, 10, 7)
		if err != nil {
			return terms{}, fmt.Errorf("%w: payload type %q", ErrMalformed, f)
		}
		for _, a := range m.Attributes {
			if a.Key != "rtpmap" {
				continue
			}
			n, name, _ := strings.Cut(a.Value, " ")
			if n != f {
				continue
			}
			switch strings.ToLower(name) {
			case "opus/48000/2":
				if !found {
					t.opusPT, found = uint8(pt), true
				}
			case "telephone-event/48000", "telephone-event/48000/1":
				t.eventPT = uint8(pt)
			}
		}
	}
	if !found {
		return terms{}, fmt.Errorf("%w: no opus", ErrUnusable)
	}
	for _, a := range append(append([]sdp.Attribute{}, d.Attributes...), m.Attributes...) {
		if a.Key != "extmap" {
			continue
		}
		if id, uri, _ := strings.Cut(a.Value, " "); strings.HasPrefix(uri, sdp.AudioLevelURI) {
			id, _, _ = strings.Cut(id, "/")
			if n, err := strconv.ParseUint(id, 10, 8); err == nil && n > 0 && n < 15 {
				t.levelID = uint8(n)
			}
		}
	}
	return t, nil
}

// fragment is the body of a trickle request (RFC 8840 section 9).
type fragment struct {
	ufrag      string // empty when it names none
	candidates int
	end        bool // no more will come
}

func parseFragment(s string) (f fragment, err error) {
	if len(s) > maxSDP {
		return f, fmt.Errorf("%w: %d bytes", ErrMalformed, len(s))
	}
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			return f, fmt.Errorf("%w: line %q", ErrMalformed, line)
		}
		key, value, _ := strings.Cut(line[2:], ":")
		switch {
		case line[0] != 'a':
		case key == "ice-ufrag":
			f.ufrag = value
		case key == "end-of-candidates":
			f.end = true
		case key == "candidate":
			if !isCandidate(value) {
				return f, fmt.Errorf("%w: candidate %q", ErrMalformed, value)
			}
			f.candidates++
		}
	}
	if f.candidates == 0 && !f.end && f.ufrag == "" {
		return f, fmt.Errorf("%w: no candidate in it", ErrMalformed)
	}
	return f, nil
}

// isCandidate checks a candidate's form (RFC 8839 section 5.1).
func isCandidate(s string) bool {
	f := strings.Fields(s)
	if len(f) < 8 || f[6] != "typ" {
		return false
	}
	for _, number := range []string{f[1], f[3], f[5]} {
		if _, err := strconv.ParseUint(number, 10, 32); err != nil {
			return false
		}
	}
	return true
}
