package siptrunk

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

const infoText = "INFO sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK1\r\nFrom: <sip:b@127.0.0.1>;tag=b\r\n" +
	"To: <sip:a@127.0.0.1>;tag=a\r\nCall-ID: c\r\nCSeq: 2 INFO\r\nContent-Type: application/dtmf-relay\r\nContent-Length: 24\r\n\r\nSignal=7\r\nDuration=160\r\n"

func TestDigit(t *testing.T) {
	for _, tc := range []struct {
		kind, body string
		status     int
		key        byte
		held       time.Duration
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=250", sip.StatusOK, '5', 250 * time.Millisecond},
		{"application/dtmf-relay", "signal = * \nDuration = 80\n", sip.StatusOK, '*', 80 * time.Millisecond},
		{"application/dtmf-relay", "Signal=5", sip.StatusOK, '5', 160 * time.Millisecond},
		{"application/dtmf-relay", "Signal=11\r\nDuration=99999999", sip.StatusOK, '#', 160 * time.Millisecond},
		{"application/dtmf-relay", "Signal=10\r\nDuration=x", sip.StatusOK, '*', 160 * time.Millisecond},
		{"application/dtmf-relay", "Signal=d", sip.StatusOK, 'D', 160 * time.Millisecond},
		{"application/dtmf", " 7\r\n", sip.StatusOK, '7', 160 * time.Millisecond},
		{"application/dtmf", "12", sip.StatusBadRequest, 0, 0},
		{"application/dtmf", "e", sip.StatusBadRequest, 0, 0},
		{"application/dtmf-relay", "Duration=160", sip.StatusBadRequest, 0, 0},
		{"application/dtmf-relay", "Signal=", sip.StatusBadRequest, 0, 0},
		{"text/plain", "7", sip.StatusUnsupportedMediaType, 0, 0},
	} {
		e, status := digit(tc.kind, []byte(tc.body))
		if status != tc.status || status == sip.StatusOK && (e.Digit != tc.key || e.Duration != tc.held) {
			t.Errorf("%s %q: %d %q for %v, want %d %q for %v", tc.kind, tc.body, status, e.Digit, e.Duration, tc.status, tc.key, tc.held)
		}
	}
}

func FuzzDigit(f *testing.F) {
	f.Add("application/dtmf-relay", []byte("Signal=5\r\nDuration=250"))
	f.Add("application/dtmf", []byte("*"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		e, status := digit(kind, body)
		if status == sip.StatusOK && (!strings.ContainsRune("0123456789*#ABCD", rune(e.Digit)) || e.Duration <= 0 || e.Duration > 10*time.Second) {
			t.Errorf("%s %q: key %q for %v", kind, body, e.Digit, e.Duration)
		}
	})
}

// TestWashed: what the library reads into does not keep what it has read, and what looks at a stream before it keeps
// nothing either.
func TestWashed(t *testing.T) {
	in, out := net.Pipe()
	defer in.Close()
	defer out.Close()
	go func() {
		_, _ = out.Write([]byte(infoText))
		_, _ = out.Write([]byte("\r\n\r\n"))
	}()
	s := &Server{parser: sip.NewParser()}
	c := &guardedConn{Conn: in, parse: s.newStreamParser(), idle: true}
	b := make([]byte, 2048)
	n, err := c.Read(b)
	if err != nil || string(b[:n]) != infoText {
		t.Fatalf("read %q, %v", b[:n], err)
	}
	if _, err := c.Read(b); err != nil || bytes.Contains(b, []byte("Signal")) {
		t.Errorf("the buffer of a stream still holds the key, %v", err)
	}

	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &washedPackets{PacketConn: conn}
	defer w.Close()
	for _, text := range []string{infoText, "\r\n"} {
		if _, err := conn.WriteTo([]byte(text), conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		n, _, err := w.ReadFrom(b)
		if err != nil || string(b[:n]) != text {
			t.Fatalf("read %q, %v", b[:n], err)
		}
	}
	if bytes.Contains(b, []byte("Signal")) {
		t.Error("the buffer of datagrams still holds the key")
	}
}
