package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestBadStart: a configuration that cannot be run is refused at once, in one line that names the fault.
func TestBadStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct{ name, find, replace, want string }{
		{"misspelt key", "[log]", "[log]\nlevl = 'x'", `unknown key "log.levl"; did you mean "level"?`},
		{"syntax", "[http]", "[http", "line "},
		{"bare duration", `shutdown_limit = "1s"`, "shutdown_limit = 1", `shutdown_limit: want a duration with its unit in quotes`},
		{"queue that is not there", `queue = "service" }]`, `queue = "servicce" }]`, `servicce`},
		{"HTTP port taken", "[http]\nlisten = ", "[http]\nlisten = \"" + taken.Addr().String() + "\"\n#", "address already in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, "")
			text, err := os.ReadFile(s.config)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(text, []byte(c.find)) {
				t.Fatalf("the base configuration has no %q", c.find)
			}
			if err := os.WriteFile(s.config, bytes.Replace(text, []byte(c.find), []byte(c.replace), 1), 0o600); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			out, err := exec.Command(binary, "serve", "--config", s.config).CombinedOutput()
			if err == nil {
				t.Fatal("the server ran")
			}
			said := strings.TrimSpace(string(out))
			if !strings.Contains(said, c.want) || strings.Count(said, "\n") > 0 {
				t.Errorf("said %q, want one line with %q", said, c.want)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v to say so", took)
			}
		})
	}
}

// TestBadArchive: a missing bucket or wrong keys are told once, clearly, and calls are recorded all the same.
func TestBadArchive(t *testing.T) {
	store := newObjectStore(t)
	for _, c := range []struct{ name, config, want string }{
		{"missing bucket", strings.Replace(store.config(), `"recordings"`, `"nowhere"`, 1), "nowhere"},
		{"wrong keys", strings.Replace(store.config(), storeSecret, "wrong", 1), "key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, c.config).start()
			waitFor(t, 10*time.Second, "the log to name the fault", func() bool {
				for _, line := range strings.Split(s.log.String(), "\n") {
					if strings.Contains(line, "archive not usable") && strings.Contains(strings.ToLower(line), c.want) {
						return true
					}
				}
				return false
			})
			var call wire.Call
			var room wire.Room
			if st := s.call(http.MethodPost, "/v1/rooms", map[string]any{}, &room); st != http.StatusCreated {
				t.Fatalf("rooms: %d", st)
			}
			p, _, _ := newPeer(t, s, room.CallID, 800)
			var rec wire.Recording
			if st := s.call(http.MethodPost, "/v1/calls/"+room.CallID+"/recordings", map[string]any{}, &rec); st/100 != 2 {
				t.Fatalf("record: %d", st)
			}
			time.Sleep(1500 * time.Millisecond)
			s.call(http.MethodPost, "/v1/calls/"+room.CallID+"/end", map[string]any{}, &call)
			p.close()
			waitFor(t, 10*time.Second, "the track in the spool or the folder", func() bool {
				for name, b := range readTree(t, s.dir) {
					if (strings.HasSuffix(name, ".ogg") || strings.HasSuffix(name, ".wav")) && len(b) > 1000 {
						return true
					}
				}
				return false
			})
		})
	}
}

