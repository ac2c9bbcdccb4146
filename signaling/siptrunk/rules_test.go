package siptrunk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/problem"
)

// phone speaks SIP by hand, for what a well-behaved stack would not send.
type phone struct {
	t    *testing.T
	conn *net.UDPConn
	to   netip.AddrPort
	n    int
}

func newPhone(t *testing.T, s *bench) *phone {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &phone{t: t, conn: c, to: s.Addr("udp")}
}

const offerBody = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

// request builds one; over replaces headers by name ("" drops one) or, as "body", the body.
func (p *phone) request(method, callID string, seq int, over map[string]string) string {
	p.n++
	addr := p.conn.LocalAddr().String()
	h := map[string]string{
		"Via":  fmt.Sprintf("SIP/2.0/UDP %s;branch=z9hG4bK%s%d", addr, callID, p.n),
		"From": "<sip:4930123456@" + addr + ">;tag=f" + callID, "To": "<sip:1000@" + p.to.String() + ">",
		"Call-ID": callID, "CSeq": fmt.Sprintf("%d %s", seq, method), "Contact": "<sip:4930123456@" + addr + ">", "Max-Forwards": "70",
	}
	body := ""
	if method == "INVITE" || method == "UPDATE" {
		body, h["Content-Type"] = offerBody, "application/sdp"
	}
	for k, v := range over {
		if k == "body" {
			body = v
			continue
		}
		h[k] = v
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s sip:1000@%s SIP/2.0\r\n", method, p.to)
	for _, k := range []string{"Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Content-Type", "Require", "X-Extra"} {
		if h[k] != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", k, h[k])
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func (p *phone) send(msg string) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort([]byte(msg), p.to); err != nil {
		p.t.Fatal(err)
	}
}

// receive is the next message that starts with one of the prefixes, skipping others; "" after the limit.
func (p *phone) receive(limit time.Duration, prefixes ...string) string {
	p.t.Helper()
	deadline := time.Now().Add(limit)
	buf := make([]byte, 65536)
	for {
		if err := p.conn.SetReadDeadline(deadline); err != nil {
			p.t.Fatal(err)
		}
		n, err := p.conn.Read(buf)
		if err != nil {
			return ""
		}
		for _, want := range prefixes {
			if strings.HasPrefix(string(buf[:n]), want) {
				return string(buf[:n])
			}
		}
	}
}

func (p *phone) want(prefix string) string {
	p.t.Helper()
	m := p.receive(5*time.Second, prefix)
	if m == "" {
		p.t.Fatalf("no %s", prefix)
	}
	return m
}

func header(msg, name string) string {
	for line := range strings.SplitSeq(msg, "\r\n") {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return v
		}
	}
	return ""
}

// answered brings up a call by hand and gives back the To of its dialog.
func (p *phone) answered(callID string) (to string) {
	p.t.Helper()
	p.send(p.request("INVITE", callID, 1, nil))
	to = header(p.want("SIP/2.0 200"), "To")
	p.send(p.request("ACK", callID, 1, map[string]string{"To": to}))
	return to
}

func (p *phone) bye(callID, to string, seq int) {
	p.t.Helper()
	p.send(p.request("BYE", callID, seq, map[string]string{"To": to}))
	for {
		m := p.want("SIP/2.0 200")
		if strings.HasSuffix(header(m, "CSeq"), "BYE") {
			return
		}
	}
}

// TestOutsideADialog sends what belongs to no call.
func TestOutsideADialog(t *testing.T) {
	s := serve(t, testConfig(local()), answering(t))
	p := newPhone(t, s)
	stray := map[string]string{"To": "<sip:1000@127.0.0.1>;tag=nobody"}
	for _, tc := range []struct{ msg, want string }{
		{p.request("OPTIONS", "o", 1, nil), "SIP/2.0 200"},
		{p.request("BYE", "b", 1, stray), "SIP/2.0 481"},
		{p.request("INVITE", "i", 1, stray), "SIP/2.0 481"},
		{p.request("UPDATE", "u", 1, stray), "SIP/2.0 481"},
		{p.request("INFO", "n", 1, stray), "SIP/2.0 481"},
		{p.request("REFER", "r", 1, stray), "SIP/2.0 481"},
		{p.request("NOTIFY", "y", 1, stray), "SIP/2.0 481"},
		{p.request("CANCEL", "c", 1, nil), "SIP/2.0 481"},
		{p.request("REGISTER", "g", 1, nil), "SIP/2.0 405"},
		{p.request("FROB", "f", 1, nil), "SIP/2.0 501"},
		{p.request("INVITE", "q", 1, map[string]string{"Require": "100rel"}), "SIP/2.0 420"},
		{p.request("INVITE", "z", 1, map[string]string{"Max-Forwards": "0"}), "SIP/2.0 483"},
		{p.request("INVITE", "e", 1, map[string]string{"body": "v=0\r\nnot a description\r\n"}), "SIP/2.0 400"},
		{p.request("INVITE", "l", 1, map[string]string{"body": offerBody + strings.Repeat("a=x\r\n", 600)}), "SIP/2.0 513"},
		{strings.Replace(p.request("OPTIONS", "m", 1, nil), "Content-Length: 0", "Content-Length: -1", 1), "SIP/2.0 400"},
		{"INVITE garbage\r\n", ""},
		{"\x00\x01\x02\x03\x04\x05", ""},
		{p.request("ACK", "a", 1, stray), ""},
	} {
		p.send(tc.msg)
		if tc.want == "" {
			if m := p.receive(100*time.Millisecond, ""); m != "" {
				t.Errorf("%.30q answered with %.60q", tc.msg, m)
			}
			continue
		}
		if m := p.receive(3*time.Second, "SIP/2.0 2", "SIP/2.0 4", "SIP/2.0 5"); !strings.HasPrefix(m, tc.want) {
			t.Errorf("%.30q answered with %.60q, want %s", tc.msg, m, tc.want)
		}
	}
	p.send(p.request("OPTIONS", "still", 1, nil))
	p.want("SIP/2.0 200")
}

// TestNoACK: the 200 is repeated, and when its ACK never comes the call ends with BYE.
func TestNoACK(t *testing.T) {
	h := answering(t)
	s := serve(t, testConfig(local()), h, func(s *Server) {
		s.timers = timers{t1: 20 * time.Millisecond, t2: 80 * time.Millisecond, ack: 300 * time.Millisecond}
	})
	p := newPhone(t, s)
	p.send(p.request("INVITE", "noack", 1, nil))
	for range 3 {
		p.want("SIP/2.0 200")
	}
	bye := p.want("BYE")
	if !strings.Contains(header(bye, "To"), "tag=fnoack") {
		t.Errorf("BYE to %q", header(bye, "To"))
	}
	_, q := h.last()
	q.await(t, "ended")
	if q.cause.Code != call.CauseError || s.media.left() != 0 {
		t.Errorf("cause %+v, %d ports left", q.cause, s.media.left())
	}
}

// TestMerged: the same INVITE by two ways is one call (RFC 3261 section 8.2.2.2).
func TestMerged(t *testing.T) {
	h := answering(t)
	s := serve(t, testConfig(local()), h)
	p := newPhone(t, s)
	p.send(p.request("INVITE", "merged", 1, nil))
	p.want("SIP/2.0 100")
	p.send(p.request("INVITE", "merged", 1, nil))
	p.want("SIP/2.0 482")
	to := header(p.want("SIP/2.0 200"), "To")
	p.send(p.request("ACK", "merged", 1, map[string]string{"To": to}))
	p.bye("merged", to, 2)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.calls) != 1 {
		t.Errorf("%d calls", len(h.calls))
	}
}

