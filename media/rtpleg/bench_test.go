package rtpleg

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

const (
	benchLegs = 200
	benchTime = 3 * time.Second
	benchEnv  = "RTPLEG_BENCH_TARGETS"
)

// speak is the other process of BenchmarkReceive: one packet to each target every 20 ms, spread over the
// 20 ms as parties are.
func speak(targets string) {
	var to []netip.AddrPort
	for _, s := range strings.Split(targets, ",") {
		to = append(to, netip.MustParseAddrPort(s))
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(to[0].Port())})
	if err != nil {
		panic(err)
	}
	to = to[1:]
	pkt := make([]byte, 172)
	pkt[0], pkt[11] = 0x80, 9
	next := time.Now()
	const slots = 20
	for n := 0; ; n++ {
		binary.BigEndian.PutUint16(pkt[2:], uint16(n/slots))
		binary.BigEndian.PutUint32(pkt[4:], uint32(n/slots)*160)
		for i := n % slots; i < len(to); i += slots {
			_, _ = conn.WriteToUDPAddrPort(pkt, to[i])
		}
		next = next.Add(pcm.Period / slots)
		time.Sleep(time.Until(next))
	}
}

func processTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkReceive is what a packet costs from the socket to the jitter buffer, for legs read by the
// package and for legs read in the tick: CPU time of this process, with the parties in another.
func BenchmarkReceive(b *testing.B) {
	for _, polled := range []bool{false, true} {
		name := map[bool]string{false: "woken", true: "polled"}[polled]
		b.Run(name, func(b *testing.B) { benchReceive(b, polled) })
	}
}

// crowd is benchLegs legs that another process speaks to, until stop.
func crowd(b *testing.B, polled bool) (legs []*Leg, stop func()) {
	x := newIntruder(b, netip.AddrPort{})
	party := x.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = x.conn.Close()
	targets := []string{party.String()}
	p := pool(b)
	for range benchLegs {
		l, err := New(Config{Socket: socket(b, p), Session: Session{Codec: media.PCMU, Remote: party}})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = l.Close() })
		l.SetPolled(polled)
		l.Start()
		legs = append(legs, l)
		targets = append(targets, l.Local().String())
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchEnv+"="+strings.Join(targets, ","))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return legs, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func packetsIn(legs []*Leg) (n uint64) {
	for _, l := range legs {
		n += l.Stats().PacketsIn
	}
	return n
}

func benchReceive(b *testing.B, polled bool) {
	legs, stop := crowd(b, polled)
	defer stop()
	var f pcm.Frame
	f.Reset(pcm.Rate8k)
	next := time.Now()
	tick := func() {
		for _, l := range legs {
			l.Poll(next)
			l.ReadFrame(&f)
		}
		next = next.Add(pcm.Period)
		time.Sleep(time.Until(next))
	}
	for range 50 {
		tick()
	}
	for b.Loop() {
		before, cpu, begin := packetsIn(legs), processTime(), time.Now()
		for time.Since(begin) < benchTime {
			tick()
		}
		cpu = processTime() - cpu
		n := packetsIn(legs) - before
		b.ReportMetric(float64(cpu.Nanoseconds())/1000/float64(n), "cpu-us/packet")
		b.ReportMetric(float64(n)/time.Since(begin).Seconds()/benchLegs, "packets/s/leg")
	}
}

// BenchmarkRelay is what a packet costs from the socket of one leg to that of another, with the parties in
// another process and nobody listening: in a room that runs in each tick, and in one that dozes.
func BenchmarkRelay(b *testing.B) {
	b.Run("awake", func(b *testing.B) { benchRelay(b, 1) })
	b.Run("dozing", func(b *testing.B) { benchRelay(b, 10) })
}

func benchRelay(b *testing.B, every int) {
	legs, stop := crowd(b, false)
	defer stop()
	var f pcm.Frame
	f.Reset(pcm.Rate8k)
	next := time.Now()
	tick, standing := uint64(0), false
	beat := func() {
		tick++
		for i, l := range legs {
			if standing && (int(tick)+i/2)%every != 0 {
				continue
			}
			for k := every - 1; standing && k > 0; k-- {
				l.SkipPast(time.Duration(k) * pcm.Period)
			}
			l.Skip()
			l.WriteFrame(media.OutFrame{Tick: tick})
		}
		next = next.Add(pcm.Period)
		time.Sleep(time.Until(next))
	}
	for range 50 {
		beat()
	}
	stands := make([]bool, len(legs))
	for begun := 0; begun < len(legs); beat() {
		for i, l := range legs {
			if !stands[i] && l.Relay(tick+1, legs[i^1]) {
				stands[i] = true
				begun++
			}
		}
	}
	standing = true
	for b.Loop() {
		before, cpu, begin := packetsIn(legs), processTime(), time.Now()
		for time.Since(begin) < benchTime {
			beat()
		}
		cpu = processTime() - cpu
		n := packetsIn(legs) - before
		b.ReportMetric(float64(cpu.Nanoseconds())/1000/float64(n), "cpu-us/packet")
		b.ReportMetric(float64(n)/time.Since(begin).Seconds()/benchLegs, "packets/s/leg")
	}
}

// BenchmarkSend is what one packet costs to send to a port that is read by nobody.
func BenchmarkSend(b *testing.B) {
	x := newIntruder(b, netip.AddrPort{})
	a, _ := pair(b, func(a, _ *Config) { a.Remote = x.conn.LocalAddr().(*net.UDPAddr).AddrPort() })
	pkt := make([]byte, 172)
	b.ReportAllocs()
	for b.Loop() {
		a.send(pkt)
	}
}
