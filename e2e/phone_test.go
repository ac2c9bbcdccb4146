package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// phone is a running baresip: a real SIP user agent whose microphone is a file and whose ear is another.
type phone struct {
	t    *testing.T
	dir  string
	port int
	ctl  net.Conn
	cmd  *exec.Cmd
	log  *logBuffer

	mu     sync.Mutex
	events []phoneEvent
}

type phoneEvent struct {
	Event bool   `json:"event"`
	Type  string `json:"type"`
	Param string `json:"param"`
	At    time.Time
}

type phoneOpts struct {
	user  string
	wav   string // 16 bit, mono (stereo for Opus), at the codec's rate; the call ends when it ends
	codec string // "PCMU/8000/1", "G722/16000/1", "opus/48000/2"
	rings bool   // until it is told to answer
}

// newPhone starts a baresip on free ports.
func newPhone(t *testing.T, o phoneOpts) *phone {
	t.Helper()
	p := &phone{t: t, dir: t.TempDir(), port: freePort(t), log: &logBuffer{}}
	ctl := freePort(t)
	rate, channels := "8000", "1"
	switch {
	case strings.HasPrefix(o.codec, "G722"):
		rate = "16000"
	case strings.HasPrefix(o.codec, "opus"):
		rate, channels = "48000", "2"
	}
	lo, hi := nextRTP()
	config := fmt.Sprintf(baresipConfig, p.port, o.wav, rate, rate, channels, channels, lo, hi, ctl, p.dir)
	answer := "auto"
	if o.rings {
		answer = "manual"
	}
	account := fmt.Sprintf("<sip:%s@127.0.0.1:%d>;regint=0;answermode=%s;ptime=20;audio_codecs=%s\n", o.user, p.port, answer, o.codec)
	for name, text := range map[string]string{"config": config, "accounts": account, "contacts": ""} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(p.dir, "snd"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command("baresip", "-f", p.dir, "-t", "300")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start baresip (package baresip-core): %v", err)
	}
	t.Cleanup(func() {
		p.quit()
		if t.Failed() {
			t.Logf("baresip %s:\n%s", o.user, tail(p.log.String(), 3000))
		}
	})
	waitFor(t, 10*time.Second, "baresip control port", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ctl))
		p.ctl = c
		return err == nil
	})
	go p.listen()
	return p
}

// listen reads netstrings with events until the connection ends.
func (p *phone) listen() {
	r := bufio.NewReader(p.ctl)
	for {
		var n int
		if _, err := fmt.Fscanf(r, "%d:", &n); err != nil {
			return
		}
		b := make([]byte, n+1) // and the comma
		for at := 0; at < len(b); {
			k, err := r.Read(b[at:])
			if err != nil {
				return
			}
			at += k
		}
		var e phoneEvent
		if json.Unmarshal(b[:n], &e) == nil && e.Event {
			e.At = time.Now()
			p.mu.Lock()
			p.events = append(p.events, e)
			p.mu.Unlock()
		}
	}
}

// command sends a baresip command: dial, hold, resume, sndcode, hangup, quit.
func (p *phone) command(name, params string) {
	p.t.Helper()
	j, err := json.Marshal(map[string]string{"command": name, "params": params, "token": "t"})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.ctl, "%d:%s,", len(j), j); err != nil && name != "quit" {
		p.t.Fatalf("baresip %s: %v", name, err)
	}
}

func (p *phone) dial(s *server, number, transport string) {
	p.t.Helper()
	p.command("dial", fmt.Sprintf("sip:%s@127.0.0.1:%d;transport=%s", number, s.sip, transport))
}

// seen tells how often an event of this type has come.
func (p *phone) seen(typ string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

// last is the last event of this type.
func (p *phone) last(typ string) phoneEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.events) - 1; i >= 0; i-- {
		if p.events[i].Type == typ {
			return p.events[i]
		}
	}
	return phoneEvent{}
}

func (p *phone) wait(typ string, limit time.Duration) {
	p.t.Helper()
	waitFor(p.t, limit, "baresip event "+typ, func() bool { return p.seen(typ) > 0 })
}

func (p *phone) quit() {
	if p.cmd.ProcessState != nil {
		return
	}
	if p.ctl != nil {
		p.command("quit", "")
	}
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		_ = p.cmd.Process.Kill()
		<-done
	}
	if p.ctl != nil {
		_ = p.ctl.Close()
	}
}

// heard is the file of what this phone received, complete once it has quit.
func (p *phone) heard() string {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "snd", "*-dec.wav"))
	if err != nil || len(files) == 0 {
		p.t.Fatalf("baresip recorded nothing (%v)", err)
	}
	return files[len(files)-1]
}

const baresipConfig = `poll_method epoll
sip_listen 127.0.0.1:%d
sip_transports udp,tcp
audio_path /usr/share/baresip
audio_source aufile,%s
audio_player aufile,/dev/null
audio_alert aufile,/dev/null
audio_txmode thread
ausrc_srate %s
auplay_srate %s
ausrc_channels %s
auplay_channels %s
rtp_ports %d-%d
jitter_buffer_type fixed
jitter_buffer_delay 2-10
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module opus.so
module aufile.so
module sndfile.so
module uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:%d
snd_path %s/snd
opus_bitrate 32000
opus_application voip
call_max_calls 4
`
