package contacts

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

func TestSearch(t *testing.T) {
	b, err := Open(context.Background(), nil, slovenia)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i, rows := range [][]Row{
		{{Name: "Ana Kranjc", Zone: "Europe/Ljubljana", Numbers: []wire.ContactNumber{{Number: "+38641000001"}, {Number: "+38615551234", Medium: "work"}}, Fields: map[string]string{"plan": "gold"}}, {Name: "Bor Novak", Numbers: []wire.ContactNumber{{Number: "+38640000002"}}}},
		{{Name: "Žiga NOVAK", Numbers: []wire.ContactNumber{{Number: "0049301234567"}}}},
	} {
		if _, err := b.Add(context.Background(), fmt.Sprintf("lst_%d", i), fmt.Sprintf("list %d", i), Parsed{Rows: rows}, at); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"novak":          "lst_1 1, lst_0 2", // the newer list first
		"NOVAK bor":      "lst_0 2",
		"žig":            "lst_1 1",
		"555-12":         "lst_0 1",
		"+38641":         "lst_0 1",
		"12":             "", // too short for a number
		"kranjc 0001":    "lst_0 1",
		"kranjc 0002":    "",
		"":               "",
		"gold":           "", // fields are not searched
		"(01) 555":       "",
		"novak nobody x": "",
	} {
		var got []string
		for _, m := range b.Search(text, 10) {
			got = append(got, fmt.Sprintf("%s %d", m.List, m.Row))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%q finds %q, want %q", text, s, want)
		}
	}
	if got := b.Search("o", 2); len(got) != 2 {
		t.Errorf("a limit of 2 gives %d", len(got))
	}
	m := b.Search("ana", 1)[0]
	m.Numbers[0].Number, m.Fields["plan"] = "spoilt", "spoilt"
	if again := b.Search("ana", 1)[0]; again.Numbers[0].Number != "+38641000001" || again.Fields["plan"] != "gold" {
		t.Error("what was found is the book's own")
	}
}