// TestOneOfferAtATime: a second offer while the first waits for its ACK gets 500 and Retry-After, one while
// ours is open 491; a request out of order gets 500.
func TestOneOfferAtATime(t *testing.T) {
	s := serve(t, testConfig(local()), answering(t))
	p := newPhone(t, s)
	to := p.answered("glare")
	in := map[string]string{"To": to}
	time.Sleep(50 * time.Millisecond) // until the ACK has been taken
	p.send(p.request("INVITE", "glare", 2, in))
	p.want("SIP/2.0 200")
	p.send(p.request("INVITE", "glare", 3, in))
	if m := p.want("SIP/2.0 500"); header(m, "Retry-After") == "" {
		t.Error("500 without Retry-After")
	}
	p.send(p.request("ACK", "glare", 2, in))
	p.send(p.request("INFO", "glare", 2, in))
	p.want("SIP/2.0 500")
	p.bye("glare", to, 5)

	p.send(p.request("INVITE", "late", 1, map[string]string{"body": "", "Content-Type": ""}))
	to = header(p.want("SIP/2.0 200"), "To")
	p.send(p.request("UPDATE", "late", 2, map[string]string{"To": to}))
	p.want("SIP/2.0 491")
	p.send(p.request("ACK", "late", 1, map[string]string{"To": to, "body": offerBody, "Content-Type": "application/sdp"}))
	time.Sleep(50 * time.Millisecond)
	p.bye("late", to, 3)
}

