//go:build !race

package webrtcleg_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/webrtcleg"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// browsersEnv makes the test binary a crowd of browsers: they must not be counted with the legs.
const browsersEnv = "WEBRTCLEG_BROWSERS"

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(browsersEnv)); err == nil {
		crowd(n)
		return
	}
	os.Exit(m.Run())
}

// crowd offers n browsers on standard output, takes their answers on standard input, and lets each send a
// packet every 20 ms until standard input ends.
func crowd(n int) {
	t := new(testing.T)
	keepalive = 2 * time.Second // as real ones do
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	var all []*browser
	for range n {
		b := newBrowser(t, false)
		offer, _ := json.Marshal(b.offer(nil))
		fmt.Println(string(offer))
		var answer string
		if !in.Scan() || json.Unmarshal(in.Bytes(), &answer) != nil {
			return
		}
		b.accept(answer)
		for b.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
			time.Sleep(time.Millisecond)
		}
		all = append(all, b)
	}
	over := make(chan struct{})
	go func() {
		for in.Scan() {
		}
		close(over)
	}()
	payload := make([]byte, 80)
	payload[0] = 0xf8 // CELT, 20 ms
	tick := time.NewTicker(20 * time.Millisecond)
	for i := 0; ; i++ {
		select {
		case <-over:
			fmt.Println("over")
			return
		case <-tick.C:
		}
		for _, b := range all {
			_ = b.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i * 960)}, Payload: payload})
		}
	}
}

// usage is what this process has used.
type usage struct {
	rss, heap, stacks, mallocs uint64
	cpu                        time.Duration
	goroutines                 int
}

func used() usage {
	debug.FreeOSMemory() // what is left is in use
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{heap: m.HeapAlloc, stacks: m.StackInuse, mallocs: m.Mallocs, goroutines: runtime.NumGoroutine()}
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	u.cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseUint(strings.Fields(v)[0], 10, 64)
			u.rss = kb << 10
		}
	}
	return u
}

// TestCost measures what a leg costs, with its browsers in another process.
func TestCost(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for several seconds")
	}
	const n = 40
	a := newAPI(t, webrtcleg.Config{TCPPort: -1})
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), browsersEnv+"="+strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	var legs []*webrtcleg.Leg
	add := func() {
		t.Helper()
		var offer string
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &offer) != nil {
			t.Fatal("the browsers are gone")
		}
		leg, answer, err := a.NewLeg(t.Context(), offer, webrtcleg.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(answer)
		fmt.Fprintln(in, string(b))
		wait(t, leg, media.EventConnected, 5*time.Second)
		legs = append(legs, leg)
	}
	payload := make([]byte, 80)
	payload[0] = 0xf8
	tick := uint64(0)
	run := func(d time.Duration, hear bool) {
		next := time.Now()
		var f pcm.Frame
		for until := next.Add(d); time.Now().Before(until); {
			for _, l := range legs {
				if s, ok := any(l).(media.Skipper); ok && !hear {
					s.Skip()
				} else {
					f.SetRate(pcm.Rate48k)
					l.ReadFrame(&f)
				}
				l.WriteFrame(media.OutFrame{Payload: payload, Tick: tick, Level: 30})
			}
			tick++
			next = next.Add(pcm.Period)
			time.Sleep(time.Until(next))
		}
	}
	for range 8 { // what the first legs bring is the process's
		add()
	}
	run(200*time.Millisecond, true)
	before := used()
	for len(legs) < n {
		add()
	}
	run(time.Second, true)
	after := used()
	per := func(a, b uint64) float64 { return (float64(a) - float64(b)) / (n - 8) / 1024 }
	run(time.Second, false)
	first := used()
	packets := func() (p uint64) {
		for _, l := range legs {
			s := l.Stats()
			p += s.PacketsIn + s.PacketsOut
		}
		return p
	}
	p0 := packets()
	run(4*time.Second, false)
	last := used()
	p := float64(packets() - p0)
	if p < 0.8*4*50*2*n {
		t.Skipf("the machine is too busy to measure: %.0f packets in 4 s", p)
	}
	allocs := float64(last.mallocs-first.mallocs) / p
	rss := per(after.rss, before.rss)
	t.Logf("a leg: %.1f goroutines, RSS %.0f kB, heap %.0f kB, stacks %.0f kB; a packet: %.2f allocations, %.1f us",
		float64(after.goroutines-before.goroutines)/(n-8), rss, per(after.heap, before.heap), per(after.stacks, before.stacks),
		allocs, float64((last.cpu-first.cpu).Microseconds())/p)
	if allocs > 0.2 {
		t.Errorf("%.2f allocations per packet", allocs)
	}
	if rss > 400 {
		t.Errorf("a leg takes %.0f kB", rss)
	}
}
