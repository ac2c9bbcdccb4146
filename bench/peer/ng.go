package peer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// The values of bencode: strings, ints, list and dict.
type (
	dict = map[string]any
	list = []any
)

// bencode appends a value. It panics on a type that bencode does not have.
func bencode(b []byte, v any) []byte {
	switch x := v.(type) {
	case string:
		return append(append(strconv.AppendInt(b, int64(len(x)), 10), ':'), x...)
	case int:
		return append(strconv.AppendInt(append(b, 'i'), int64(x), 10), 'e')
	case list:
		b = append(b, 'l')
		for _, e := range x {
			b = bencode(b, e)
		}
		return append(b, 'e')
	case dict:
		b = append(b, 'd')
		for _, k := range slices.Sorted(maps.Keys(x)) {
			b = bencode(bencode(b, k), x[k])
		}
		return append(b, 'e')
	default:
		panic(fmt.Sprintf("peer: bencode has no %T", v))
	}
}

var errBencode = errors.New("peer: malformed bencode")

// maxDepth bounds how deep lists and dictionaries may lie in each other.
const maxDepth = 32

// bdecode reads the value at the front of b and returns what is left.
func bdecode(b []byte) (v any, rest []byte, err error) { return bdecodeAt(b, 0) }

func bdecodeAt(b []byte, depth int) (any, []byte, error) {
	if len(b) == 0 || depth > maxDepth {
		return nil, nil, errBencode
	}
	switch b[0] {
	case 'i':
		end := bytes.IndexByte(b, 'e')
		if end < 0 {
			return nil, nil, errBencode
		}
		n, err := strconv.Atoi(string(b[1:end]))
		if err != nil {
			return nil, nil, errBencode
		}
		return n, b[end+1:], nil
	case 'l':
		l := list{}
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			v, rest, err := bdecodeAt(b, depth+1)
			if err != nil {
				return nil, nil, err
			}
			l, b = append(l, v), rest
		}
		if len(b) == 0 {
			return nil, nil, errBencode
		}
		return l, b[1:], nil
	case 'd':
		d := dict{}
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			k, rest, err := bdecodeAt(b, depth+1)
			if err != nil {
				return nil, nil, err
			}
			key, ok := k.(string)
			if !ok {
				return nil, nil, errBencode
			}
			if d[key], b, err = bdecodeAt(rest, depth+1); err != nil {
				return nil, nil, err
			}
		}
		if len(b) == 0 {
			return nil, nil, errBencode
		}
		return d, b[1:], nil
	default:
		at := bytes.IndexByte(b, ':')
		if at < 0 {
			return nil, nil, errBencode
		}
		n, err := strconv.Atoi(string(b[:at]))
		if err != nil || n < 0 || n > len(b)-at-1 {
			return nil, nil, errBencode
		}
		return string(b[at+1 : at+1+n]), b[at+1+n:], nil
	}
}

// offerSDP describes a party that speaks one codec.
func offerSDP(s Seat) string {
	pt, attributes := 111, "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=0;stereo=0\r\n"
	if s.Codec == "pcmu" {
		pt, attributes = 0, "a=rtpmap:0 PCMU/8000\r\n"
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP %[3]d\r\n%[4]sa=sendrecv\r\na=ptime:20\r\n",
		s.Client.Addr(), s.Client.Port(), pt, attributes)
}

var audioLine = regexp.MustCompile(`(?m)^m=audio (\d+) `)

// audioPort finds where an SDP wants audio sent to.
func audioPort(sdp string) (uint16, error) {
	m := audioLine.FindStringSubmatch(sdp)
	if m == nil {
		return 0, fmt.Errorf("peer: no audio in SDP %q", sdp)
	}
	n, err := strconv.ParseUint(m[1], 10, 16)
	if err != nil {
		return 0, fmt.Errorf("peer: audio port: %w", err)
	}
	return uint16(n), nil
}
