// Package contacts keeps the lists of contacts that campaigns call, the numbers that must not be called, and
// what became of the contacts. Lists can be long, so they are not part of the desk's state and its
// snapshots: they have a log of their own, written once and read at start.
package contacts

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/desk/numbering"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Limits of a list.
const (
	MaxRows    = 200_000
	maxNumbers = 8
	maxColumns = 40
	maxCell    = 500
	maxErrors  = 500
)

// Row is one contact.
type Row struct {
	Name    string               `json:"n,omitempty"`
	Zone    string               `json:"z,omitempty"`
	Numbers []wire.ContactNumber `json:"t"`
	Fields  map[string]string    `json:"f,omitempty"`
}

// Parsed is what a file came to.
type Parsed struct {
	Rows    []Row
	Columns []string
	Faults  int
	Errors  []wire.RowError // the first ones
}

// Parse reads a CSV file with a heading (RFC 4180, UTF-8, comma or semicolon). Columns number, number2 to
// number8 are telephone numbers, each with optional columns medium, from and till of the same ending; name
// and zone are the contact's; every other column is kept for the agent. Rows with faults are left out, each
// with its reason; a number that an earlier row has already is a fault, one that stands twice in a row counts
// once; the plan says which numbers are the same. The error is a 422 for a file that is no such list at all.
func Parse(r io.Reader, plan numbering.Plan) (Parsed, error) {
	var p Parsed
	text, err := io.ReadAll(r)
	if err != nil {
		return p, problem.As(err)
	}
	if !utf8.Valid(text) {
		return p, refuse("not_utf8", "the file is not UTF-8")
	}
	c := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff")))
	heading, _, _ := strings.Cut(string(text), "\n")
	if strings.Count(heading, ";") > strings.Count(heading, ",") {
		c.Comma = ';'
	}
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	head, err := c.Read()
	if err != nil {
		return p, refuse("no_heading", "the file has no heading")
	}
	for _, h := range head {
		p.Columns = append(p.Columns, strings.ToLower(strings.TrimSpace(h)))
	}
	switch {
	case len(p.Columns) > maxColumns:
		return p, refuse("too_many_columns", "a list has at most 40 columns")
	case !slices.Contains(p.Columns, "number"):
		return p, refuse("no_number", "the heading has no column number")
	}
	for i, name := range p.Columns {
		if name == "" || slices.Index(p.Columns, name) != i {
			return p, refuse("bad_heading", "a column of the heading has no name, or one that is there twice")
		}
	}
	seen := map[string]int{}
	for n := 1; ; n++ {
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if n > MaxRows {
			return p, refuse("too_many_rows", "a list has at most 200000 contacts")
		}
		bad := func(column, code, detail string) {
			if len(p.Errors) < maxErrors {
				p.Errors = append(p.Errors, wire.RowError{Row: n, Column: column, Code: code, Detail: detail})
			}
		}
		if err != nil {
			p.Faults++
			bad("", "malformed", "the row is not CSV: "+cause(err))
			continue
		}
		row, faults := p.row(cells)
		row.Numbers = once(row.Numbers, plan)
		for _, t := range row.Numbers {
			if first, twice := seen[plan.Key(t.Number)]; twice && len(faults) == 0 {
				faults = append(faults, problem.Field{Pointer: "/number", Code: "duplicate", Detail: fmt.Sprintf("%s stands in row %d already", t.Number, first)})
			}
		}
		if len(faults) > 0 {
			p.Faults++
			for _, f := range faults {
				bad(strings.TrimPrefix(f.Pointer, "/"), f.Code, f.Detail)
			}
			continue
		}
		for _, t := range row.Numbers {
			seen[plan.Key(t.Number)] = n
		}
		p.Rows = append(p.Rows, row)
	}
}

// once leaves out numbers that are the same as one before.
func once(numbers []wire.ContactNumber, plan numbering.Plan) []wire.ContactNumber {
	out := numbers[:0]
	for _, n := range numbers {
		if !slices.ContainsFunc(out, func(o wire.ContactNumber) bool { return plan.Key(o.Number) == plan.Key(n.Number) }) {
			out = append(out, n)
		}
	}
	return out
}

func cause(err error) string {
	var e *csv.ParseError
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

func refuse(code, detail string) error { return problem.New(422, code, "%s", detail) }

func (p *Parsed) row(cells []string) (row Row, f callback.Faults) {
	if len(cells) != len(p.Columns) {
		f.Add("/", "columns", "the row has %d cells, the heading %d", len(cells), len(p.Columns))
		return row, f
	}
	cell := func(column string) string {
		if i := slices.Index(p.Columns, column); i >= 0 {
			return strings.TrimSpace(cells[i])
		}
		return ""
	}
	for i, column := range p.Columns {
		if utf8.RuneCountInString(cells[i]) > maxCell {
			f.Add("/"+column, "length", "a cell has at most %d characters", maxCell)
		}
	}
	row.Name, row.Zone = cell("name"), cell("zone")
	if row.Zone != "" {
		if _, err := hours.Zone(row.Zone); err != nil {
			f.Add("/zone", "unknown", "%q is not an IANA time zone", row.Zone)
		}
	}
	special := []string{"name", "zone"}
	for i := 1; i <= maxNumbers; i++ {
		end := ""
		if i > 1 {
			end = fmt.Sprint(i)
		}
		special = append(special, "number"+end, "medium"+end, "from"+end, "till"+end)
		raw := cell("number" + end)
		if raw == "" && i > 1 {
			continue
		}
		t := wire.ContactNumber{Number: f.Number("/number"+end, raw), Medium: cell("medium" + end), From: cell("from" + end), Till: cell("till" + end)}
		CheckHours(&f, "/from"+end, "/till"+end, t.From, t.Till)
		row.Numbers = append(row.Numbers, t)
	}
	for i, column := range p.Columns {
		if !slices.Contains(special, column) && strings.TrimSpace(cells[i]) != "" {
			if row.Fields == nil {
				row.Fields = map[string]string{}
			}
			row.Fields[strings.Clone(column)] = strings.Clone(strings.TrimSpace(cells[i]))
		}
	}
	return row, f
}

// CheckHours checks the hours a number may be called in: both or neither, and the first before the last.
func CheckHours(f *callback.Faults, fromPointer, tillPointer, from, till string) {
	if from == "" && till == "" {
		return
	}
	a, err := hours.ParseClock(from)
	if err != nil {
		f.Add(fromPointer, "invalid", "a time is like 09:30")
		return
	}
	b, err := hours.ParseClock(till)
	if err != nil || b <= a {
		f.Add(tillPointer, "invalid", "a time is like 09:30, and after the first")
	}
}
