package main

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strings"
)

// event is a line of go test -json.
type event struct{ Action, Package, Test, Output string }

// outcome is what became of the packages of one go test.
type outcome struct {
	packages map[string]*pkg
	broken   bool // something did not build
}

type pkg struct {
	name           string
	failed         []string // tests of the top level
	bad            bool     // it failed
	orderly, raced bool
}

func (o *outcome) of(name string) *pkg {
	p := o.packages[name]
	if p == nil {
		p = &pkg{name: name}
		o.packages[name] = p
	}
	return p
}

func (o *outcome) ok() bool {
	for _, p := range o.packages {
		if p.bad {
			return false
		}
	}
	return !o.broken
}

// again is the packages with tests that may be run once more, none if anything failed for which that is no answer.
func (o *outcome) again() (failed []*pkg) {
	if o.broken {
		return nil
	}
	n := 0
	for _, p := range o.packages {
		if !p.bad {
			continue
		}
		if !p.orderly || p.raced || len(p.failed) == 0 {
			return nil
		}
		failed = append(failed, p)
		n += len(p.failed)
	}
	if n > chances {
		return nil
	}
	slices.SortFunc(failed, func(a, b *pkg) int { return strings.Compare(a.name, b.name) })
	return failed
}

// show copies the events to keep and what people want to see to out.
func show(in io.Reader, keep, out io.Writer) (*outcome, error) {
	o := &outcome{packages: map[string]*pkg{}}
	said := map[[2]string]*strings.Builder{} // by package and test, until it is known how it ended
	lines := bufio.NewReader(in)
	for {
		line, readErr := lines.ReadBytes('\n')
		if len(line) > 0 {
			if _, err := keep.Write(line); err != nil {
				return o, err
			}
			var e event
			if json.Unmarshal(line, &e) != nil { // what the go command says by itself
				if _, err := out.Write(line); err != nil {
					return o, err
				}
			} else {
				o.note(e)
				if err := one(e, said, out); err != nil {
					return o, err
				}
			}
		}
		if readErr == io.EOF {
			return o, nil
		}
		if readErr != nil {
			return o, readErr
		}
	}
}

func (o *outcome) note(e event) {
	switch e.Action {
	case "build-fail":
		o.broken = true
	case "fail":
		p := o.of(e.Package)
		if e.Test == "" {
			p.bad = true
		} else if !strings.Contains(e.Test, "/") {
			p.failed = append(p.failed, e.Test)
		}
	case "output":
		// A process that came to the end of its tests says FAIL by itself; after a panic or a time-out only go test does.
		if e.Test == "" && e.Output == "FAIL\n" {
			o.of(e.Package).orderly = true
		}
		if strings.Contains(e.Output, "DATA RACE") || strings.Contains(e.Output, "race detected") {
			o.of(e.Package).raced = true
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
