package e2e

import (
	"bytes"
	endian "encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/signaling/wire"
)

// stamped makes Opus packets of a tone that carry, in their padding, when they were sent.
type stamped struct {
	enc   codec.Encoder
	frame pcm.Frame
	at    int
	buf   [codec.MaxPayload]byte
	out   []byte
}

func newStamped(t *testing.T) *stamped {
	t.Helper()
	e, err := codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 1}, pcm.Rate16k)
	if err != nil {
		t.Fatal(err)
	}
	return &stamped{enc: e}
}

const stampSize = 8

// next is a packet of 20 ms (RFC 6716, section 3.2.5: one frame, with padding).
func (s *stamped) next(t *testing.T, now time.Time) []byte {
	t.Helper()
	s.frame.Reset(pcm.Rate16k)
	for i := range s.frame.Samples() {
		s.frame.Samples()[i] = int16(8000 * math.Sin(2*math.Pi*700*float64(s.at)/16000))
		s.at++
	}
	n, err := s.enc.Encode(s.buf[:], &s.frame)
	if err != nil || n < 2 || s.buf[0]&3 != 0 {
		t.Fatalf("encode: %d bytes, %v", n, err)
	}
	s.out = append(s.out[:0], s.buf[0]|3, 0x40|1, stampSize)
	s.out = append(s.out, s.buf[1:n]...)
	s.out = endian.BigEndian.AppendUint64(s.out, uint64(now.UnixNano()))
	return s.out
}

// stamp is when a packet was sent, zero for one that is not ours.
func stamp(p []byte) time.Time {
	if len(p) < 3+stampSize || p[0]&3 != 3 || p[1] != 0x41 || p[2] != stampSize {
		return time.Time{}
	}
	return time.Unix(0, int64(endian.BigEndian.Uint64(p[len(p)-stampSize:])))
}

// talkers send stamped packets to many legs every 20 ms until they are stopped.
type talkers struct {
	conns []*net.UDPConn
	to    []netip.AddrPort
	quit  atomic.Bool
	done  chan struct{}
}

func (k *talkers) leg(t *testing.T) string {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	k.conns = append(k.conns, c)
	return c.LocalAddr().String()
}

func (k *talkers) talk(t *testing.T) {
	voice := newStamped(t)
	defer codec.PutEncoder(voice.enc)
	defer close(k.done)
	pkt := make([]byte, 12, 500)
	next := time.Now()
	for n := 0; !k.quit.Load(); n++ {
		pkt[0], pkt[1] = 0x80, 111
		endian.BigEndian.PutUint16(pkt[2:], uint16(n))
		endian.BigEndian.PutUint32(pkt[4:], uint32(960*n))
		body := voice.next(t, time.Now())
		for i, c := range k.conns {
			endian.BigEndian.PutUint32(pkt[8:], uint32(1000+i))
			_, _ = c.WriteToUDPAddrPort(append(pkt[:12], body...), k.to[i]) // the server may be dead already
		}
		next = next.Add(20 * time.Millisecond)
		time.Sleep(time.Until(next))
	}
}

func (k *talkers) stop() {
	k.quit.Store(true)
	<-k.done
	for _, c := range k.conns {
		_ = c.Close()
	}
}

// speak makes calls of two Opus parties that are recorded, and returns their recordings.
func (s *server) speak(calls int) (*talkers, []string) {
	t := s.t
	t.Helper()
	k := &talkers{done: make(chan struct{})}
	var ids []string
	for range calls {
		var room wire.Room
		if st := s.call(http.MethodPost, "/v1/rooms", map[string]any{}, &room); st != http.StatusCreated {
			t.Fatalf("POST /v1/rooms: %d", st)
		}
		for i := range 2 {
			role := []wire.Role{wire.RoleCustomer, wire.RoleAgent}[i]
			var a wire.LegAnswer
			req := wire.LegRequest{Kind: wire.LegRTP, CallID: room.CallID, Address: k.leg(t), Codec: "opus", PayloadType: 111, Role: role}
			if st := s.call(http.MethodPost, "/v1/legs", req, &a); st != http.StatusCreated {
				t.Fatalf("POST /v1/legs: %d", st)
			}
			to, err := netip.ParseAddrPort(a.Address)
			if err != nil {
				t.Fatal(err)
			}
			k.to = append(k.to, to)
		}
		var w wire.Recording
		if st := s.call(http.MethodPost, "/v1/calls/"+room.CallID+"/recordings", nil, &w); st != http.StatusCreated {
			t.Fatalf("POST recordings: %d", st)
		}
		ids = append(ids, w.ID)
	}
	go k.talk(t)
	return k, ids
}

// kill ends the process as a power switch does, and tells when.
func (s *server) kill() time.Time {
	at := time.Now()
	_ = s.cmd.Process.Kill()
	<-s.exited
	return at
}

