package main

import (
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
		ok, err := run(path, strings.NewReader(c.in), &out)
		if err != nil || ok != c.ok || out.String() != c.want {
			t.Errorf("%s: %v %v, said %q", name, ok, err, out.String())
		}
		kept, err := os.ReadFile(path)
		if err != nil || string(kept) != c.in {
			t.Errorf("%s: kept %q, %v", name, kept, err)
		}
		if st, err := os.Stat(path); err != nil || st.ModTime().Sub(began).Abs() > time.Minute {
			t.Errorf("%s: %v, %v", name, st.ModTime(), err)
		}
	}
	if _, err := run(filepath.Join(os.DevNull, "x"), strings.NewReader(passing), &strings.Builder{}); err == nil {
		t.Error("written into a device")
	}
}