// TestBadInput throws what a careless or hostile outside may send at a server with a call on it. Each gets
// one clear answer, and the call goes on undisturbed.
func TestBadInput(t *testing.T) {
	s := newServer(t, "").start()
	p := newPhone(t, phoneOpts{user: "caller", wav: toneFile(t, 600, 8000, 1, 60), codec: "PCMU/8000/1"})
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10))
	d.ready()
	p.dial(s, "1000", "udp")
	d.see("ring", 5*time.Second)
	d.click("accept")
	d.see("call-card", 5*time.Second)
	time.Sleep(500 * time.Millisecond)

	t.Run("unknown number", func(t *testing.T) {
		q := newPhone(t, phoneOpts{user: "lost", wav: toneFile(t, 500, 8000, 1, 10), codec: "PCMU/8000/1"})
		q.dial(s, "666", "udp")
		q.wait("CALL_CLOSED", 5*time.Second)
		if why := q.last("CALL_CLOSED").Param; !strings.Contains(why, "404") {
			t.Errorf("closed with %q, want 404", why)
		}
	})
	t.Run("malformed INVITE", func(t *testing.T) {
		for name, m := range map[string]struct{ text, want string }{
			"no CSeq":            {invite(s, "", ""), "400"},
			"two Content-Length": {invite(s, "CSeq: 1 INVITE\r\n", "Content-Length: 5\r\n"), "400"},
			"CSeq of a BYE":      {invite(s, "CSeq: 1 BYE\r\n", ""), "400"},
			"no codec in common": {strings.Replace(invite(s, "CSeq: 1 INVITE\r\n", ""), "RTP/AVP 0", "RTP/AVP 18", 1), "488"},
		} {
			if got := sendUDP(t, s, m.text); !strings.HasPrefix(got, "SIP/2.0 "+m.want) {
				t.Errorf("%s: answered %q, want %s", name, firstLine(got), m.want)
			}
		}
		_ = sendUDP(t, s, "\x00\xff\x00garbage\r\n\r\n") // no answer is due
	})
	t.Run("bad token", func(t *testing.T) {
		for name, token := range map[string]string{"none": "", "garbage": "abc.def.ghi", "other signature": s.admin[:len(s.admin)-6] + "AAAAAA"} {
			var prob struct{ Code, Type, Title string }
			st, err := s.request(token, http.MethodGet, "/v1/calls", nil, &prob)
			if err != nil || st != http.StatusUnauthorized || prob.Code == "" || prob.Title == "" {
				t.Errorf("%s: %d %+v %v, want 401 with a problem", name, st, prob, err)
			}
		}
		var prob struct{ Code, Detail string }
		st, err := s.request(s.token("--agent", "bob"), http.MethodPost, "/v1/rooms", map[string]any{}, &prob)
		if err != nil || st != http.StatusForbidden || prob.Code == "" {
			t.Errorf("an agent making rooms: %d %+v %v, want 403", st, prob, err)
		}
	})
	t.Run("bad bodies", func(t *testing.T) {
		call := s.liveCall()
		for _, c := range []struct {
			path   string
			body   any
			status int
		}{
			{"/v1/legs", map[string]any{"call_id": call.ID, "sdp": "v=0\r\nnonsense"}, 422},
			{"/v1/legs", map[string]any{"call_id": "call_nope", "sdp": "v=0"}, 404},
			{"/v1/recordings/" + call.Recording + "/pause", map[string]any{"max_seconds": -5}, 422},
			{"/v1/recordings/" + call.Recording + "/pause", map[string]any{"max_secs": 5}, 422},
			{"/v1/legs/" + call.Legs[0].ID + "/dtmf", map[string]any{"digits": "12x"}, 422},
		} {
			var prob struct{ Code, Detail string }
			if st := s.call(http.MethodPost, c.path, c.body, &prob); st != c.status && !(c.status == 422 && st == 400) || prob.Code == "" || prob.Detail == "" {
				t.Errorf("POST %s %v: %d %+v, want %d", c.path, c.body, st, prob, c.status)
			}
		}
	})

	d.listen()
	time.Sleep(1500 * time.Millisecond)
	heard := d.take()
	if got := hears(heard, 48000, []float64{600}); len(got) != 1 {
		t.Error("after all that the agent does not hear the caller any more")
	}
	if gaps := testaudio.Gaps(heard[4800:], 50, 48*40); len(gaps) > 0 {
		t.Errorf("gaps in the call: %v", gaps)
	}
	d.click("hangup")
	p.wait("CALL_CLOSED", 5*time.Second)
}

// invite is an INVITE for the known number; cseq and more are header lines.
func invite(s *server, cseq, more string) string {
	sdp := "v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
	id := fmt.Sprint(time.Now().UnixNano())
	return "INVITE sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK" + id + "\r\nMax-Forwards: 70\r\n" +
		"From: <sip:x@127.0.0.1>;tag=" + id + "\r\nTo: <sip:1000@127.0.0.1>\r\nCall-ID: " + id + "\r\n" + cseq +
		"Contact: <sip:x@127.0.0.1>\r\nContent-Type: application/sdp\r\n" + more +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(sdp), sdp)
}

// sendUDP sends a datagram and returns the first final answer, or "".
func sendUDP(t *testing.T, s *server, text string) string {
	t.Helper()
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", s.sip))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65536)
	for end := time.Now().Add(time.Second); ; {
		_ = c.SetReadDeadline(end)
		n, err := c.Read(buf)
		if err != nil {
			return ""
		}
		if !bytes.HasPrefix(buf[:n], []byte("SIP/2.0 1")) {
			return string(buf[:n])
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\r\n")
	return line
}
