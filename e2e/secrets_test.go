package e2e

import (
	"bytes"
	wirefmt "encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
)

// least is the shortest run of a secret's bytes that counts, wherever it is found: 4 ms of G.711, 2 ms of
// samples.
const least = 32

// secrets finds what must be nowhere: byte runs of what was said or sent in a pause, as the payload it came in, as
// samples, or as the payload it went out in; and digits that were keyed, in a row or at equal distances.
type secrets struct {
	lines   []secret
	windows map[[16]byte]place
	filter  [1 << 15]uint64 // by hash8: small enough to stay in a core's cache
	digits  []string
	texts   [][]byte // that must be nowhere as they are
}

// secret is one packet's worth of something.
type secret struct {
	what  string
	bytes []byte
}

// place is where a window of 16 bytes stands among the secrets.
type place struct{ line, at int }

func (s *secrets) add(what string, b []byte) {
	if s.windows == nil {
		s.windows = make(map[[16]byte]place)
	}
	s.lines = append(s.lines, secret{what, b})
	// A run of 32 bytes holds a whole window that begins at a multiple of 8.
	for at := 0; at+16 <= len(b); at += 8 {
		w := [16]byte(b[at:])
		if distinct(w[:]) < 8 || wirefmt.LittleEndian.Uint64(w[:]) == 0 {
			continue // silence, or nearly: it may stand anywhere
		}
		s.windows[w] = place{len(s.lines) - 1, at}
		h := hash8(b[at:])
		s.filter[h>>6] |= 1 << (h & 63)
	}
}

func distinct(b []byte) (n int) {
	var seen [256]bool
	for _, x := range b {
		if !seen[x] {
			seen[x] = true
			n++
		}
	}
	return n
}

func hash8(b []byte) uint64 { return wirefmt.LittleEndian.Uint64(b) * 0x9e3779b97f4a7c15 >> (64 - 21) }

// said adds what a party has said in its pause: the payload, and of G.711 its samples as integers
// and as two kinds of fractions.
func (s *secrets) said(p *party) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, payload := range p.said {
		if p.says == talksPCMU {
			s.spoken(payload)
		} else { // what a decoder makes of it is not what was said
			s.add("a payload that came", payload)
		}
	}
}

// spoken adds G.711 in all its forms.
func (s *secrets) spoken(law []byte) {
	for ; len(law) >= 160; law = law[160:] {
		payload := law[:160]
		s.add("a payload that came", payload)
		line := make([]int16, len(payload))
		g711.Decode(line, payload, g711.Table(media.PCMU))
		ints, whole, parts := make([]byte, 0, 2*len(line)), make([]byte, 0, 4*len(line)), make([]byte, 0, 4*len(line))
		for _, x := range line {
			ints = wirefmt.LittleEndian.AppendUint16(ints, uint16(x))
			whole = wirefmt.LittleEndian.AppendUint32(whole, math.Float32bits(float32(x)))
			parts = wirefmt.LittleEndian.AppendUint32(parts, math.Float32bits(float32(x)/32768))
		}
		s.add("samples", ints)
		s.add("samples as float", whole)
		s.add("samples as fraction", parts)
	}
}

// sent adds payloads that the server made in the pause for a listener.
func (s *secrets) sent(list [][]byte) {
	for _, b := range list {
		s.add("a payload for a listener", b)
	}
}

// found is a run of a secret in some bytes.
type found struct {
	what    string
	at, run int
}

