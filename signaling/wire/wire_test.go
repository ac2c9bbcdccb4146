package wire_test

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cordboard/cordboard/internal/wirets"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The desktop's types are generated; this fails when somebody forgot to.
func TestTypeScriptIsUpToDate(t *testing.T) {
	want, err := wirets.Generate(".")
	if err != nil {
		t.Fatal(err)
	}
	const file = "../../web/ui/src/wire/wire.ts"
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run go generate ./signaling/wire\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

func TestEnumsAreComplete(t *testing.T) {
	want, err := wirets.Enums(".")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, wire.Enums); d != "" {
		t.Errorf("Enums (-constants +Enums):\n%s", d)
	}
}

func TestEventNames(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+\.[a-z]+(_[a-z]+)*$`)
	for typ := range wire.EventTypes {
		if !name.MatchString(typ) {
			t.Errorf("event %q is not noun.past_participle", typ)
		}
	}
}
