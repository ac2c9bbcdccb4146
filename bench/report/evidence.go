package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Evidence is what a test of the slow suite has found out.
type Evidence struct {
	Name    string    `json:"name"`
	Title   string    `json:"title"`
	Command string    `json:"command"`
	Commit  string    `json:"commit"`
	Time    time.Time `json:"time"`
	Machine Machine   `json:"machine"`
	Figures []Figure  `json:"figures"`
}

// Figure is one thing that was counted or measured, and what it may be.
type Figure struct {
	Name  string   `json:"name"` // with its unit
	Value float64  `json:"value"`
	Most  *float64 `json:"most,omitempty"`
	Exact *float64 `json:"exactly,omitempty"`
	Met   bool     `json:"met"`
}

// Most is a figure with an upper bound.
func Most(name string, v, most float64) Figure {
	return Figure{Name: name, Value: round(v), Most: &most, Met: v <= most}
}

// Exactly is a figure that has one right value.
func Exactly(name string, v, want float64) Figure {
	return Figure{Name: name, Value: v, Exact: &want, Met: v == want}
}

func (f Figure) String() string {
	s := fmt.Sprintf("%s %s", f.Name, Number(f.Value))
	if f.Most != nil {
		s += " (≤ " + Number(*f.Most) + ")"
	}
	if !f.Met {
		s += " **missed**"
	}
	return s
}

// The environment of the slow suite: EvidenceDir is where results go, EvidenceCommand the command that runs it.
const (
	EvidenceDir     = "FAULT_DIR"
	EvidenceCommand = "FAULT_COMMAND"
)

// Slow reports whether the slow suite runs; otherwise tests take a small sample of the same.
func Slow() bool { return os.Getenv(EvidenceDir) != "" }

// Keep logs the figures, fails the test for each that misses its bound and, in the slow suite, writes them to
// a JSON file and a line of the folder's README.md.
func Keep(t testing.TB, name, title string, figures ...Figure) {
	t.Helper()
	e := Evidence{
		Name: name, Title: title, Command: os.Getenv(EvidenceCommand), Commit: Commit(), Time: time.Now().UTC().Truncate(time.Second),
		Machine: ThisMachine(), Figures: figures,
	}
	for _, f := range figures {
		if !f.Met {
			t.Errorf("%s: %v", name, f)
		}
	}
	t.Logf("%s: %v", name, figures)
	if !Slow() {
		return
	}
	if info, err := os.Stat("/proc/self"); err == nil {
		e.Time = info.ModTime().UTC().Truncate(time.Second) // of the process: a test may run in a time of its own
	}
	if err := e.write(os.Getenv(EvidenceDir)); err != nil {
		t.Error(err)
	}
}

func (e Evidence) write(dir string) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("report: encode: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, e.Name+".json"), append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	slices.Sort(files)
	var text strings.Builder
	text.WriteString("# Faults\n\nMade by `make fault`; one JSON file per case lies beside this table.\n\n| case | figures | command | commit | machine |\n|---|---|---|---|---|\n")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		var e Evidence
		if err := json.Unmarshal(b, &e); err != nil {
			return fmt.Errorf("report: %s: %w", f, err)
		}
		var list []string
		for _, f := range e.Figures {
			list = append(list, f.String())
		}
		fmt.Fprintf(&text, "| %s | %s | `%s` | %s | %s, %d cores |\n", e.Title, strings.Join(list, "; "), e.Command, e.Commit, e.Machine.CPU, e.Machine.Cores)
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