// heard reads a recorded track: when its first and its last packet were sent, and how many there are.
func heard(t *testing.T, path string) (first, last time.Time, n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	packets, err := ogg.NewPackets(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			return first, last, n
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if at := stamp(p); !at.IsZero() {
			if n == 0 {
				first = at
			}
			last, n = at, n+1
		}
	}
}

// TestRecordKilled kills the server in the middle of recorded calls, again and again, and starts it again on
// what is left: at most a second of each track is missing, each recording is told to be recovered once, is
// stored ten seconds after the start at the latest, and verifies. The slow suite does it 200 times with 20
// recordings.
func TestRecordKilled(t *testing.T) {
	kills, calls, bound, live := 2, 4, 2*time.Second, 2*time.Second // a machine that runs all tests at once may be late
	if report.Slow() {
		kills, calls, bound, live = 200, 20, time.Second, 6*time.Second // rooms doze after some four seconds
		if n, err := strconv.Atoi(os.Getenv("FAULT_KILLS")); err == nil {
			kills = n
		}
	}
	t.Setenv("CORDBOARD_HTTP_RATE_LIMIT", "100000")
	t.Setenv("CORDBOARD_HTTP_BURST", "100000")
	t.Setenv("CORDBOARD_LOG_LEVEL", "info")
	t.Setenv("CORDBOARD_MIXER_MAX_BUSY", "1")
	t.Setenv("CORDBOARD_MIXER_MAX_LATE", "1")
	s := newServer(t, "").start()
	var worst, resumed, slowest time.Duration
	unreadable, twice, tracks, short := 0, 0, 0, 0
	for n := range kills {
		k, ids := s.speak(calls)
		time.Sleep(700*time.Millisecond + rand.N(live))
		killed := s.kill()
		k.stop()
		began := time.Now()
		s.start()
		stored := make(map[string]wire.Recording)
		var first time.Duration
		waitFor(t, 30*time.Second, fmt.Sprintf("kill %d: %d recordings stored", n, calls), func() bool {
			for _, e := range s.events("recording.stored") {
				if w, ok := e.Data.(wire.Recording); ok {
					stored[w.ID] = w
				}
			}
			if first == 0 && slices.ContainsFunc(ids, func(id string) bool { return stored[id].ID != "" }) {
				first = time.Since(began)
			}
			for _, id := range ids {
				if stored[id].ID == "" {
					return false
				}
			}
			return true
		})
		resumed, slowest = max(resumed, first), max(slowest, time.Since(began))
		count := make(map[string]int)
		for _, e := range s.events("recording.recovered") {
			if w, ok := e.Data.(wire.Recording); ok {
				count[w.ID]++
			}
		}
		for _, id := range ids {
			w := stored[id]
			if count[id] != 1 || !w.Recovered {
				t.Errorf("kill %d: %s was told to be recovered %d times: %+v", n, id, count[id], w)
				twice++
			}
			dir := filepath.Join(s.dir, "archive", w.Started.UTC().Format("2006/01/02"), id)
			if out, err := exec.Command(binary, "verify", "--config", s.config, dir).CombinedOutput(); err != nil {
				t.Errorf("kill %d: verify: %v %s", n, err, out)
				unreadable++
			}
			if len(w.Tracks) != 2 {
				t.Errorf("kill %d: %d tracks in %s", n, len(w.Tracks), id)
				short++
			}
			for _, tr := range w.Tracks {
				first, last, packets := heard(t, filepath.Join(dir, tr.Object))
				lost := killed.Sub(last)
				if packets == 0 {
					t.Errorf("kill %d: nothing of ours in %s of %s", n, tr.ID, id)
					unreadable++
					continue
				}
				tracks++
				worst = max(worst, lost)
				// What a machine at its limit loses on the way to the server is not the recorder's.
				if want := int(last.Sub(first) / (20 * time.Millisecond)); lost > bound || packets < want/2 {
					t.Errorf("kill %d: %v lost of %s of %s, %d packets of %d", n, lost, tr.ID, id, packets, want)
				}
			}
		}
	}
	report.Keep(t, "kill", fmt.Sprintf("kill -9, %d times with %d live recordings", kills, calls),
		report.Most("audio lost per track at most, s", worst.Seconds(), bound.Seconds()), report.Exactly("unreadable", float64(unreadable), 0),
		report.Exactly("recordings without exactly one recovered event", float64(twice), 0), report.Exactly("recordings with a track missing", float64(short), 0),
		report.Most("uploads resumed, the first stored after the start, s", resumed.Seconds(), 10),
		report.Most("all stored after the start, s", slowest.Seconds(), 10), report.Exactly("tracks", float64(tracks), float64(2*kills*calls)))
}