// TestReferIsDeclined: a telephone that wants to transfer by itself (RFC 3515) is told no, and its call goes on.
func TestReferIsDeclined(t *testing.T) {
	s := serve(t, testConfig(local()), answering(t))
	p := newPhone(t, s)
	to := p.answered("refer")
	p.send(p.request("REFER", "refer", 2, map[string]string{"To": to, "Refer-To": "<sip:2000@127.0.0.1>"}))
	p.want("SIP/2.0 603")
	p.send(p.request("OPTIONS", "refer", 3, map[string]string{"To": to}))
	p.want("SIP/2.0 200")
	p.bye("refer", to, 4)
}

// TestCancelCrossesAnswer: a CANCEL after the 200 changes nothing.
func TestCancelCrossesAnswer(t *testing.T) {
	h := answering(t)
	s := serve(t, testConfig(local()), h)
	p := newPhone(t, s)
	invite := p.request("INVITE", "cross", 1, nil)
	p.send(invite)
	to := header(p.want("SIP/2.0 200"), "To")
	p.send(p.request("CANCEL", "cross", 1, map[string]string{"Via": header(invite, "Via")}))
	for {
		if m := p.want("SIP/2.0 200"); strings.HasSuffix(header(m, "CSeq"), "CANCEL") {
			break
		}
	}
	p.send(p.request("ACK", "cross", 1, map[string]string{"To": to}))
	_, q := h.last()
	q.await(t, "answered")
	p.bye("cross", to, 2)
	q.await(t, "ended")
	if q.cause.Code != call.CauseHangup {
		t.Errorf("cause %+v", q.cause)
	}
}

// TestForeignDialog: somebody who guesses our tag but not the caller's, or not the Call-ID, gets 481.
func TestForeignDialog(t *testing.T) {
	s := serve(t, testConfig(local()), answering(t))
	p := newPhone(t, s)
	to := p.answered("mine")
	p.send(p.request("BYE", "mine", 2, map[string]string{"To": to, "From": "<sip:eve@127.0.0.1>;tag=eve"}))
	p.want("SIP/2.0 481")
	p.send(p.request("BYE", "other", 2, map[string]string{"To": to}))
	p.want("SIP/2.0 481")
	p.bye("mine", to, 3)
}

// TestForkedAnswer: a second 200 from another branch gets ACK and BYE, the first call goes on.
func TestForkedAnswer(t *testing.T) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := serve(t, testConfig(Trunk{Name: "fork", Proxy: c.LocalAddr().String(), Sources: []string{"127.0.0.1"}}), &desk{})
	p := &phone{t: t, conn: c, to: s.Addr("udp")}
	ep, q := dial(t, s, "1000")
	invite := p.want("INVITE")
	answer := func(tag string) string {
		return "SIP/2.0 200 OK\r\nVia: " + header(invite, "Via") + "\r\nFrom: " + header(invite, "From") + "\r\nTo: " + header(invite, "To") + ";tag=" + tag +
			"\r\nCall-ID: " + header(invite, "Call-ID") + "\r\nCSeq: 1 INVITE\r\nContact: <sip:" + tag + "@" + c.LocalAddr().String() +
			">\r\nContent-Type: application/sdp\r\nContent-Length: " + fmt.Sprint(len(offerBody)) + "\r\n\r\n" + offerBody
	}
	ok := func(req string) {
		p.send("SIP/2.0 200 OK\r\nVia: " + header(req, "Via") + "\r\nFrom: " + header(req, "From") + "\r\nTo: " + header(req, "To") +
			"\r\nCall-ID: " + header(req, "Call-ID") + "\r\nCSeq: " + header(req, "CSeq") + "\r\nContent-Length: 0\r\n\r\n")
	}
	p.send(answer("one"))
	if ack := p.want("ACK"); !strings.HasPrefix(ack, "ACK sip:one@") {
		t.Errorf("first ACK %.60q", ack)
	}
	q.await(t, "answered")
	p.send(answer("one")) // repeated: acknowledged again
	if ack := p.want("ACK"); !strings.HasPrefix(ack, "ACK sip:one@") {
		t.Errorf("repeated ACK %.60q", ack)
	}
	p.send(answer("two"))
	if ack := p.want("ACK"); !strings.HasPrefix(ack, "ACK sip:two@") {
		t.Errorf("second ACK %.60q", ack)
	}
	bye := p.want("BYE")
	if !strings.HasPrefix(bye, "BYE sip:two@") {
		t.Errorf("BYE %.60q", bye)
	}
	ok(bye)
	done := make(chan error, 1)
	go func() { done <- ep.Hangup(t.Context(), call.Cause{Code: call.CauseHangup}) }()
	bye = p.want("BYE sip:one@")
	ok(bye)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRingOut: an outbound call nobody answers is cancelled after its time.
