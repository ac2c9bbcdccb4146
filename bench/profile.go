package main

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// profile records where a process spends its time until stop is called, if that was asked for. The file's
// name gets a number so that each run has its own.
func (b *bench) profile(pid int) (stop func()) {
	if b.perf == "" {
		return func() {}
	}
	b.perfRuns++
	file := fmt.Sprintf("%s.%d", strings.TrimSuffix(b.perf, ".perf"), b.perfRuns)
	cmd := exec.Command("perf", "record", "-q", "-F", "999", "-g", "-o", file, "-p", fmt.Sprint(pid))
	if err := cmd.Start(); err != nil {
		b.bar.say("no profile: %v", err)
		return func() {}
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait() // it ends by the signal
		b.bar.say("profile in %s: perf report -i %s --no-children", file, file)
	}
}
