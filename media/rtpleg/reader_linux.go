//go:build linux && !portable

package rtpleg

import (
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reader is how a leg's RTP port is read outside the tick: by one of the loops.
type reader struct {
	loop *loop
	fd   int
}

// wake lets the loop take packets as they come, or leaves them to the tick.
func (r *reader) wake(on bool) {
	e := unix.EpollEvent{Fd: int32(r.fd)}
	if on {
		e.Events = unix.EPOLLIN | edge
	}
	_ = unix.EpollCtl(r.loop.fd, unix.EPOLL_CTL_MOD, r.fd, &e)
}

func (r *reader) wait() {}

// edge is EPOLLET, which is negative in package unix.
const edge = 1 << 31

// loops is all loops of a keeper. Guarded by its lock.
type loops struct{ all []*loop }

// loopsExist says that polling changes something.
const loopsExist = true

// legsPerLoop is how many legs one loop serves before there is another. Until the one is busy most of the
// time, two of them wake twice as often for half as much: 200 legs that hand on cost a quarter more.
const legsPerLoop = 600

// add gives l to the loop with the fewest legs, asleep. n is how many legs there are. It errors only when
// the process has no descriptors left.
func (s *loops) add(l *Leg, n int) error {
	var to *loop
	if len(s.all) < min(runtime.GOMAXPROCS(0), 1+n/legsPerLoop) {
		lp, err := newLoop()
		if err == nil {
			s.all = append(s.all, lp)
		} else if len(s.all) == 0 {
			return err
		}
	}
	for _, lp := range s.all {
		if to == nil || lp.n < to.n {
			to = lp
		}
	}
	fd := l.cfg.Socket.rtp.fd
	if err := unix.EpollCtl(to.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Fd: int32(fd)}); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	to.n++
	l.reader = reader{loop: to, fd: fd}
	to.mu.Lock()
	if fd >= len(to.legs) {
		to.legs = append(to.legs, make([]*Leg, fd+1-len(to.legs))...)
	}
	to.legs[fd] = l
	to.mu.Unlock()
	return nil
}

func (s *loops) remove(l *Leg) {
	lp := l.reader.loop
	lp.n--
	_ = unix.EpollCtl(lp.fd, unix.EPOLL_CTL_DEL, l.reader.fd, nil)
	lp.mu.Lock()
	lp.legs[l.reader.fd] = nil
	lp.mu.Unlock()
}

func (s *loops) close() {
	for _, lp := range s.all {
		lp.close()
	}
}

// loop reads the RTP ports of many legs in one goroutine. Its epoll set is itself watched by the runtime,
// so that no thread sleeps in it and one wake-up of one goroutine serves every port that has something.
type loop struct {
	fd   int
	file *os.File
	raw  syscall.RawConn
	n    int // legs; the keeper's
	done chan struct{}

	mu   sync.Mutex
	legs []*Leg // by descriptor

	events [64]unix.EpollEvent
	ready  [64]*Leg
	vector *vector
}

func newLoop() (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	lp := &loop{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{}), vector: newVector()}
	if lp.raw, err = lp.file.SyscallConn(); err != nil {
		_ = lp.file.Close()
		return nil, err
	}
	go lp.run()
	return lp, nil
}

func (lp *loop) run() {
	defer close(lp.done)
	_ = lp.raw.Read(func(uintptr) bool {
		lp.turn()
		return false // wait for the next
	})
}

func (lp *loop) close() {
	_ = lp.file.Close()
	<-lp.done
}

// turn serves all ports that have something now.
func (lp *loop) turn() {
	for {
		// It never waits, so the scheduler need not know; being told, it would wake its monitor each time.
		r, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(lp.fd), uintptr(unsafe.Pointer(&lp.events)), uintptr(len(lp.events)), 0, 0, 0)
		if e != 0 || r == 0 {
			return
		}
		n := int(r)
		now := time.Now()
		lp.mu.Lock()
		for i := range n {
			lp.ready[i] = lp.legs[lp.events[i].Fd]
		}
		lp.mu.Unlock()
		for _, l := range lp.ready[:n] {
			if l != nil {
				l.readable(now, lp.vector)
			}
		}
		clear(lp.ready[:n])
		if n < len(lp.events) {
			return
		}
	}
}

// readable takes what is there, in a loop.
func (l *Leg) readable(now time.Time, v *vector) {
	for !l.own() {
		if l.polled.Load() || l.owner.Load() == ended {
			return
		}
		runtime.Gosched()
	}
	more := !l.polled.Load() && l.drainBy(now, v)
	l.disown()
	if more { // others first
		l.life.Lock()
		if !l.gone && !l.polled.Load() {
			l.reader.wake(true)
		}
		l.life.Unlock()
	}
}

// drain takes up to pollLimit datagrams from the RTP port, for its owner, and reports whether there may be
// more.
func (l *Leg) drain(now time.Time) bool {
	v := vectors.Get().(*vector)
	defer vectors.Put(v)
	return l.drainBy(now, v)
}

// drainBy is drain with a vector at hand.
func (l *Leg) drainBy(now time.Time, v *vector) bool {
	if l.ownClock {
		now = l.clock()
	}
	for range pollLimit / batch {
		n := l.gather(l.cfg.Socket.rtp, v)
		for i := range n {
			if pkt, from, at := l.datagram(v, i, now); pkt != nil {
				l.packet(pkt, from, at)
				clear(pkt)
			}
		}
		if n < batch {
			return false
		}
	}
	return true
}

// drainRTCP takes up to two batches from the RTCP port, in the beat.
func (l *Leg) drainRTCP(now time.Time) {
	v := vectors.Get().(*vector)
	defer vectors.Put(v)
	for range 2 {
		n := l.gather(l.cfg.Socket.rtcp, v)
		for i := range n {
			if pkt, from, at := l.datagram(v, i, now); pkt != nil {
				l.control(pkt, from, at)
			}
		}
		if n < batch {
			return
		}
	}
}

func (l *Leg) gather(p *port, v *vector) int {
	n, failed := p.receive(v)
	if failed { // an ICMP error for something sent earlier; the socket lives on
		l.counts.malformed.Add(1)
	}
	return n
}

// datagram is one of v, with its time on the leg's clock; pkt is nil for what is too long.
func (l *Leg) datagram(v *vector, i int, now time.Time) ([]byte, netip.AddrPort, time.Time) {
	pkt, from, at := v.take(i, now)
	if l.ownClock {
		at = now
	}
	if pkt == nil {
		l.counts.malformed.Add(1)
	}
	return pkt, from, at
}
