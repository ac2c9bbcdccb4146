package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	root := flag.String("root", ".", "the repository's `folder`")
	out := flag.String("o", "docs/requirements.md", "the table, below root; - for the standard output")
	kept := flag.String("results", ".results", "the `folder` below root with the results that make test keeps; results older than the source are left aside")
	e2e := flag.Bool("e2e", true, "run the tests of e2e too, which need the real peers")
	flag.Parse()

	reqs, err := parse(list)
	if err != nil {
		return err
	}
	goTests, webTests, err := find(*root)
	if err != nil {
		return err
	}
	from := filepath.Join(*root, *kept)
	goStates, webStates, err := load(*root, from)
	if err != nil {
		return err
	}
	if rest := without(goTests, goStates); len(rest) > 0 {
		fmt.Fprintf(os.Stderr, "requirements: %d of %d tests have no fresh result in %s and are run now\n", len(rest), len(goTests), from)
		if err := add(goStates, func() ([]byte, error) { return runGo(*root, rest, *e2e) }, readGo); err != nil {
			return err
		}
	}
	if len(without(webTests, webStates)) > 0 {
		if err := add(webStates, func() ([]byte, error) { return runWeb(*root) }, readWeb); err != nil {
			return err
		}
	}
	tests := append(judge(goTests, goStates), judge(webTests, webStates)...)

	var table bytes.Buffer
	count, err := write(&table, reqs, tests)
	if err != nil {
		return err
	}
	if *out == "-" {
		_, err = table.WriteTo(os.Stdout)
	} else {
		err = os.WriteFile(filepath.Join(*root, *out), table.Bytes(), 0o644)
	}
	if err != nil {
		return err
	}
	if bad := count[failed] + count[missing] + count[unrun]; bad > 0 {
		return fmt.Errorf("requirements: %d fail, %d are missing, %d were not run, of %d", count[failed], count[missing], count[unrun], len(reqs))
	}
	fmt.Printf("requirements: %d of %d pass, %d wait for the finished desktop\n", count[passed], len(reqs), count[desktop])
	return nil
}

// The files of results in their folder: go test -json of everything but e2e, of e2e, and the web's report.
const (
	unitFile = "unit.json"
	e2eFile  = "e2e.json"
	webFile  = "web.json"
)

// load reads the results that are kept and newer than the source they are of.
func load(root, from string) (goStates, webStates states, err error) {
	goStates, webStates = states{}, states{}
	newestGo, newestWeb, err := newest(root)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range []struct {
		name  string
		than  time.Time
		into  states
		parse func(io.Reader) (states, error)
	}{{unitFile, newestGo, goStates, readGo}, {e2eFile, later(newestGo, newestWeb), goStates, readGo}, {webFile, newestWeb, webStates, readWeb}} {
		path := filepath.Join(from, f.name)
		st, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !st.ModTime().After(f.than) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		got, err := f.parse(file)
		file.Close()
		if err != nil {
			return nil, nil, fmt.Errorf("requirements: %s: %w", path, err)
		}
		maps.Copy(f.into, got)
	}
	return goStates, webStates, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// newest is when the Go source and the page's were last changed.
func newest(root string) (goAt, webAt time.Time, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(root, path, d) {
				return filepath.SkipDir
			}
			return nil
		}
		var at *time.Time
		switch ext := filepath.Ext(path); {
		case ext == ".go", d.Name() == "go.mod", d.Name() == "go.sum":
			at = &goAt
		case strings.HasPrefix(filepath.ToSlash(path), filepath.ToSlash(filepath.Join(root, "web"))+"/"):
			at = &webAt
		default:
			return nil
		}
		info, err := d.Info()
		if err == nil {
			*at = later(*at, info.ModTime())
		}
		return err
	})
	return goAt, webAt, err
}

// without are the tests that have no result.
func without(tests []Test, got states) (out []Test) {
	for _, t := range tests {
		if got[result{t.Place, t.Name}] == "" {
			out = append(out, t)
		}
	}
	return out
}

