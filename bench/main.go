// Command bench puts media servers under load and measures them: cordboard, and beside it Janus' AudioBridge
// and rtpengine as Debian packages them.
//
//	go run ./bench mix --parties 8 --rooms 5 --talkers 1 --peer janus --json mix.json
//	go run ./bench bridge --calls 20 --peer rtpengine
//	go run ./bench mix --capacity
//	go run ./bench all --quick           every case, to bench/results
//	go run ./bench report                table and charts from the JSON files there
//
// The server under test is a process of its own on core 0, the load is on core 1. Servers compared with each
// other take turns, each time freshly started, and what is shown are medians. Load comes from loopback only.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/sys/unix"

	"github.com/cordboard/cordboard/bench/load"
)

type cli struct {
	Mix        mixCmd        `cmd:"" help:"Rooms of several parties over plain RTP."`
	Bridge     bridgeCmd     `cmd:"" help:"Calls of two parties with different codecs, PCMU and Opus."`
	Relay      relayCmd      `cmd:"" help:"Calls of two parties with the same codec, PCMU."`
	Webrtc     webrtcCmd     `cmd:"" help:"Rooms of several parties over WebRTC; a peer is still joined over plain RTP."`
	Signal     signalCmd     `cmd:"" help:"SIP calls that are set up and hung up: INVITE, 200, ACK, BYE (needs sipp)."`
	Record     recordCmd     `cmd:"" help:"The same rooms or calls with and without recording."`
	Recordings recordingsCmd `cmd:"" help:"As many recordings at once as asked for, without a server."`
	Spool      spoolCmd      `cmd:"" help:"A start with recordings that a crash has left in the spool."`
	Denoise    denoiseCmd    `cmd:"" help:"What noise suppression costs, and how well it does on pairs of recordings."`
	Soak       soakCmd       `cmd:"" help:"Calls come and go; watches goroutines, open files and memory."`
	Desk       deskCmd       `cmd:"" help:"Routing decisions of a large contact centre with skills, without media."`
	Dialer     dialerCmd     `cmd:"" help:"Simulated outbound campaigns: occupancy and abandoned calls of diallers."`
	All        allCmd        `cmd:"" help:"Every case of the table; writes bench/results."`
	Report     reportCmd     `cmd:"" help:"Renders the table and the charts from the results."`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("bench"), kong.UsageOnError(), kong.Vars{"speech": load.SpeechDir}, kong.Description("Puts media servers under load and measures them."))
	if err := isolate(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	// What is generated lives long; what is collected is the generator's own lateness.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	err := k.Run()
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

const (
	serverCore = 0
	loadCore   = 1
	isolated   = "BENCH_ISOLATED"
)

// isolate moves this process to the core of the load. Only a program that is executed anew has all its
// threads there, so it does that once.
func isolate() error {
	if os.Getenv(isolated) != "" {
		return os.Unsetenv(isolated) // the servers need not know
	}
	// A larger share of a busy machine, where we may have it: nice counts only within a session, between
	// sessions it is the group's number.
	_ = os.WriteFile("/proc/self/autogroup", []byte("-15"), 0)
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -12)
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if runtime.NumCPU() <= loadCore {
		return fmt.Errorf("the server and the load need a core each, this machine has %d", runtime.NumCPU())
	}
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(loadCore)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to core %d: %w", loadCore, err)
	}
	err = unix.Exec(self, os.Args, append(os.Environ(), isolated+"=1"))
	return fmt.Errorf("start again on core %d: %w", loadCore, err)
}

// commandLine is how this run can be repeated.
func commandLine() string {
	args := append([]string{"go", "run", "./bench"}, os.Args[1:]...)
	for i, a := range args {
		if strings.ContainsAny(a, " '\"*") {
			args[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(args, " ")
}

// root is the folder of the module, wherever in it we were called.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("working folder: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", errors.New("no go.mod above the working folder")
		}
	}
}
