package e2e

import (
	"bytes"
	wirefmt "encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The three sounds of the pause tests: before, in and behind the pause.
const hzBefore, hzSecret, hzAfter = 600, 1237, 1900

// party is a plain RTP leg whose other end is this test: it says a tone, and while it is secret remembers every
// byte it says and hears.
type party struct {
	t    *testing.T
	conn *net.UDPConn
	leg  wire.Leg
	done chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex
	hz     float64
	secret bool
	heard  bool // remember what comes
	keys   []byte
	said   [][]byte
	seen   [][]byte
}

// join brings a party with a codec into a call.
func join(t *testing.T, s *server, callID, codec string, role wire.Role, hz float64) *party {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	pt := map[string]int{"PCMU": 0, "opus": 111}[codec]
	var a wire.LegAnswer
	req := wire.LegRequest{Kind: wire.LegRTP, CallID: callID, Role: role, Address: conn.LocalAddr().String(), Codec: codec, PayloadType: pt, EventType: 101}
	waitFor(t, 30*time.Second, "room for a leg", func() bool { // a busy machine refuses with 503
		return s.call(http.MethodPost, "/v1/legs", req, &a) == http.StatusCreated
	})
	to, err := net.ResolveUDPAddr("udp", a.Address)
	if err != nil {
		t.Fatal(err)
	}
	p := &party{t: t, conn: conn, leg: a.Leg, done: make(chan struct{}), hz: hz}
	p.wg.Go(func() { p.speak(to, codec == "PCMU") })
	p.wg.Go(p.listen)
	t.Cleanup(p.close)
	return p
}

func (p *party) close() {
	select {
	case <-p.done:
	default:
		close(p.done)
		_ = p.conn.Close()
		p.wg.Wait()
	}
}

// say changes the tone; secret says whether what is said from now on must be nowhere later.
func (p *party) say(hz float64, secret bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hz, p.secret = hz, secret
}

func (p *party) press(digits string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, digits...)
}

// speak sends a packet each 20 ms: the tone with a little noise, so that no two packets are alike, or a
// telephone event. A party without PCMU only listens.
func (p *party) speak(to *net.UDPAddr, audible bool) {
	seq, ts, at, ssrc := uint16(rand.Uint32()), rand.Uint32(), 0, rand.Uint32()
	events := [][]byte{}
	pcm, law := make([]int16, 160), make([]byte, 160)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		if len(events) == 0 && len(p.keys) > 0 {
			key := byte(strings.IndexByte("0123456789*#ABCD", p.keys[0]))
			p.keys = p.keys[1:]
			for k := 1; k <= 8; k++ {
				e := []byte{key, 10, 0, 0}
				wirefmt.BigEndian.PutUint16(e[2:], uint16(160*min(k, 6)))
				if k >= 6 {
					e[1] |= 0x80
				}
				b := rtpHead(101, k == 1, 0, ts, ssrc)
				events = append(events, append(b, e...))
			}
		}
		hz, secret := p.hz, p.secret
		p.mu.Unlock()
		seq++
		if len(events) > 0 {
			wirefmt.BigEndian.PutUint16(events[0][2:], seq)
			_, _ = p.conn.WriteToUDP(events[0], to)
			if events = events[1:]; len(events) == 0 {
				ts += 8 * 160
			}
			continue
		}
		for i := range pcm {
			pcm[i] = int16(6000*math.Sin(2*math.Pi*hz*float64(at)/8000)) + int16(rand.IntN(300)-150)
			at++
		}
		g711.EncodeMu(law, pcm)
		if audible {
			_, _ = p.conn.WriteToUDP(append(rtpHead(0, false, seq, ts, ssrc), law...), to)
		} else {
			_, _ = p.conn.WriteToUDP(append(rtpHead(111, false, seq, ts, ssrc), 0xf8, 0xff, 0xfe), to)
		}
		if secret && audible {
			p.mu.Lock()
			p.said = append(p.said, bytes.Clone(law))
			p.mu.Unlock()
		}
		if ts += 160; !audible {
			ts += 800
		}
	}
}

func rtpHead(pt byte, marker bool, seq uint16, ts, ssrc uint32) []byte {
	b := make([]byte, 12, 256)
	b[0], b[1] = 0x80, pt
	if marker {
		b[1] |= 0x80
	}
	wirefmt.BigEndian.PutUint16(b[2:], seq)
	wirefmt.BigEndian.PutUint32(b[4:], ts)
	wirefmt.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

func (p *party) listen() {
	buf := make([]byte, 2048)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.heard && n > 12+40 {
			p.seen = append(p.seen, bytes.Clone(buf[12:n]))
		}
		p.mu.Unlock()
	}
}

