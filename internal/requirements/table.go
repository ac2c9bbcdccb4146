// Command requirements shows which test proves which requirement: it reads the list of requirements beside
// it, finds the tests that carry an id in their name, takes their results from go test -json and from the
// web's test runner, and writes the table. It ends with status 1 when a requirement has no test or its test
// fails. What only the finished desktop can show is counted apart, with the screen that will show it, until
// a test carries its id.
//
// A Go test carries ids as parts of its name between underscores (TestW22_X8_RONA), a web test as words of
// its title ("W10: beyond five"). A subtest of a Go test that carries an id may carry more.
package main

import (
	_ "embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed requirements.tsv
var list string

// Requirement is one line of the list.
type Requirement struct {
	ID, Title string
	Screen    string // of the desktop, for what is purely visual
}

// Test is one test that carries ids.
type Test struct {
	Name  string // as the runner has it
	Place string // package or file, relative to the repository
	IDs   []string
	State string // pass, fail, skip, or empty for one that was not run
}

// sizes is how many requirements each manual has, and the table of weaknesses.
var sizes = map[byte]int{'W': 128, 'R': 20, 'U': 16, 'G': 39, 'S': 28, 'X': 21}

func parse(tsv string) ([]Requirement, error) {
	var out []Requirement
	next := map[byte]int{}
	for i, row := range strings.Split(strings.TrimSpace(tsv), "\n") {
		cells := strings.Split(row, "\t")
		if len(cells) < 2 || cells[1] == "" {
			return nil, fmt.Errorf("requirements: line %d has no title", i+1)
		}
		r := Requirement{ID: cells[0], Title: cells[1]}
		if len(cells) > 2 {
			r.Screen = cells[2]
		}
		next[r.ID[0]]++
		if want := fmt.Sprintf("%c%d", r.ID[0], next[r.ID[0]]); r.ID != want {
			return nil, fmt.Errorf("requirements: line %d is %s, want %s", i+1, r.ID, want)
		}
		out = append(out, r)
	}
	for prefix, n := range sizes {
		if next[prefix] != n {
			return nil, fmt.Errorf("requirements: %d of %c, want %d", next[prefix], prefix, n)
		}
	}
	return out, nil
}

var (
	idPart  = regexp.MustCompile(`^[WRUGSX][1-9][0-9]*$`)
	goTest  = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	webTest = regexp.MustCompile("(?m)\\b(?:it|test)(?:\\.each\\([^\\n]*\\))?\\(\\s*(?:\"([^\"\\n]+)\"|'([^'\\n]+)'|`([^`\\n]+)`)")
)

// idsOf are the ids a name carries.
func idsOf(name string) []string {
	var ids []string
	parts := strings.FieldsFunc(strings.TrimPrefix(name, "Test"), func(r rune) bool {
		return strings.ContainsRune("_/ :,.;()>#", r)
	})
	for _, p := range parts {
		if idPart.MatchString(p) && !slices.Contains(ids, p) {
			ids = append(ids, p)
		}
	}
	return ids
}

// find reads the tests that carry ids out of the source below root.
func find(root string) (goTests, webTests []Test, err error) {
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
		name := d.Name()
		web := strings.HasSuffix(name, ".test.ts") || strings.HasSuffix(name, ".test.tsx")
		if !web && !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if web {
			webTests = append(webTests, scan(webTest, string(src), filepath.ToSlash(rel))...)
		} else {
			goTests = append(goTests, scan(goTest, string(src), filepath.ToSlash(filepath.Dir(rel)))...)
		}
		return nil
	})
	return goTests, webTests, err
}

// skipped are folders with nothing of ours in them.
func skipped(root, path string, d fs.DirEntry) bool {
	n := d.Name()
	return path != root && (n == "node_modules" || n == "dist" || strings.HasPrefix(n, "."))
}

func scan(pattern *regexp.Regexp, src, place string) (out []Test) {
	for _, m := range pattern.FindAllStringSubmatch(src, -1) {
		name := strings.Join(m[1:], "")
		if ids := idsOf(name); len(ids) > 0 {
			out = append(out, Test{Name: name, Place: place, IDs: ids})
		}
	}
	return out
}

// The states of a requirement.
const (
	passed  = "pass"
	failed  = "fail"
	unrun   = "not run"
	missing = "missing"
	desktop = "desktop"
)

// verdict is a requirement's state: as bad as the worst of its tests.
func verdict(r Requirement, tests []Test) string {
	if len(tests) == 0 {
		if r.Screen != "" {
			return desktop
		}
		return missing
	}
	state := passed
	for _, t := range tests {
		switch t.State {
		case "pass":
		case "fail":
			return failed
		default:
			state = unrun
		}
	}
	return state
}

// write prints the table and reports how many requirements are in which state.
func write(w io.Writer, reqs []Requirement, tests []Test) (map[string]int, error) {
	by, count := map[string][]Test{}, map[string]int{}
	for _, t := range tests {
		for _, id := range t.IDs {
			by[id] = append(by[id], t)
		}
	}
	var rows strings.Builder
	for _, r := range reqs {
		found := by[r.ID]
		slices.SortFunc(found, func(a, b Test) int {
			return strings.Compare(a.Place+" "+a.Name, b.Place+" "+b.Name)
		})
		state := verdict(r, found)
		count[state]++
		var names []string
		for _, t := range found {
			names = append(names, fmt.Sprintf("%s `%s`", t.Place, strings.ReplaceAll(t.Name, "|", "\\|")))
		}
		if state == desktop {
			names = append(names, "screen: "+r.Screen)
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", r.ID, r.Title, strings.Join(names, "<br>"), state)
	}
	_, err := fmt.Fprintf(w, `# Requirements and their tests

Made by `+"`make requirements`"+`; do not edit. Each requirement is proved by the tests whose names carry its id.
What only the finished desktop can show is counted as desktop, never as passed.

%d requirements: %d pass, %d fail, %d not run, %d missing, %d desktop.

| Id | Requirement | Tests | State |
|---|---|---|---|
%s`, len(reqs), count[passed], count[failed], count[unrun], count[missing], count[desktop], rows.String())
	return count, err
}