func TestRingOut(t *testing.T) {
	h := doing(func(ctx context.Context, in call.Inbound) { _ = in.Endpoint.Ring(ctx) })
	out, _ := pair(t, "udp", h)
	p := newTold()
	if _, err := out.Dial(t.Context(), call.DialRequest{To: "1000", Timeout: 300 * time.Millisecond}, p); err != nil {
		t.Fatal(err)
	}
	p.await(t, "ended")
	_, q := h.last()
	q.await(t, "ended")
	if p.cause.Code != call.CauseNoAnswer || q.cause.Code != call.CauseCancelled {
		t.Errorf("causes %+v, %+v", p.cause, q.cause)
	}
}

// TestShutdown hangs up on everybody and leaves nothing (serve checks), whatever state a call is in.
func TestShutdown(t *testing.T) {
	h := answering(t)
	out, in := pair(t, "udp", h)
	_, p := dial(t, out, "1000")
	p.await(t, "answered")
	_, q := h.last()
	q.await(t, "answered")
	h.wg.Wait()
	h.mu.Lock()
	h.act = func(call.Inbound, *told) error { return nil } // the next one is left ringing
	h.mu.Unlock()
	_, unanswered := dial(t, out, "1001")
	time.Sleep(100 * time.Millisecond)
	in.stop()
	p.await(t, "ended")
	unanswered.await(t, "ended")
	if p.cause.Code != call.CauseHangup || unanswered.cause.SIP != 503 {
		t.Errorf("causes %+v, %+v", p.cause, unanswered.cause)
	}
}

// TestLimits: over the number of calls or out of ports is 503.
func TestLimits(t *testing.T) {
	cfg := testConfig(local())
	cfg.Trunks[0].MaxCalls = 1
	s := serve(t, cfg, answering(t))
	p := newPhone(t, s)
	to := p.answered("one")
	p.send(p.request("INVITE", "two", 1, nil))
	if m := p.want("SIP/2.0 503"); header(m, "Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	p.bye("one", to, 2)
	s.media.mu.Lock()
	s.media.none = true
	s.media.mu.Unlock()
	p.send(p.request("INVITE", "three", 1, nil))
	p.want("SIP/2.0 503")
}

// TestDialRefuses what no request may carry, and trunks that are not there.
func TestDialRefuses(t *testing.T) {
	s := serve(t, testConfig(Trunk{Name: "out", Proxy: "127.0.0.1:9"}, local()), &desk{})
	for _, tc := range []struct {
		req  call.DialRequest
		want string
	}{
		{call.DialRequest{To: "1000\r\nRoute: <sip:e>"}, "invalid_request"},
		{call.DialRequest{To: "sip:1000@h\r\nX: y"}, "invalid_request"},
		{call.DialRequest{To: "sip:1000@h;transport=tcp"}, "invalid_request"},
		{call.DialRequest{To: ""}, "invalid_request"},
		{call.DialRequest{To: "10 00"}, "invalid_request"},
		{call.DialRequest{To: "1000", From: "1\x00"}, "invalid_request"},
		{call.DialRequest{To: "1000", FromName: "a\r\nX: y"}, "invalid_request"},
		{call.DialRequest{To: "1000", Trunk: "none"}, "no_trunk"},
		{call.DialRequest{To: "1000", Trunk: "local"}, "no_trunk"},
	} {
		_, err := s.Dial(t.Context(), tc.req, newTold())
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != tc.want {
			t.Errorf("%+v: %v, want %s", tc.req, err, tc.want)
		}
	}
	s.Drain()
	if _, err := s.Dial(t.Context(), call.DialRequest{To: "1000"}, newTold()); problem.As(err).Status != 503 {
		t.Errorf("draining: %v", err)
	}
}

// TestFlood: a stranger's flood is answered a little, then dropped in silence; the trunk is not touched.
func TestFlood(t *testing.T) {
	cfg := testConfig(Trunk{Name: "elsewhere", Sources: []string{"127.0.0.9"}})
	s := serve(t, cfg, answering(t))
	p := newPhone(t, s)
	for range 200 {
		p.send(p.request("INVITE", "flood", 1, nil))
	}
	answers := 0
	for p.receive(200*time.Millisecond, "SIP/2.0 403") != "" {
		answers++
	}
	if answers == 0 || answers > 3*cfg.StrangerRate || s.Dropped() < 150 {
		t.Errorf("%d answers, %d dropped", answers, s.Dropped())
	}
}

func TestFloodBuckets(t *testing.T) {
	f := newFlood(Config{StrangerRate: 5, StrangersRate: 50, TrunkRate: 1000})
	now := time.Unix(1000, 0)
	taken := func(ip string, known bool, n int) (ok int) {
		for range n {
			if f.allow(netip.MustParseAddr(ip), known, now) {
				ok++
			}
		}
		return ok
	}
	if got := taken("192.0.2.1", false, 100); got != 10 {
		t.Errorf("a stranger's burst: %d", got)
	}
	now = now.Add(time.Second)
	if got := taken("192.0.2.1", false, 100); got != 5 {
		t.Errorf("a stranger's second: %d", got)
	}
	all := 0
	for i := range 250 {
		all += taken(fmt.Sprintf("198.51.100.%d", i), false, 10)
	}
	if all > 100 {
		t.Errorf("all strangers: %d", all)
	}
	if got := taken("192.0.2.200", true, 1500); got != 1500 {
		t.Errorf("a trunk: %d", got)
	}
	for i := range 3 * maxStrangers {
		f.allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), false, now)
	}
	if len(f.sources) > maxStrangers {
		t.Errorf("%d addresses watched", len(f.sources))
	}
	now = now.Add(time.Minute)
	taken("192.0.2.1", false, 1)
	if len(f.sources) != 1 {
		t.Errorf("%d addresses remembered after a minute", len(f.sources))
	}
}