func (p *party) hear(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = on
}

// secrets finds byte runs in files and memory: 80 bytes (10 ms of G.711, 5 ms of samples) of what was said in a pause, as the payload it came in,
// as linear samples, or as the payload it went out in; and digit strings.
type secrets struct {
	windows map[[16]byte]string
	filter  [1 << 21]uint64
	digits  []string
}

func (s *secrets) add(what string, b []byte) {
	if s.windows == nil {
		s.windows = make(map[[16]byte]string)
	}
	for at := 0; at+16 <= len(b); at += 8 {
		w := [16]byte(b[at:])
		var distinct [256]bool
		n := 0
		for _, x := range w {
			if !distinct[x] {
				distinct[x] = true
				n++
			}
		}
		if n < 9 {
			continue // silence, or nearly: it may stand anywhere
		}
		s.windows[w] = what
		h := hash8(b[at:])
		s.filter[h>>6] |= 1 << (h & 63)
	}
}

// least is the shortest run of bytes that counts.
const least = 80

func hash8(b []byte) uint64 { return wirefmt.LittleEndian.Uint64(b) * 0x9e3779b97f4a7c15 >> 37 }

// take adds what parties said and heard in their pause.
func (s *secrets) take(list ...*party) {
	for _, p := range list {
		p.mu.Lock()
		for _, law := range p.said {
			s.add("payload", law)
			pcm := make([]int16, len(law))
			g711.Decode(pcm, law, g711.Table(media.PCMU))
			line := make([]byte, 0, 2*len(pcm))
			for _, x := range pcm {
				line = wirefmt.LittleEndian.AppendUint16(line, uint16(x))
			}
			s.add("samples", line)
		}
		for _, b := range p.seen {
			s.add("encoded for a listener", b)
		}
		p.mu.Unlock()
	}
}

