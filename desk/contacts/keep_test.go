package contacts

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/numbering"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestS10_S14_NewCustomersAreKept: the contacts of a stage grow one by one, the list comes to be with the first, and all are
// there again after a restart.
func TestS10_S14_NewCustomersAreKept(t *testing.T) {
	log := &entries{}
	b, err := Open(t.Context(), log, numbering.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"Ana", "Bor"} {
		row := Row{Name: name, Numbers: []wire.ContactNumber{{Number: "06000" + name}}}
		if at, err := b.Keep(t.Context(), "lst_stage_new", "New customers", []string{"name", "number"}, row, time.Now()); err != nil || at != i+1 {
			t.Fatalf("%s is row %d: %v", name, at, err)
		}
	}
	again, err := Open(t.Context(), log, numbering.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*Book{"at once": b, "after a restart": again} {
		l, err := b.List("lst_stage_new")
		if err != nil || l.Contacts != 2 || l.Name != "New customers" {
			t.Errorf("%s: %+v %v", name, l, err)
		}
		if r, ok := b.Row("lst_stage_new", 1); !ok || r.Name != "Bor" {
			t.Errorf("%s: second row %+v", name, r)
		}
		if found := b.Search("ana", 5); len(found) != 1 || found[0].Row != 1 {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}