// TestLogMasksNumbers looks through everything logged about a call for its numbers.
func TestLogMasksNumbers(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := answering(t)
	cfg := testConfig(Trunk{Name: "self", Sources: []string{"127.0.0.1"}})
	s := serve(t, cfg, h, func(s *Server) { s.log = log })
	p := newPhone(t, s)
	to := p.answered("masked")
	p.bye("masked", to, 2)
	p.send(p.request("INVITE", "bad", 1, map[string]string{"Max-Forwards": "0"}))
	p.want("SIP/2.0 483")
	_, q := h.last()
	q.await(t, "ended")
	h.wg.Wait()
	s.stop()
	if strings.Contains(out.String(), "4930123456") || !strings.Contains(out.String(), "****3456") {
		t.Errorf("log:\n%s", out.String())
	}
}

func TestConfigValidate(t *testing.T) {
	ok := testConfig(local())
	if err := ok.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*Config){
		"no listener":         func(c *Config) { c.UDP, c.TCP = "", "" },
		"a name to listen on": func(c *Config) { c.UDP = "localhost:5060" },
		"nothing to say":      func(c *Config) { c.UDP = "0.0.0.0:5060" },
		"bad address":         func(c *Config) { c.AdvertisedIP = "here" },
		"ports upside down":   func(c *Config) { c.RTPPortMin, c.RTPPortMax = 20000, 10000 },
		"low ports":           func(c *Config) { c.RTPPortMin = 80 },
		"no timeout":          func(c *Config) { c.RTPTimeout = 0 },
		"no calls":            func(c *Config) { c.MaxCalls = 0 },
		"no rate":             func(c *Config) { c.StrangerRate = 0 },
		"a trunk's name":      func(c *Config) { c.Trunks[0].Name = "My Trunk" },
		"a trunk twice":       func(c *Config) { c.Trunks = append(c.Trunks, local()) },
		"a useless trunk":     func(c *Config) { c.Trunks[0].Sources = nil },
		"a source":            func(c *Config) { c.Trunks[0].Sources = []string{"example.com"} },
		"a proxy":             func(c *Config) { c.Trunks[0].Proxy = "example.com" },
		"a transport":         func(c *Config) { c.Trunks[0].Transport = "sctp" },
		"no such listener":    func(c *Config) { c.TCP, c.Trunks[0].Proxy, c.Trunks[0].Transport = "", "h:1", "tcp" },
		"a codec":             func(c *Config) { c.Trunks[0].Codecs = []string{"G729"} },
		"a codec twice":       func(c *Config) { c.Trunks[0].Codecs = []string{"PCMU", "PCMU"} },
		"a header in a name":  func(c *Config) { c.Trunks[0].Username = "a\r\nb" },
	} {
		c := testConfig(local())
		f(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s: valid", name)
		}
	}
}
