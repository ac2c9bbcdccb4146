package webrtcleg

import (
	"errors"
	"fmt"
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

// checkOffer refuses what cannot become a leg before pion sees it. It returns the ICE user fragment.
func checkOffer(offer string) (ufrag string, err error) {
	d, err := parse(offer)
	if err != nil {
		return "", err
	}
	m := audio(d)
	if m == nil {
		return "", fmt.Errorf("%w: no audio", ErrUnusable)
	}
	if _, err := termsOf(d, m); err != nil {
		return "", err
	}
	get := func(key string) string {
		if v, ok := m.Attribute(key); ok {
			return v
		}
		v, _ := d.Attribute(key)
		return v
	}
	for _, key := range []string{"ice-ufrag", "ice-pwd", "fingerprint"} {
		if get(key) == "" {
			return "", fmt.Errorf("%w: no %s", ErrUnusable, key)
		}
	}
	return get("ice-ufrag"), nil
}

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

// audio is the first audio section that is not refused.
func audio(d *sdp.SessionDescription) *sdp.MediaDescription {
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media == "audio" && (m.MediaName.Port.Value != 0 || hasAttribute(m, "bundle-only")) {
			return m
		}
	}
	return nil
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

// answered reads what our own answer agreed to, and completes it: pion repeats the offer's Opus
// parameters, where ours belong.
func answered(answer string) (string, terms, error) {
	d, err := parse(answer)
	if err != nil {
		return "", terms{}, err
	}
	m := audio(d)
	if m == nil {
		return "", terms{}, fmt.Errorf("%w: no audio", ErrUnusable)
	}
	t, err := termsOf(d, m)
	if err != nil {
		return "", terms{}, err
	}
	pt := strconv.Itoa(int(t.opusPT)) + " "
	done := false
	for i, a := range m.Attributes {
		if a.Key == "fmtp" && strings.HasPrefix(a.Value, pt) {
			m.Attributes[i].Value, done = pt+opusFmtp, true
		}
	}
	if !done {
		m.Attributes = append(m.Attributes, sdp.NewAttribute("fmtp", pt+opusFmtp))
	}
	b, err := d.Marshal()
	if err != nil {
		return "", terms{}, fmt.Errorf("webrtcleg: write answer: %w", err)
	}
	return string(b), t, nil
}

// fragment is the body of a trickle request (RFC 8840 section 9).
type fragment struct {
	ufrag      string // empty when it names none
	candidates []string
	mids       []string // beside candidates
	end        bool     // no more will come
}

func parseFragment(s string) (f fragment, err error) {
	if len(s) > maxSDP {
		return f, fmt.Errorf("%w: %d bytes", ErrMalformed, len(s))
	}
	mid := ""
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
		case line[0] == 'm':
			mid = ""
		case line[0] != 'a':
		case key == "mid":
			mid = value
		case key == "ice-ufrag":
			f.ufrag = value
		case key == "end-of-candidates":
			f.end = true
		case key == "candidate":
			f.candidates = append(f.candidates, "candidate:"+value)
			f.mids = append(f.mids, mid)
		}
	}
	if len(f.candidates) == 0 && !f.end && f.ufrag == "" {
		return f, fmt.Errorf("%w: no candidate in it", ErrMalformed)
	}
	return f, nil
}
