// Package sheet writes tables as comma-separated values (RFC 4180, lines end in CR LF, UTF-8) for people who open
// them in a spreadsheet: a text a spreadsheet would take for a formula gets an apostrophe before it.
package sheet

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// Type is the media type of what a Writer writes.
const Type = "text/csv; charset=utf-8; header=present"

// Writer writes one table, row by row.
type Writer struct {
	w    *csv.Writer
	rows int
}

// New begins a table on w with its header.
func New(w io.Writer, columns ...string) (*Writer, error) {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return &Writer{w: c}, c.Write(columns)
}

// Row writes one row. Texts are made safe, numbers and times are written as they are, a nil pointer to a number is
// an empty cell.
func (w *Writer) Row(cells ...any) error {
	out := make([]string, len(cells))
	for i, c := range cells {
		switch v := c.(type) {
		case string:
			out[i] = Safe(v)
		case int:
			out[i] = strconv.Itoa(v)
		case float64:
			out[i] = strconv.FormatFloat(v, 'f', -1, 64)
		case *float64:
			if v != nil {
				out[i] = strconv.FormatFloat(*v, 'f', -1, 64)
			}
		case bool:
			out[i] = strconv.FormatBool(v)
		case time.Time:
			if !v.IsZero() {
				out[i] = v.Format(time.RFC3339)
			}
		default:
			panic("sheet: a cell of a kind that is not known")
		}
	}
	if err := w.w.Write(out); err != nil {
		return err
	}
	if w.rows++; w.rows%64 == 0 { // what is large goes out as it comes
		w.w.Flush()
	}
	return w.w.Error()
}

// Close writes what is left.
func (w *Writer) Close() error {
	w.w.Flush()
	return w.w.Error()
}

// Safe is a text that no spreadsheet takes for a formula: one that begins, perhaps after blanks, with = + - @, or
// with a tab or line end, gets an apostrophe before it. Full-width forms of the signs count too.
func Safe(s string) string {
	t := strings.TrimLeft(s, " \u00a0\u3000")
	if t == "" {
		return s
	}
	if strings.ContainsAny(t[:1], "=+-@\t\r\n") {
		return "'" + s
	}
	for _, sign := range []string{"＝", "＋", "－", "＠"} {
		if strings.HasPrefix(t, sign) {
			return "'" + s
		}
	}
	return s
}
