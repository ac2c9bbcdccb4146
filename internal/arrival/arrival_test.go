package arrival

import (
	"net"
	"testing"
	"time"
)

// TestAt: a time of the wall clock is brought to the clock of now while it makes sense.
func TestAt(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct{ waited, want time.Duration }{
		"just now":           {0, 0},
		"a tick ago":         {20 * time.Millisecond, 20 * time.Millisecond},
		"in a stall":         {1500 * time.Millisecond, 1500 * time.Millisecond},
		"in a long stall":    {20 * time.Second, 20 * time.Second},
		"while it was read":  {-3 * time.Millisecond, -3 * time.Millisecond},
		"the clock was set":  {time.Hour, 0},
		"the clock was back": {-time.Hour, 0},
	} {
		if got := now.Sub(at(now.UnixNano()-int64(tc.waited), now)); got != tc.want {
			t.Errorf("%s: %v ago, want %v", name, got, tc.want)
		}
	}
}

// TestStamp: a datagram that waited in a socket came when it was sent.
func TestStamp(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := AskConn(raw); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	if _, err := conn.WriteToUDP([]byte("x"), conn.LocalAddr().(*net.UDPAddr)); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	time.Sleep(50 * time.Millisecond)
	var s Stamp
	var b [8]byte
	_, n, _, _, err := conn.ReadMsgUDPAddrPort(b[:], s.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	got := s.Time(n, now)
	if s.Bytes() == nil { // the kernel is not asked here
		if !got.Equal(now) {
			t.Errorf("came %v from now", got.Sub(now))
		}
		return
	}
	if early, late := before.Sub(got), got.Sub(after); early > time.Millisecond || late > time.Millisecond {
		t.Errorf("came %v before it was sent, or %v after", early, late)
	}
	if got := s.Time(n-1, now); !got.Equal(now) {
		t.Error("half a stamp tells a time")
	}
}
