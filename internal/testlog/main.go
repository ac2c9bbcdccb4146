// Command testlog runs go test -json: it keeps the results in a file, for tools, and shows people what go test would have
// shown them without -json: a line for each package, and of the tests that failed all they said.
//
//	testlog results.json -race -timeout 15m -- ./a ./b
//
// What stands before -- are flags of go test, what stands behind it are packages. The file's time is when testlog began, so
// that whatever was changed while the tests ran is newer than their results.
//
// These tests have real peers and a real clock on machines that others use too. So where at most three fail they are run
// once more, each package by itself, and what failed first is said at the end whatever comes of it. Not given another
// chance are data races, panics, time-outs and what does not build. It ends with status 1 if a failure is left.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// chances is how many failed tests are run again; where more have failed it is not the machine.
const chances = 3

func main() {
	i := slices.Index(os.Args, "--")
	if i < 2 || i+1 == len(os.Args) {
		fmt.Fprintln(os.Stderr, "usage: testlog FILE [FLAG ...] -- PACKAGE ...")
		os.Exit(2)
	}
	ok, err := run(os.Args[1], os.Stdout, goTest(os.Args[2:i]), os.Args[i+1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

// tester runs the tests of packages whose names match pattern, all if it is empty, and writes what go test -json says.
type tester func(out io.Writer, pattern string, packages ...string) error

func goTest(flags []string) tester {
	return func(out io.Writer, pattern string, packages ...string) error {
		args := append([]string{"test", "-json"}, flags...)
		if pattern != "" {
			args = append(args, "-count=1", "-run", pattern)
		}
		cmd := exec.Command("go", append(args, packages...)...)
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		return cmd.Run()
	}
}

// run tests the packages, keeps all events in the file at path and reports whether nothing failed in the end.
func run(path string, out io.Writer, test tester, packages []string) (ok bool, err error) {
	began := time.Now()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return false, err
	}
	ok, err = twice(f, out, test, packages)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return false, err
	}
	if err := os.Chtimes(path+".part", began, began); err != nil {
		return false, err
	}
	return ok, os.Rename(path+".part", path)
}

// twice tests the packages and what failed in them once more.
func twice(keep, out io.Writer, test tester, packages []string) (ok bool, err error) {
	first, err := once(keep, out, test, "", packages...)
	if err != nil || first.ok() {
		return err == nil, err
	}
	failed := first.again()
	if len(failed) == 0 {
		return false, nil
	}
	ok = true
	for _, p := range failed {
		fmt.Fprintf(out, "once more: %s %s\n", p.name, strings.Join(p.failed, " "))
		o, err := once(keep, out, test, "^("+strings.Join(p.failed, "|")+")$", p.name)
		if err != nil {
			return false, err
		}
		ok = ok && o.ok()
	}
	for _, p := range failed {
		fmt.Fprintf(out, "FAILED AT FIRST: %s %s\n", p.name, strings.Join(p.failed, " "))
	}
	return ok, nil
}

func once(keep, out io.Writer, test tester, pattern string, packages ...string) (*outcome, error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := test(w, pattern, packages...)
		_ = w.Close()
		done <- err
	}()
	o, err := show(r, keep, out)
	_ = r.CloseWithError(err) // where show gave up, the tests must not wait for it
	e := <-done
	if exit := (*exec.ExitError)(nil); errors.As(e, &exit) && !o.ok() {
		e = nil // as the events have said
	}
	if err == nil {
		err = e
	}
	return o, err
}
