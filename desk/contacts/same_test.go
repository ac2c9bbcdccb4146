package contacts

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/desk/numbering"
)

var slovenia = numbering.Plan{Country: "386", Trunk: "0"}

// entries is a log in memory.
type entries [][]byte

func (l *entries) Append(_ context.Context, data []byte) (uint64, error) {
	*l = append(*l, data)
	return uint64(len(*l)), nil
}

func (l *entries) Read(_ context.Context, _ uint64, f func(uint64, []byte) error) error {
	for i, e := range *l {
		if err := f(uint64(i+1), e); err != nil {
			return err
		}
	}
	return nil
}

func book(t *testing.T, l *entries, p numbering.Plan) *Book {
	t.Helper()
	b, err := Open(t.Context(), l, p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A number is barred however it is written, also after a start, and with a plan that was configured later.
func TestBarredHoweverItIsWritten(t *testing.T) {
	log := &entries{}
	b := book(t, log, slovenia)
	for _, n := range []string{"+38640123456", "041 000 001", "004930123456"} {
		if err := b.Bar(t.Context(), []string{n}, true); err != nil {
			t.Fatal(err)
		}
	}
	check := func(b *Book, want bool, numbers ...string) {
		t.Helper()
		for _, n := range numbers {
			if b.Barred(n) != want {
				t.Errorf("%s: barred %t", n, !want)
			}
		}
	}
	for range 2 {
		check(b, true, "040123456", "0038640123456", "+386 40 123 456", "041000001", "+38641000001", "+4930123456")
		check(b, false, "030123456", "40123456", "+4940123456")
		b = book(t, log, slovenia)
	}
	plain := book(t, log, numbering.Plan{})
	check(plain, true, "+38640123456", "041000001")
	check(plain, false, "040123456", "+38641000001")
	if err := b.Bar(t.Context(), []string{"040 123 456"}, false); err != nil {
		t.Fatal(err)
	}
	check(b, false, "+38640123456")
	check(book(t, log, slovenia), false, "+38640123456", "040123456")
}

// What a server before wrote is read: its numbers have no plus, so each counts as national and international.
func TestBarredByAnOlderServer(t *testing.T) {
	log := &entries{[]byte(`{"bar":["38640123456","041000001","2125551234"]}`), []byte(`{"unbar":["041000009"]}`)}
	b := book(t, log, numbering.Plan{Country: "1", Trunk: "1", International: "011", NationalDigits: 10})
	for _, n := range []string{"+38640123456", "2125551234", "+12125551234", "+2125551234"} {
		if !b.Barred(n) {
			t.Errorf("%s may be called", n)
		}
	}
	b = book(t, log, slovenia)
	for _, n := range []string{"040123456", "+38640123456", "041000001", "+38641000001"} {
		if !b.Barred(n) {
			t.Errorf("%s may be called", n)
		}
	}
	// And the other way round: what is written now, an older server reads.
	if err := b.Bar(t.Context(), []string{"+38640999999"}, true); err != nil {
		t.Fatal(err)
	}
	var e struct{ Bar []string }
	if err := json.Unmarshal((*log)[2], &e); err != nil || len(e.Bar) != 1 || e.Bar[0] != "38640999999" {
		t.Errorf("%s", (*log)[2])
	}
}

func TestDuplicatesHoweverTheyAreWritten(t *testing.T) {
	csv := "number,number2,number3\n040123456,+38640123456,041000001\n0038641000001,,\n+38642000000,042 000 000,\n"
	p, err := Parse(strings.NewReader(csv), slovenia)
	if err != nil || len(p.Rows) != 2 || p.Faults != 1 || p.Errors[0].Row != 2 || p.Errors[0].Code != "duplicate" {
		t.Fatalf("%+v %v", p, err)
	}
	if n := p.Rows[0].Numbers; len(n) != 2 || n[0].Number != "040123456" || n[1].Number != "041000001" {
		t.Errorf("%+v", n)
	}
	if n := p.Rows[1].Numbers; len(n) != 1 {
		t.Errorf("%+v", n)
	}
	if p, err = Parse(strings.NewReader("number\n+38640123456\n0038640123456\n"), numbering.Plan{}); err != nil || len(p.Rows) != 1 {
		t.Errorf("the plus is known without a plan: %+v %v", p, err)
	}
}
