package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestListIsWhole(t *testing.T) {
	reqs, err := parse(list)
	if err != nil {
		t.Fatal(err)
	}
	if len(reqs) != 231+21 {
		t.Errorf("%d requirements, want 252", len(reqs))
	}
	for name, spoilt := range map[string]string{
		"a line too few":  strings.Replace(list, "W128\t", "", 1),
		"a title missing": "W1\t",
		"out of order":    strings.Replace(list, "R1\t", "R2\t", 1),
	} {
		if _, err := parse(spoilt); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestIDs(t *testing.T) {
	for name, want := range map[string]string{
		"TestW22_X8_RONA":              "W22 X8",
		"TestRestart_DeskAlone":        "",
		"TestX1":                       "X1",
		"TestMatrix/W47_the_customer":  "W47",
		"W10: beyond five, W12":        "W10 W12",
		"TestW01_Zero":                 "",
		"TestG34_G34_Twice":            "G34",
		"TestX264_IsNoRequirement":     "X264",
		"popovers > S16 a hidden page": "S16",
	} {
		if got := strings.Join(idsOf(name), " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Tests are found in the source, judged by the runners' results, and a missing or failing one is counted.
func TestTable(t *testing.T) {
	root := t.TempDir()
	for name, src := range map[string]string{
		"desk/a_test.go":                "package desk\nfunc TestW1_A(t *testing.T) {\n}\nfunc TestOther(t *testing.T) {}\nfunc TestW2_W3_B(t *testing.T) {}\n",
		"web/ui/x.test.ts":              "it(\"W4: shows\", () => {})\ntest('nothing')\nit(`W5 W88`, f)\n",
		"web/node_modules/y.test.ts":    "it(\"W6\", f)",
		"web/ui/src/not-a-test.ts":      "it(\"W7\", f)",
		"desk/not_a_test_file/notes.md": "TestW8_X",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	goTests, webTests, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	goStates, err := readGo(strings.NewReader(`go: something
{"Action":"pass","Package":"github.com/cordboard/cordboard/desk","Test":"TestW1_A"}
{"Action":"pass","Package":"github.com/cordboard/cordboard/desk","Test":"TestW1_A/W9_more"}
{"Action":"fail","Package":"github.com/cordboard/cordboard/desk","Test":"TestW2_W3_B"}
`))
	if err != nil {
		t.Fatal(err)
	}
	webStates, err := readWeb(strings.NewReader(`{"testResults":[{"name":"/x/web/ui/x.test.ts","assertionResults":[{"title":"W4: shows","status":"passed"},{"title":"W5 W88","status":"skipped"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	tests := append(judge(goTests, goStates), judge(webTests, webStates)...)
	reqs := []Requirement{}
	for _, id := range []string{"W1", "W2", "W3", "W4", "W5", "W6", "W9"} {
		reqs = append(reqs, Requirement{ID: id, Title: "title"})
	}
	reqs = append(reqs, Requirement{ID: "W88", Title: "t", Screen: "s"}, Requirement{ID: "W84", Title: "t", Screen: "call pane"})
	var out strings.Builder
	count, err := write(&out, reqs, tests)
	if err != nil {
		t.Fatal(err)
	}
	for state, want := range map[string]int{passed: 3, failed: 2, unrun: 2, missing: 1, desktop: 1} {
		if count[state] != want {
			t.Errorf("%d %s, want %d\n%s", count[state], state, want, out.String())
		}
	}
	for _, row := range []string{
		"| W1 | title | desk `TestW1_A` | pass |", "| W9 | title | desk `TestW1_A/W9_more` | pass |",
		"| W4 | title | web/ui/x.test.ts `W4: shows` | pass |", "| W84 | t | screen: call pane | desktop |", "| W6 | title |  | missing |",
	} {
		if !slices.Contains(strings.Split(out.String(), "\n"), row) {
			t.Errorf("no row %q in\n%s", row, out.String())
		}
	}
}
