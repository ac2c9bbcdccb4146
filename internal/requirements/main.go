package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	goResults := flag.String("go", "", "read go test -json results from this `file`; empty runs the tests")
	webResults := flag.String("web", "", "read the web tests' JSON report from this `file`; empty runs the tests")
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
	goStates, err := results(*goResults, func() ([]byte, error) { return runGo(*root, goTests, *e2e) }, readGo)
	if err != nil {
		return err
	}
	webStates, err := results(*webResults, func() ([]byte, error) { return runWeb(*root) }, readWeb)
	if err != nil {
		return err
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

// results are the tests' states, read from a file or from a run.
func results(file string, run func() ([]byte, error), read func(io.Reader) (states, error)) (states, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return read(f)
	}
	data, err := run()
	if err != nil {
		return nil, err
	}
	return read(bytes.NewReader(data))
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

// runGo runs exactly the tests that carry ids.
func runGo(root string, tests []Test, e2e bool) ([]byte, error) {
	var packages, names []string
	for _, t := range tests {
		if p := "./" + t.Place; (e2e || t.Place != "e2e") && !slices.Contains(packages, p) {
			packages = append(packages, p)
		}
		names = append(names, t.Name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, errors.New("requirements: no test carries an id")
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