// find is the first secret of at least least bytes in b; it has no length where there is none.
func (s *secrets) find(b []byte) found {
	for _, text := range s.texts {
		if at := bytes.Index(b, text); at >= 0 {
			return found{fmt.Sprintf("the words %q", text), at, len(text)}
		}
	}
	var begins [256]bool // digits
	for _, d := range s.digits {
		begins[d[0]], begins[d[0]-'0'] = true, true
	}
	for i := 0; i+16 <= len(b); i++ {
		if begins[b[i]] {
			for _, d := range s.digits {
				if n := keyed(b[i:], d); n > 0 {
					return found{fmt.Sprintf("digits, every %d bytes", n), i, n}
				}
			}
		}
		if wirefmt.LittleEndian.Uint64(b[i:]) == 0 {
			continue // most of a memory; no window begins so, see add
		}
		h := hash8(b[i:])
		if s.filter[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		w, ok := s.windows[[16]byte(b[i:])]
		if !ok {
			continue
		}
		line := s.lines[w.line].bytes
		from, till := i, i+16
		for k := w.at - 1; k >= 0 && from > 0 && b[from-1] == line[k]; k-- {
			from--
		}
		for k := w.at + 16; k < len(line) && till < len(b) && b[till] == line[k]; k++ {
			till++
		}
		if till-from >= least {
			return found{s.lines[w.line].what, from, till - from}
		}
	}
	return found{}
}

// keyed is the distance at which b holds digits, as characters or as the numbers of RFC 4733, from its first byte
// on; 0 where it does not.
func keyed(b []byte, digits string) int {
	zero := byte(0)
	if b[0] == digits[0]-'0' {
		zero = '0'
	} else if b[0] != digits[0] {
		return 0
	}
	for _, step := range []int{1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 56, 64, 80, 96, 128, 256} {
		k := 1
		for k < len(digits) && k*step < len(b) && b[k*step] == digits[k]-zero {
			k++
		}
		if k == len(digits) {
			return step
		}
	}
	return 0
}

// memory looks through the writable memory of a process.
func (s *secrets) memory(t *testing.T, pid int) []string {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var list []string
	const overlap = 12 * 256 // the longest that find looks at as one
	buf := make([]byte, 1<<20)
	total := 0
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		if !strings.HasPrefix(f[1], "rw") {
			continue
		}
		lo, hi, _ := strings.Cut(f[0], "-")
		from, _ := strconv.ParseUint(lo, 16, 64)
		to, _ := strconv.ParseUint(hi, 16, 64)
		for at := from; at < to; at += uint64(len(buf) - overlap) {
			n, err := mem.ReadAt(buf[:min(uint64(len(buf)), to-at)], int64(at))
			if n == 0 && err != nil {
				break
			}
			total += n
			for b := buf[:n]; !zero(b); {
				hit := s.find(b)
				if hit.run == 0 {
					break
				}
				if saved(buf[:n], n-len(b)+hit.at) {
					b = b[hit.at+hit.run:]
					continue
				}
				name := "anonymous"
				if len(f) > 5 {
					name = f[5]
				}
				where := at + uint64(n-len(b)+hit.at)
				list = append(list, fmt.Sprintf("%d bytes of %s at %x (%s, %d of %d kB)%s", hit.run, hit.what, where, name, (where-from)>>10, (to-from)>>10, around(b, hit)))
				if b = b[hit.at+hit.run:]; len(list) > 20 {
					return list
				}
			}
			if uint64(n) < uint64(len(buf)) {
				break
			}
		}
	}
	if total < 4<<20 {
		t.Fatalf("only %d bytes of memory could be read", total)
	}
	return list
}

// A signal leaves the registers of the moment on the alternate stack of its thread, in the layout of XSAVE: 512
// bytes of the old registers with a mark of Linux in them, a header and the vector registers, and a second mark
// behind. The next signal of the thread writes others. No process can do without signals: Go uses them to
// preempt.
const (
	xsaveMark1 = 0x46505853 // FP_XSTATE_MAGIC1, in the fxsave area
	xsaveMark2 = 0x46505845 // FP_XSTATE_MAGIC2, behind the whole
	xsaveAt    = 464        // where the first mark stands
)

// saved reports whether the byte of b lies in registers that a signal has saved.
func saved(b []byte, at int) bool {
	for from := at &^ 15; from >= 0 && from > at-4096; from -= 16 {
		if from+xsaveAt+8 > len(b) || wirefmt.LittleEndian.Uint32(b[from+xsaveAt:]) != xsaveMark1 {
			continue
		}
		size := int(wirefmt.LittleEndian.Uint32(b[from+xsaveAt+4:])) // the second mark included
		if size < 512 || size > 16384 || from+size > len(b) {
			continue
		}
		if at < from+size && wirefmt.LittleEndian.Uint32(b[from+size-4:]) == xsaveMark2 {
			return true
		}
	}
	return false
}

// around is what stands before and behind a hit, for who has to find out whose memory it is.
func around(b []byte, hit found) string {
	return fmt.Sprintf("\n\tbefore % x\n\tit     % x\n\tbehind % x", b[max(0, hit.at-64):hit.at], b[hit.at:min(len(b), hit.at+max(hit.run, 16))], b[min(len(b), hit.at+hit.run):min(len(b), hit.at+hit.run+64)])
}

var zeros [4096]byte

// zero reports whether b holds nothing.
func zero(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), len(zeros))
		if !bytes.Equal(b[:n], zeros[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

// TestSecretsAreFound: what looks for secrets finds them, and nothing shorter than it should.
func TestSecretsAreFound(t *testing.T) {
	line := make([]byte, 160)
	for i := range line {
		line[i] = byte(i*37 + i*i*11)
	}
	s := &secrets{digits: []string{"491827364550"}}
	s.add("line", line)
	noise := make([]byte, 4000)
	for i := range noise {
		noise[i] = byte(200 + i%50)
	}
	for _, n := range []int{31, 32, 33, 47, 160} {
		for off := 0; off+n <= len(line); off += 13 {
			b := bytes.Clone(noise)
			copy(b[1003:], line[off:off+n])
			if got := s.find(b); got.run >= least != (n >= least) || n >= least && (got.at > 1003 || got.at < 1000) {
				t.Fatalf("%d bytes from %d: found %+v", n, off, got)
			}
		}
	}
	for _, step := range []int{1, 16, 40} {
		for _, zero := range []byte{0, '0'} {
			b := bytes.Clone(noise)
			for i, d := range []byte(s.digits[0]) {
				b[777+i*step] = d - zero
			}
			if got := s.find(b); got.at != 777 {
				t.Errorf("digits every %d bytes: found %+v", step, got)
			}
		}
	}
	if got := s.find(noise); got.run != 0 {
		t.Errorf("in noise: %+v", got)
	}
}
