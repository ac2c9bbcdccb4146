package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cordboard/cordboard/media/codec/g711"
)

// sippPhone is a running sipp that calls a number and then does what a scenario says, a step each time it is told to.
// It speaks G.711 from files.
type sippPhone struct {
	t      *testing.T
	dir    string
	port   int
	callID string
	cued   int
	scene  strings.Builder
	seq    int
	log    *logBuffer
	cmd    *exec.Cmd
}

func newSippPhone(t *testing.T) *sippPhone {
	t.Helper()
	p := &sippPhone{t: t, dir: t.TempDir(), port: freePort(t), seq: 1, log: &logBuffer{}}
	p.callID = fmt.Sprintf("sipp-%d@127.0.0.1", p.port)
	return p
}

// awaits ends a step of the scenario: it goes on when the test says cue.
func (p *sippPhone) awaits() *sippPhone {
	p.scene.WriteString("  <recv request=\"MESSAGE\"/>\n")
	return p
}

// plays has the next step begin with samples at 8 kHz, and then silence, or with loop the same again for ever. It
// returns them as they are sent.
func (p *sippPhone) plays(name string, samples []int16, loop bool) []byte {
	p.t.Helper()
	law := make([]byte, len(samples))
	g711.EncodeMu(law, samples)
	if err := os.WriteFile(filepath.Join(p.dir, name), law, 0o600); err != nil {
		p.t.Fatal(err)
	}
	times := 1
	if loop {
		times = -1
	}
	fmt.Fprintf(&p.scene, "  <nop><action><exec rtp_stream=\"%s,%d,0\"/></action></nop>\n", filepath.Join(p.dir, name), times)
	return law
}

// sends adds a request of the dialog with a body.
func (p *sippPhone) sends(method, kind, body string) {
	p.seq++
	fmt.Fprintf(&p.scene, sippRequest, method, p.seq, method, kind, body)
}

// calls dials a number and runs the scenario until the server hangs up.
func (p *sippPhone) calls(s *server, number string, events bool) {
	p.t.Helper()
	formats, more := "0", ""
	if events {
		formats, more = "0 101", "a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n"
	}
	file := filepath.Join(p.dir, "scene.xml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(sippScene, formats, more, p.scene.String())), 0o600); err != nil {
		p.t.Fatal(err)
	}
	lo, _ := nextRTP()
	p.cmd = exec.Command("sipp", "-sf", file, "-t", "u1", "-m", "1", "-nostdin", "-i", "127.0.0.1", "-mi", "127.0.0.1",
		"-p", fmt.Sprint(p.port), "-mp", fmt.Sprint(lo), "-cid_str", p.callID, "-s", number,
		"-timeout", "120s", "-trace_err", fmt.Sprintf("127.0.0.1:%d", s.sip))
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.log, p.log
	p.cmd.Env = append(os.Environ(), "TERM=dumb")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start sipp (package sip-tester): %v", err)
	}
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if p.t.Failed() {
			errs, _ := filepath.Glob(filepath.Join(p.dir, "*_errors.log"))
			for _, f := range errs {
				b, _ := os.ReadFile(f)
				p.t.Logf("sipp: %s", tail(string(b), 3000))
			}
			p.t.Logf("sipp:\n%s", tail(p.log.String(), 3000))
		}
	})
}

// cue has the telephone go on with the next step of its scenario.
func (p *sippPhone) cue() {
	p.t.Helper()
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", p.port))
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	p.cued++
	if _, err := fmt.Fprintf(conn, "MESSAGE sip:phone@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKcue%d\r\n"+
		"From: <sip:test@127.0.0.1>;tag=cue\r\nTo: <sip:phone@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: %d MESSAGE\r\nContent-Length: 0\r\n\r\n", p.cued, p.callID, p.cued); err != nil {
		p.t.Fatal(err)
	}
}

// keyTones are keys as an old telephone says them, 80 ms each with 80 ms between, with a little noise so that no two
// are alike.
func keyTones(keys string) []int16 {
	const pad = "123A456B789C*0#D"
	lows, highs := [4]float64{697, 770, 852, 941}, [4]float64{1209, 1336, 1477, 1633}
	var all []int16
	for _, key := range []byte(keys) {
		i := strings.IndexByte(pad, key)
		for n := range 1280 {
			x := float64(rand.IntN(100) - 50)
			if n < 640 {
				at := 2 * math.Pi * float64(n) / 8000
				x += 4000*math.Sin(lows[i/4]*at) + 4000*math.Sin(highs[i%4]*at)
			}
			all = append(all, int16(x))
		}
	}
	return all
}

// steady is a tone with a little noise, at 8 kHz, 26 dB below full scale: keys that are played beside it are heard.
func steady(hz, seconds float64) []int16 {
	all := make([]int16, int(seconds*8000)/160*160)
	for n := range all {
		all[n] = int16(1600*math.Sin(2*math.Pi*hz*float64(n)/8000)) + int16(rand.IntN(300)-150)
	}
	return all
}

// sippRequest takes: method, sequence number, method, content type, body.
const sippRequest = `  <send retrans="500">
    <![CDATA[
%s [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: "Caller" <sip:4930123456@[local_ip]:[local_port]>;tag=[pid]s[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: %d %s
Contact: <sip:4930123456@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Content-Type: %s
Content-Length: [len]

%s
    ]]>
  </send>
  <recv response="200"/>
`

// sippScene takes: formats, attributes of more of them, steps.
const sippScene = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="telephone">
  <send retrans="500">
    <![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "Caller" <sip:4930123456@[local_ip]:[local_port]>;tag=[pid]s[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:4930123456@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP %s
a=rtpmap:0 PCMU/8000
%sa=ptime:20
a=sendrecv
    ]]>
  </send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rrs="true"/>
  <send>
    <![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: "Caller" <sip:4930123456@[local_ip]:[local_port]>;tag=[pid]s[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Contact: <sip:4930123456@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Content-Length: 0

    ]]>
  </send>
%s  <recv request="BYE"/>
  <send>
    <![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

    ]]>
  </send>
</scenario>
`
