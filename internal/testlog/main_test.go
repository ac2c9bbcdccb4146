package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const passing = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.01s\n"}
{"Action":"pass","Package":"p"}
`

func TestShow(t *testing.T) {
	for name, c := range map[string]struct {
		in, want string
		ok       bool
	}{
		"a passing test is silent": {passing, "ok  \tp\t0.01s\n", true},
		"a failing one says all": {
			strings.ReplaceAll(strings.ReplaceAll(passing, `"pass"`, `"fail"`), "PASS", "FAIL"),
			"=== RUN   TestA\n    a_test.go:1: chatter\nFAIL\nok  \tp\t0.01s\n", false,
		},
		"what does not build":      {`{"ImportPath":"p","Action":"build-output","Output":"x.go:1: syntax error\n"}` + "\n" + `{"ImportPath":"p","Action":"build-fail"}` + "\n", "x.go:1: syntax error\n", false},
		"words of the go command":  {"go: downloading x\n" + passing, "go: downloading x\nok  \tp\t0.01s\n", true},
		"an end without a newline": {strings.TrimSuffix(passing, "\n"), "ok  \tp\t0.01s\n", true},
		"nothing":                  {"", "", true},
	} {
		path := filepath.Join(t.TempDir(), "results", "go.json")
		var out strings.Builder
		began := time.Now()
		ok, err := run(path, &out, says(t, c.in, c.in), []string{"p"})
		if err != nil || ok != c.ok || strings.Split(out.String(), "once more:")[0] != c.want {
			t.Errorf("%s: %v %v, said %q", name, ok, err, out.String())
		}
		kept, err := os.ReadFile(path)
		if err != nil || strings.ReplaceAll(string(kept), c.in+c.in, c.in) != c.in {
			t.Errorf("%s: kept %q, %v", name, kept, err)
		}
		if st, err := os.Stat(path); err != nil || st.ModTime().Sub(began).Abs() > time.Minute {
			t.Errorf("%s: %v, %v", name, st.ModTime(), err)
		}
	}
	if _, err := run(filepath.Join(os.DevNull, "x"), &strings.Builder{}, says(t, passing, ""), []string{"p"}); err == nil {
		t.Error("written into a device")
	}
}

// says is a tester that says first, and then second for those asked for once more.
func says(t *testing.T, first, second string) tester {
	n := 0
	return func(out io.Writer, pattern string, _ ...string) error {
		n++
		if (n > 1) != (pattern != "") {
			t.Errorf("run %d with pattern %q", n, pattern)
		}
		_, err := io.WriteString(out, []string{first, second}[min(n, 2)-1])
		return err
	}
}

func TestOnceMore(t *testing.T) {
	failing := strings.ReplaceAll(strings.ReplaceAll(passing, `"pass"`, `"fail"`), "PASS", "FAIL")
	tests := func(n int) (s string) {
		for i := range n {
			s += fmt.Sprintf(`{"Action":"fail","Package":"p","Test":"Test%d"}`+"\n", i)
		}
		return s
	}
	for name, c := range map[string]struct {
		first, second string
		ok, again     bool
	}{
		"it passes then":        {failing, passing, true, true},
		"it fails again":        {failing, failing, false, true},
		"four are too many":     {tests(chances) + failing, passing, false, false},
		"three are not":         {tests(chances-1) + failing, passing, true, true},
		"a data race":           {strings.ReplaceAll(failing, "chatter", "WARNING: DATA RACE"), passing, false, false},
		"a panic":               {strings.ReplaceAll(failing, `"Output":"FAIL\n"`, `"Output":"exit status 2\n"`), passing, false, false},
		"what does not build":   {failing + `{"ImportPath":"q","Action":"build-fail"}` + "\n", passing, false, false},
		"another cannot be run": {failing + `{"Action":"fail","Package":"q"}` + "\n", passing, false, false},
	} {
		path := filepath.Join(t.TempDir(), "go.json")
		var out strings.Builder
		ok, err := run(path, &out, says(t, c.first, c.second), []string{"p"})
		if err != nil || ok != c.ok {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		if said := strings.Contains(out.String(), "FAILED AT FIRST: p Test"); said != c.again {
			t.Errorf("%s: said %q", name, out.String())
		}
		kept, err := os.ReadFile(path)
		want := c.first
		if c.again {
			want += c.second
		}
		if err != nil || string(kept) != want {
			t.Errorf("%s: kept %q, %v", name, kept, err)
		}
	}
}

// What go test itself refuses has no events to say so.
func TestRefused(t *testing.T) {
	var out strings.Builder
	ok, _ := run(filepath.Join(t.TempDir(), "go.json"), &out, goTest([]string{"-vet=none-such"}), []string{"."})
	none, err := run(filepath.Join(t.TempDir(), "go.json"), &out, goTest([]string{"-mod=none-such"}), []string{"."})
	if ok || none || err == nil {
		t.Errorf("%v, %v, %v, said %q", ok, none, err, out.String())
	}
}
