package wirets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, src string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestGenerate(t *testing.T) {
	got, err := Generate(write(t, `package x

import ("time"; "encoding/json")

// Limit is how many.
const Limit = 3

// Colour is one.
type Colour string

const (
	Red Colour = "red"
	Blue Colour = "blue"
)

// Thing is a thing.
type Thing struct {
	A int `+"`json:\"a\"`"+` // how many
	B *time.Time `+"`json:\"b,omitempty\"`"+`
	C []Colour `+"`json:\"c\"`"+`
	D map[string]string `+"`json:\"d\"`"+`
	E json.RawMessage `+"`json:\"e\"`"+`
	F string `+"`json:\"-\"`"+`
}

type Patch map[string]*string

type Event struct {
	Seq uint64 `+"`json:\"seq\"`"+`
	Type string `+"`json:\"type\"`"+`
	Data any `+"`json:\"data\"`"+`
}

var EventTypes = map[string]any{"thing.made": Thing{}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"/** Limit is how many. */\nexport const Limit = 3;\n",
		"export type Colour = \"red\" | \"blue\";\nexport const colourValues: readonly Colour[] = [\"red\", \"blue\"];\n",
		"export interface Thing {\n  /** how many */\n  a: number;\n  b?: string;\n  c: Colour[];\n  d: Record<string, string>;\n  e: unknown;\n}\n",
		"export type Patch = Record<string, string | null>;\n",
		"export interface EventMap {\n  \"thing.made\": Thing;\n}\n",
		"export interface Envelope {\n  seq: number;\n}\n",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no\n%s\nin\n%s", want, got)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	for name, src := range map[string]string{
		"field without a tag":      "package x\ntype T struct { A int }\n",
		"function":                 "package x\ntype T struct { A func() `json:\"a\"` }\n",
		"string type of no values": "package x\ntype T string\n",
		"no Go":                    "package",
	} {
		if out, err := Generate(write(t, src)); err == nil {
			t.Errorf("%s: generated\n%s", name, out)
		}
	}
}