// add runs tests and adds their results.
func add(into states, run func() ([]byte, error), read func(io.Reader) (states, error)) error {
	data, err := run()
	if err != nil {
		return err
	}
	got, err := read(bytes.NewReader(data))
	maps.Copy(into, got)
	return err
}

// states are results by the place and name of a test.
type states map[result]string

type result struct{ place, name string }

// module is the prefix of the packages in go test's results.
const module = "github.com/cordboard/cordboard/"

// readGo reads go test -json.
func readGo(r io.Reader) (states, error) {
	out := states{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e struct{ Action, Package, Test string }
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Test == "" {
			continue // what the go command says between the results
		}
		switch e.Action {
		case "pass", "fail", "skip":
			out[result{strings.TrimPrefix(e.Package, module), e.Test}] = e.Action
		}
	}
	return out, lines.Err()
}

// readWeb reads the JSON report of the web's runner.
func readWeb(r io.Reader) (states, error) {
	var report struct {
		TestResults []struct {
			Name             string
			AssertionResults []struct{ Title, Status string }
		}
	}
	if err := json.NewDecoder(r).Decode(&report); err != nil {
		return nil, fmt.Errorf("requirements: web results: %w", err)
	}
	out := states{}
	for _, file := range report.TestResults {
		place := filepath.ToSlash(file.Name)
		if i := strings.LastIndex(place, "/web/"); i >= 0 {
			place = place[i+1:]
		}
		for _, t := range file.AssertionResults {
			state := map[string]string{"passed": "pass", "failed": "fail"}[t.Status]
			if state == "" {
				state = "skip"
			}
			k := result{place, t.Title}
			if out[k] != "fail" {
				out[k] = state
			}
		}
	}
	return out, nil
}

// judge gives tests their results, and adds the subtests that carry ids of their own.
func judge(tests []Test, got states) []Test {
	seen := map[result]bool{}
	for i := range tests {
		k := result{tests[i].Place, tests[i].Name}
		tests[i].State, seen[k] = got[k], true
	}
	for k, state := range got {
		parent, sub, nested := strings.Cut(k.name, "/")
		if !nested || seen[k] || !slices.ContainsFunc(tests, func(t Test) bool { return t.Place == k.place && t.Name == parent }) {
			continue
		}
		if ids := idsOf(sub); len(ids) > 0 {
			tests = append(tests, Test{Name: k.name, Place: k.place, IDs: ids, State: state})
		}
	}
	return tests
}

// runGo runs exactly the given tests.
func runGo(root string, tests []Test, e2e bool) ([]byte, error) {
	var packages, names []string
	for _, t := range tests {
		if p := "./" + t.Place; (e2e || t.Place != "e2e") && !slices.Contains(packages, p) {
			packages = append(packages, p)
		}
		names = append(names, t.Name)
	}
	slices.Sort(names)
	if len(packages) == 0 {
		return nil, nil
	}
	args := append([]string{"test", "-json", "-count=1", "-timeout=20m", "-run", "^(" + strings.Join(slices.Compact(names), "|") + ")$"}, packages...)
	return output(root, "go", args...)
}

// runWeb runs the web's tests.
func runWeb(root string) ([]byte, error) {
	f, err := os.CreateTemp("", "web-*.json")
	if err != nil {
		return nil, err
	}
	f.Close()
	defer os.Remove(f.Name())
	if _, err := output(filepath.Join(root, "web"), "npx", "vitest", "run", "--reporter=json", "--outputFile="+f.Name()); err != nil {
		return nil, err
	}
	return os.ReadFile(f.Name())
}

// output runs a command; that tests fail is a result, that nothing runs is an error.
func output(dir, name string, args ...string) ([]byte, error) {
	c := exec.Command(name, args...)
	c.Dir, c.Stderr = dir, os.Stderr
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("requirements: run %s: %w", name, err)
	}
	return out, nil
}
