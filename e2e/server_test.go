package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the cordboard program under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cordboard-e2e")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "cordboard")
	build := exec.Command("go", "build", "-tags=nolibopusfile", "-buildvcs=false", "-o", binary, "../cmd/cordboard")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic("build cordboard: " + err.Error())
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// server is one running cordboard process.
type server struct {
	t      *testing.T
	dir    string
	http   string // base URL
	sip    int    // SIP port, UDP and TCP
	rtc    int
	cmd    *exec.Cmd
	log    *logBuffer
	config string
	admin  string // a token with every grant
	exited chan struct{}
	seen   *eventLog
}

// logBuffer keeps what the process prints.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// given are the ports that freePort has handed out in this run.
var given sync.Map

// freePort finds a port that is free for UDP and TCP, with a neighbour above it that is free too and that nobody
// else here is given: baresip takes it for TLS, wanted or not.
func freePort(t *testing.T) int {
	t.Helper()
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, errU := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		n, errN := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		_ = l.Close()
		if errU == nil {
			_ = u.Close()
		}
		if errN == nil {
			_ = n.Close()
		}
		if errU != nil || errN != nil {
			continue
		}
		_, below := given.Load(port - 1)
		_, above := given.Load(port + 1)
		if _, taken := given.LoadOrStore(port, true); !taken && !below && !above {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// rtpBase hands each server of a test run its own range of RTP ports, below the ephemeral range.
var rtpBase = struct {
	sync.Mutex
	next int
}{next: 10000}

func nextRTP() (int, int) {
	rtpBase.Lock()
	defer rtpBase.Unlock()
	lo := rtpBase.next
	rtpBase.next += 400
	return lo, lo + 398
}

// newServer writes a configuration for a server of its own; extra is appended to it.
func newServer(t *testing.T, extra string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), sip: freePort(t), rtc: freePort(t), log: &logBuffer{}}
	port := freePort(t)
	s.http = fmt.Sprintf("http://127.0.0.1:%d", port)
	lo, hi := nextRTP()
	s.config = filepath.Join(s.dir, "cordboard.toml")
	text := fmt.Sprintf(baseConfig, s.dir, port, s.sip, lo, hi, s.rtc) + extra
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs the server and waits until it is healthy. It is stopped when the test ends.
func (s *server) start() *server {
	t := s.t
	t.Helper()
	s.cmd = exec.Command(binary, "serve", "--config", s.config)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.exited = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(s.cmd, s.exited)
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("server log:\n%s", tail(s.log.String(), 12000))
		}
	})
	waitFor(t, 20*time.Second, "server healthy", func() bool {
		select {
		case <-s.exited:
			t.Fatalf("server exited:\n%s", s.log.String())
		default:
		}
		resp, err := http.Get(s.http + "/healthz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	s.admin = s.token("--grant", "admin:*")
	s.follow()
	return s
}

// stop ends the server as an operator would and waits for it.
func (s *server) stop() {
	select {
	case <-s.exited:
		return
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(15 * time.Second):
		s.t.Errorf("server did not stop within 15 s of SIGTERM")
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
}

// token mints a token with the command an operator would use.
func (s *server) token(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(binary, append([]string{"token", "--config", s.config}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("cordboard token: %v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// call makes an API request with the admin token and decodes the answer into out.
func (s *server) call(method, path string, body, out any) int {
	s.t.Helper()
	status, err := s.request(s.admin, method, path, body, out)
	if err != nil {
		s.t.Fatal(err)
	}
	return status
}

func (s *server) request(token, method, path string, body, out any) (int, error) {
	var rd io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		rd = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.http+path, rd)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = b
		return resp.StatusCode, nil
	}
	if out != nil && len(b) > 0 {
		if err := json.Unmarshal(b, out); err != nil {
			return 0, fmt.Errorf("%s %s: %d %s: %w", method, path, resp.StatusCode, b, err)
		}
	}
	return resp.StatusCode, nil
}

// waitFor polls until ok, and fails the test when that takes longer than limit.
func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within %v", what, limit)
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