// find names the first secret in b.
func (s *secrets) find(b []byte) (string, int) {
	for _, d := range s.digits {
		if i := bytes.Index(b, []byte(d)); i >= 0 {
			return "digits", i
		}
	}
	for i := 0; i+16 <= len(b); i++ {
		h := hash8(b[i:])
		if s.filter[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		what, ok := s.windows[[16]byte(b[i:])]
		// A signal leaves the registers of the moment on a stack, 16 to 64 bytes of what was just being copied.
		// What counts is more than that.
		n := 16
		for ; ok && n < least && i+n+16 <= len(b); n += 16 {
			_, ok = s.windows[[16]byte(b[i+n:])]
		}
		if ok && n >= least {
			return what, i
		}
	}
	return "", 0
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
	var found []string
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
		for at := from; at < to; at += uint64(len(buf)) - 2*least {
			n, err := mem.ReadAt(buf[:min(uint64(len(buf)), to-at)], int64(at))
			if n == 0 && err != nil {
				break
			}
			total += n
			for b := buf[:n]; ; {
				what, i := s.find(b)
				if what == "" {
					break
				}
				name := "anonymous"
				if len(f) > 5 {
					name = f[5]
				}
				found = append(found, fmt.Sprintf("%s at %x (%s)", what, at+uint64(n-len(b)+i), name))
				if b = b[i+16:]; len(found) > 20 {
					return found
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
	return found
}

// pauseRuns is how many timings of each kind are tried: make pause sets 100.
func pauseRuns() int {
	if n, err := strconv.Atoi(os.Getenv("PAUSE_RUNS")); err == nil && n > 0 {
		return n
	}
	return 3
}

func randomDigits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + rand.IntN(10))
	}
	return string(b)
}

// TestPauseMatrix: what is said and keyed in a pause is in no file, object, log, event or store, and a second
// after the pause in no memory of the process, whatever happens meanwhile and at whatever moment.
func TestPauseMatrix(t *testing.T) {
	store := newObjectStore(t)
	s := newServer(t, store.config()).start()
	for _, kind := range []string{"normal", "deadline", "transfer", "conference", "capture"} {
		t.Run(kind, func(t *testing.T) {
			for range pauseRuns() {
				pauseRun(t, s, store, kind)
			}
		})
	}
	t.Run("kill", func(t *testing.T) {
		for range pauseRuns() {
			pauseKill(t)
		}
	})
}

// recordedRoom makes a call with a caller and an agent and records it.
func recordedRoom(t *testing.T, s *server) (c, a *party, recID string) {
	t.Helper()
	var room wire.Room
	waitFor(t, 30*time.Second, "room for a call", func() bool { // a busy machine refuses with 503
		return s.call(http.MethodPost, "/v1/rooms", map[string]any{}, &room) == http.StatusCreated
	})
	c, a = join(t, s, room.CallID, "PCMU", wire.RoleCustomer, hzBefore), join(t, s, room.CallID, "opus", wire.RoleAgent, 0)
	var rec wire.Recording
	if st := s.call(http.MethodPost, "/v1/calls/"+room.CallID+"/recordings", nil, &rec); st != http.StatusCreated {
		t.Fatalf("record: %d", st)
	}
	time.Sleep(600*time.Millisecond + rand.N(40*time.Millisecond))
	return c, a, rec.ID
}

func pauseRun(t *testing.T, s *server, store *objectStore, kind string) {
	t.Helper()
	c, a, recID := recordedRoom(t, s)
	callID := c.leg.CallID
	digits := randomDigits(12)
	look := &secrets{digits: []string{digits}}
	parties := []*party{c, a}
	var w wire.Recording
	post := func(path string, body, out any, want int) {
		t.Helper()
		if st := s.call(http.MethodPost, path, body, out); st != want {
			t.Fatalf("POST %s: %d, want %d", path, st, want)
		}
	}
	var capture wire.Capture
	switch kind {
	case "capture":
		post("/v1/calls/"+callID+"/capture", wire.CaptureRequest{MaxDigits: 12, MaxSeconds: 30}, &capture, http.StatusCreated)
	case "deadline":
		post("/v1/recordings/"+recID+"/pause", wire.PauseRequest{MaxSeconds: 20, Reason: "card"}, &w, http.StatusOK)
	default:
		post("/v1/recordings/"+recID+"/pause", wire.PauseRequest{MaxSeconds: 60, Reason: "card"}, &w, http.StatusOK)
	}
	c.say(hzSecret, true)
	time.Sleep(250 * time.Millisecond) // what the agent hears from here on is of the pause
	a.hear(true)
	if kind == "capture" {
		c.press(digits[:11]) // the last one ends the capture, and the pause with it
	} else {
		c.press(digits)
	}
	time.Sleep(300*time.Millisecond + rand.N(40*time.Millisecond))
	switch kind {
	case "transfer":
		b := join(t, s, callID, "opus", wire.RoleAgent, 0)
		b.hear(true)
		parties = append(parties, b)
		if st := s.call(http.MethodDelete, "/v1/legs/"+a.leg.ID, nil, nil); st != http.StatusNoContent {
			t.Fatalf("the first agent leaves: %d", st)
		}
	case "conference":
		b := join(t, s, callID, "PCMU", wire.RoleExpert, hzSecret+200)
		b.say(hzSecret+200, true)
		b.hear(true)
		parties = append(parties, b)
	}
	// All keys are through, and then some voice: 12 keys of 160 ms.
	time.Sleep(2*time.Second + rand.N(60*time.Millisecond))
	if kind == "deadline" {
		post("/v1/recordings/"+recID+"/pause", wire.PauseRequest{MaxSeconds: 1}, &w, http.StatusOK)
		time.Sleep(time.Until(*w.PausedTill) - rand.N(30*time.Millisecond))
	}
	for _, p := range parties {
		p.hear(false)
		p.say(hzAfter, false)
	}
	switch kind {
	case "deadline":
		waitFor(t, time.Second, "the pause's end", func() bool {
			s.call(http.MethodGet, "/v1/recordings/"+recID, nil, &w)
			return w.State == wire.RecordingActive
		})
		if late := w.Gaps[0].Till.Sub(*lastDeadline(s, recID)); late < -20*time.Millisecond || late > 100*time.Millisecond {
			t.Errorf("resumed %v after the deadline, want at most 100 ms", late)
		}
	case "capture":
		time.Sleep(100 * time.Millisecond)
		c.press(digits[11:])
		waitFor(t, 2*time.Second, "the capture's end", func() bool {
			s.call(http.MethodGet, "/v1/captures/"+capture.ID, nil, &capture)
			return capture.State == wire.CaptureComplete
		})
		var got wire.CaptureDigits
		post("/v1/captures/"+capture.ID+"/take", nil, &got, http.StatusOK)
		if got.Digits != digits {
			t.Errorf("captured %d digits, want the %d that were keyed", len(got.Digits), len(digits))
		}
		post("/v1/captures/"+capture.ID+"/take", nil, nil, http.StatusConflict)
	default:
		post("/v1/recordings/"+recID+"/resume", nil, &w, http.StatusOK)
	}
	time.Sleep(time.Second)
	look.take(parties...)
	if len(look.windows) < 100 {
		t.Fatalf("only %d byte runs to look for", len(look.windows))
	}
	for _, f := range look.memory(t, s.cmd.Process.Pid) {
		t.Errorf("a second after the pause, in memory: %s", f)
	}
	time.Sleep(200 * time.Millisecond)
	post("/v1/calls/"+callID+"/end", nil, nil, http.StatusNoContent)
	waitFor(t, 20*time.Second, "the recording in the archives", func() bool {
		s.call(http.MethodGet, "/v1/recordings/"+recID, nil, &w)
		return w.State == wire.RecordingStored
	})
	for _, p := range parties {
		p.close()
	}
	nowhere(t, s, look, store.fetch(t), recID, w)
}

// lastDeadline is the deadline of the last pause, as the event told it.
func lastDeadline(s *server, recID string) *time.Time {
	s.t.Helper()
	var till *time.Time
	for _, e := range s.events("recording.paused") {
		var w wire.Recording
		decode(s.t, e.Data, &w)
		if w.ID == recID {
			till = w.PausedTill
		}
	}
	return till
}

// nowhere looks for the secrets in everything the server has written and said, and listens to the tracks.
func nowhere(t *testing.T, s *server, look *secrets, stored map[string][]byte, recID string, w wire.Recording) {
	t.Helper()
	all := s.everything()
	for name, b := range stored {
		all["object "+name] = b
	}
	s.seen.mu.Lock()
	events, err := json.Marshal(s.seen.list)
	s.seen.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	all["the events"] = events
	for name, b := range all {
		if what, i := look.find(b); what != "" {
			t.Errorf("%s in %s at byte %d", what, name, i)
		}
	}
	for _, tr := range w.Tracks {
		voice := decodeTrack(t, find(all, recID, tr.Object))
		level := func(hz float64) float64 {
			most := -200.0
			for at := 0; at+320 <= len(voice); at += 160 {
				most = max(most, testaudio.Level(voice[at:at+320], hz, 8000))
			}
			return most
		}
		if tr.Role == wire.RoleCustomer && level(hzBefore) < -30 {
			t.Errorf("track %s lacks what was said before the pause: %.0f dB", tr.ID, level(hzBefore))
		}
		for _, hz := range []float64{hzSecret, hzSecret + 200} {
			if l := level(hz); l > -45 {
				t.Errorf("track %s holds what was said in the pause: %.0f dB at %.0f Hz", tr.ID, l, hz)
			}
		}
	}
}

// pauseKill kills the server in a pause; what the next one finds has nothing of it, and a pause that is not over
// holds for whatever is recorded of the same call.
func pauseKill(t *testing.T) {
	t.Helper()
	s := newServer(t, "").start()
	c, a, recID := recordedRoom(t, s)
	digits := randomDigits(12)
	look := &secrets{digits: []string{digits}}
	var w wire.Recording
	if st := s.call(http.MethodPost, "/v1/recordings/"+recID+"/pause", wire.PauseRequest{MaxSeconds: 60}, &w); st != http.StatusOK {
		t.Fatalf("pause: %d", st)
	}
	c.say(hzSecret, true)
	time.Sleep(250 * time.Millisecond)
	a.hear(true)
	c.press(digits)
	time.Sleep(200*time.Millisecond + rand.N(1500*time.Millisecond))
	_ = s.cmd.Process.Kill()
	<-s.exited
	c.close()
	a.close()
	look.take(c, a)
	s.start()
	waitFor(t, 20*time.Second, "the recovered recording", func() bool {
		s.call(http.MethodGet, "/v1/recordings/"+recID, nil, &w)
		return w.State == wire.RecordingStored
	})
	if !w.Recovered || len(w.Gaps) != 1 || w.Gaps[0].Cause != "pause" || w.Gaps[0].Resumed != "" {
		t.Errorf("recovered: %+v", w.Gaps)
	}
	nowhere(t, s, look, nil, recID, w)
	for _, f := range look.memory(t, s.cmd.Process.Pid) {
		t.Errorf("in the memory of the next process: %s", f)
	}
}
