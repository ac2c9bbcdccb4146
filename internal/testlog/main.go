// Command testlog stands behind go test -json: it keeps the results in a file, for tools, and shows people what go test
// would have shown them without -json: a line for each package, and of the tests that failed all they said.
//
//	go test -json ./... | testlog results.json
//
// The file's time is when testlog began, so that whatever was changed while the tests ran is newer than their results.
// It passes everything on to its end and then ends with status 1 if a package failed, also one that did not build.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ... | testlog FILE")
		os.Exit(2)
	}
	ok, err := run(os.Args[1], os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(path string, in io.Reader, out io.Writer) (ok bool, err error) {
	began := time.Now()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return false, err
	}
	w := bufio.NewWriter(f)
	ok, err = show(in, w, out)
	if e := w.Flush(); err == nil {
		err = e
	}
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

// event is a line of go test -json.
type event struct{ Action, Package, Test, Output string }

// show copies the events to keep and what people want to see to out; false when something failed.
func show(in io.Reader, keep, out io.Writer) (ok bool, err error) {
	ok = true
	said := map[[2]string]*strings.Builder{} // by package and test, until it is known how it ended
	lines := bufio.NewReader(in)
	for {
		line, readErr := lines.ReadBytes('\n')
		if len(line) > 0 {
			if _, err := keep.Write(line); err != nil {
				return false, err
			}
			var e event
			if json.Unmarshal(line, &e) != nil { // what the go command says by itself
				if _, err := out.Write(line); err != nil {
					return false, err
				}
			} else if err := one(e, said, out); err != nil {
				return false, err
			}
			ok = ok && e.Action != "fail" && e.Action != "build-fail"
		}
		if readErr == io.EOF {
			return ok, nil
		}
		if readErr != nil {
			return false, readErr
		}
	}
}

func one(e event, said map[[2]string]*strings.Builder, out io.Writer) error {
	k := [2]string{e.Package, e.Test}
	var text string
	switch e.Action {
	case "build-output":
		text = e.Output
	case "output":
		if e.Test == "" {
			if e.Output != "PASS\n" {
				text = e.Output
			}
			break
		}
		if said[k] == nil {
			said[k] = &strings.Builder{}
		}
		said[k].WriteString(e.Output)
	case "fail":
		if b := said[k]; b != nil {
			text = b.String()
		}
		delete(said, k)
	case "pass", "skip":
		delete(said, k)
	}
	if text == "" {
		return nil
	}
	_, err := io.WriteString(out, text)
	return err
}
