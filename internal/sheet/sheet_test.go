package sheet

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "a=b": "a=b", "12": "12", "5-3": "5-3",
		"=1+1": "'=1+1", "+38641": "'+38641", "-2": "'-2", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"  =1": "'  =1", "\u00a0=1": "'\u00a0=1", "＝1": "'＝1", "＠x": "'＠x", "  ": "  ", "'=1": "'=1",
	} {
		if got := Safe(in); got != want {
			t.Errorf("%q is written %q, want %q", in, got, want)
		}
	}
}

// FuzzRow: whatever text is written is read back, perhaps with an apostrophe, in one cell, and begins no formula.
func FuzzRow(f *testing.F) {
	for _, s := range []string{"", "a,b", "a\"b", "line\nbreak", "=cmd|' /C calc'!A0", "\ufeff=1", "+1;2", "\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b strings.Builder
		w, err := New(&b, "text", "number", "time")
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		if err := w.Row(s, 1.5, at); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[1]) != 3 || rows[1][1] != "1.5" || rows[1][2] != "2026-03-01T00:00:00Z" {
			t.Fatalf("%q reads as %q: %v", b.String(), rows, err)
		}
		got := rows[1][0]
		if got != "" && strings.ContainsAny(got[:1], "=+-@\t\r\n") {
			t.Fatalf("%q begins a formula", got)
		}
		// A reader makes LF of CR LF (RFC 4180 has only the latter).
		same := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "") }
		if same(strings.TrimPrefix(got, "'")) != same(strings.TrimPrefix(s, "'")) {
			t.Fatalf("%q comes back as %q", s, got)
		}
	})
}
