// Package peer is the media servers that are measured: cordboard and, beside it, Janus' AudioBridge and
// rtpengine from Debian's packages. Each is a real process of its own, pinned to one core, on loopback only,
// and gets its parties by its own interface: HTTP for cordboard and Janus, bencode over UDP for rtpengine.
// Whoever measures sees a Server and where to send packets to.
package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// clockTicks is USER_HZ, the unit of the times in /proc/PID/stat: 100 on every Linux that Go runs on.
const clockTicks = 100

// Process is a running server.
type Process struct {
	cmd  *exec.Cmd
	log  *tail
	done chan struct{} // closed when it has ended
	name string
}

// Start runs a program pinned to a core, with a bit more priority than its surroundings where that is
// allowed. It dies with us.
func Start(core int, name string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(name, args...), log: new(tail), done: make(chan struct{}), name: filepath.Base(name)}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// A child inherits the affinity of the thread that makes it. The thread stays locked and lives as
		// long as the child, whose parent it is for Pdeathsig.
		runtime.LockOSThread()
		err := pin(core)
		if err == nil {
			err = p.cmd.Start()
		}
		started <- err
		if err != nil {
			return
		}
		_ = unix.Setpriority(unix.PRIO_PROCESS, p.cmd.Process.Pid, -10) // needs privileges; without, the run is noisier
		_ = p.cmd.Wait()                                                // it is killed in the end: the status says nothing
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("peer: start %s: %w", p.name, err)
	}
	return p, nil
}

func pin(core int) error {
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("peer: pin to core %d: %w", core, err)
	}
	return nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop asks the process to end, and after a while makes it.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(2 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Alive says whether the process still runs.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Log is the end of what the process printed.
func (p *Process) Log() string { return p.log.String() }

// Usage is what a process has used and holds.
type Usage struct {
	CPU     time.Duration // user and system, of all its threads, since it began
	RSS     int64         // kB
	Threads int
	FDs     int
}

// Usage reads the process' account.
func (p *Process) Usage() (Usage, error) {
	dir := fmt.Sprintf("/proc/%d/", p.PID())
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return Usage{}, fmt.Errorf("peer: %s has ended: %w\n%s", p.name, err, p.Log())
	}
	u, err := parseStat(string(stat))
	if err != nil {
		return Usage{}, err
	}
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return Usage{}, fmt.Errorf("peer: read status: %w", err)
	}
	u.RSS = parseRSS(string(status))
	fds, err := os.ReadDir(dir + "fd")
	if err != nil {
		return Usage{}, fmt.Errorf("peer: read open files: %w", err)
	}
	u.FDs = len(fds)
	return u, nil
}

// parseStat reads /proc/PID/stat (proc_pid_stat(5)). The program's name, in brackets, may hold anything.
func parseStat(s string) (Usage, error) {
	bad := errors.New("peer: malformed /proc/PID/stat")
	at := strings.LastIndexByte(s, ')')
	if at < 0 {
		return Usage{}, bad
	}
	f := strings.Fields(s[at+1:])
	if len(f) < 18 {
		return Usage{}, bad
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	threads, err3 := strconv.Atoi(f[17])
	if err := errors.Join(err1, err2, err3); err != nil {
		return Usage{}, errors.Join(bad, err)
	}
	return Usage{CPU: time.Duration(user+system) * time.Second / clockTicks, Threads: threads}, nil
}

func parseRSS(status string) int64 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n
		}
	}
	return 0
}

// tail keeps the last of what is written to it.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.b.Len() > 1<<16 {
		t.b.Next(t.b.Len() - 1<<15)
	}
	return t.b.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// until waits for ready, asking every 20 ms, as long as the process lives and ctx and the limit allow.
func (p *Process) until(ctx context.Context, limit time.Duration, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !ready() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("peer: %s does not answer: %w\n%s", p.name, context.Cause(ctx), p.Log())
		case <-p.done:
			return fmt.Errorf("peer: %s ended at once:\n%s", p.name, p.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
