package arch

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/cordboard/cordboard/"

// storeys lists the house from top to bottom. A package may import packages of lower storeys and of its
// own folder, never one above. internal, signaling/wire, client and web are leaves: everyone may import them
// (except that the media path speaks no JSON), and they import none of the storeys.
var storeys = [][]string{
	{"cmd", "bench", "e2e", "examples"},
	{"signaling"},
	{"desk"},
	{"call"},
	{"mixer", "denoise", "recorder"},
	{"media/rtpleg", "media/webrtcleg"},
	{"media/stream", "media/wav"},
	{"media/codec", "media/dtmf", "media/jitter", "media/prompt", "media/quality"},
	{"media"},
	{"media/pcm"},
}

// forbidden are edges that the storeys would allow, each with its reason.
var forbidden = []struct{ from, to, why string }{
	{"mixer", "recorder", "the mixer declares Tap, the recorder implements it"},
	{"mixer", "github.com/pion", "a room knows legs, not protocols"},
	{"mixer", "github.com/emiago", "a room knows legs, not protocols"},
	{"recorder", "mixer", "a recording is handed frames; it does not know rooms"},
	{"call", "github.com/pion", "protocols live in signaling and media"},
	{"call", "github.com/emiago", "protocols live in signaling and media"},
	{"desk", "mixer", "the desk steers calls, never audio"},
	{"desk", "media", "the desk steers calls, never audio"},
	{"desk", "net", "the desk does no I/O of its own"},
	{"desk", "os", "the desk does no I/O of its own"},
	{"media", "signaling/wire", "the media path speaks no JSON"},
	{"media", "log/slog", "the media path does not log"},
	{"signaling/wire", module, "wire is plain data"},
}

type pkg struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Dir        string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-tags=nolibopusfile", "-json=ImportPath,Imports,GoFiles,Dir", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(p.ImportPath, "/node_modules/") {
			all = append(all, p)
		}
	}
}

// storey finds the storey and the folder of it that a package lives in; longest match wins.
func storey(path string) (int, string) {
	at, name := -1, ""
	for i, s := range storeys {
		for _, dir := range s {
			if (path == dir || strings.HasPrefix(path, dir+"/")) && len(dir) > len(name) {
				at, name = i, dir
			}
		}
	}
	return at, name
}

func leaf(path string) bool {
	return strings.HasPrefix(path, "internal/") || path == "web" || path == "client" || path == "signaling/wire" || strings.HasPrefix(path, "signaling/wire/")
}

func TestImportsRunDown(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		fromAt, fromName := storey(from)
		if fromAt < 0 && !leaf(from) {
			t.Errorf("%s has no place in the house: add it to storeys", from)
			continue
		}
		for _, imp := range p.Imports {
			for _, f := range forbidden {
				own := from == f.from || (strings.HasPrefix(from, f.from+"/") && f.from != "media" && f.from != "signaling/wire")
				target := strings.TrimPrefix(imp, module)
				if own && (target == f.to || (f.to != "net" && strings.HasPrefix(target, f.to+"/")) || (f.to == module && strings.HasPrefix(imp, module))) {
					t.Errorf("%s imports %s: %s", from, target, f.why)
				}
			}
			if !strings.HasPrefix(imp, module) {
				continue
			}
			to := strings.TrimPrefix(imp, module)
			if leaf(to) {
				continue
			}
			toAt, toName := storey(to)
			switch {
			case leaf(from):
				// internal/testaudio and its like may stand on the ground floor.
				if toName != "media/pcm" && toName != "media" {
					t.Errorf("%s is a leaf and imports %s", from, to)
				}
			case toAt < fromAt:
				t.Errorf("%s imports %s: imports run down only", from, to)
			case toAt == fromAt && toName != fromName:
				t.Errorf("%s imports its neighbour %s", from, to)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		said := false
		for _, f := range p.GoFiles {
			tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if tree.Doc != nil && (strings.HasPrefix(tree.Doc.Text(), "Package ") || strings.HasPrefix(tree.Doc.Text(), "Command ")) {
				said = true
			}
		}
		if !said && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// TestLinks checks that relative links in the documents lead to files.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: link to %s leads nowhere", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
