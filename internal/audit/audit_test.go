package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

func newLog(t *testing.T, dir string, now func() time.Time) *Log {
	t.Helper()
	l, err := Open(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestAudit: what is written is found again by every filter and page by page, across months and restarts, in
// one chain.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC)
	l := newLog(t, dir, func() time.Time { return at })
	for i := range 500 {
		if i%100 == 99 {
			l = newLog(t, dir, func() time.Time { return at })
		}
		action := "recording.played"
		if i%5 == 0 {
			action = "recording.deleted"
		}
		e, err := l.Write(wire.AuditEntry{Actor: fmt.Sprintf("agent%d", i%3), Action: action, Object: fmt.Sprintf("rec_%d", i), Detail: map[string]string{"text": strings.Repeat("x", i*3)}})
		if err != nil || e.Seq != uint64(i+1) || !e.Time.Equal(at) || (e.Previous == "") != (i == 0) {
			t.Fatalf("entry %d: %+v, %v", i, e, err)
		}
		at = at.Add(10 * time.Minute)
		if i == 400 {
			at = at.Add(-60 * 24 * time.Hour) // somebody sets the clock back by two months
		}
	}
	if n, err := l.Check(); n != 500 || err != nil {
		t.Errorf("check: %d, %v", n, err)
	}
	names, err := l.files()
	if err != nil || len(names) != 2 {
		t.Errorf("files: %q, %v", names, err)
	}
	for _, c := range []struct {
		f    Filter
		want int
	}{
		{Filter{}, 500},
		{Filter{Actor: "agent1"}, 167},
		{Filter{Action: "recording.deleted"}, 100},
		{Filter{Action: "recording."}, 500},
		{Filter{Action: "call."}, 0},
		{Filter{Object: "rec_77"}, 1},
		{Filter{CallID: "call_1"}, 0},
		{Filter{Until: time.Date(2026, 3, 30, 1, 0, 0, 0, time.UTC)}, 6 + 99},
		{Filter{Since: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}, 401 - 288},
	} {
		got, last := 0, uint64(1<<62)
		for f, pages := c.f, 0; ; pages++ {
			f.Limit = 30
			list, next, err := l.List(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if e.Seq >= last {
					t.Fatalf("%+v: %d follows %d", c.f, e.Seq, last)
				}
				last = e.Seq
			}
			got += len(list)
			if f.Before = next; next == 0 {
				break
			}
		}
		if got != c.want {
			t.Errorf("%+v: %d entries, want %d", c.f, got, c.want)
		}
	}
}

// TestAuditTorn: a line that a crash has cut was never acknowledged and is not there; the chain goes on.
func TestAuditTorn(t *testing.T) {
	l := newLog(t, t.TempDir(), nil)
	for range 3 {
		if _, err := l.Write(wire.AuditEntry{Actor: "a", Action: "b"}); err != nil {
			t.Fatal(err)
		}
	}
	names, err := l.files()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(names[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"seq":4,"act`)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if list, _, err := l.List(Filter{Limit: 10}); err != nil || len(list) != 3 {
		t.Errorf("%d entries, %v", len(list), err)
	}
	if e, err := l.Write(wire.AuditEntry{Actor: "a", Action: "c"}); err != nil || e.Seq != 4 {
		t.Errorf("%+v, %v", e, err)
	}
	if n, err := l.Check(); n != 4 || err != nil {
		t.Errorf("check: %d, %v", n, err)
	}
}

// TestVerifyAudit: a line that was changed, taken out or put elsewhere is noticed.
func TestVerifyAudit(t *testing.T) {
	for name, spoil := range map[string]func(lines []string) []string{
		"changed": func(l []string) []string { l[3] = strings.Replace(l[3], "agent3", "agent9", 1); return l },
		"taken":   func(l []string) []string { return append(l[:3:3], l[4:]...) },
		"swapped": func(l []string) []string { l[3], l[4] = l[4], l[3]; return l },
	} {
		l := newLog(t, t.TempDir(), nil)
		for i := range 8 {
			if _, err := l.Write(wire.AuditEntry{Actor: fmt.Sprintf("agent%d", i), Action: "b"}); err != nil {
				t.Fatal(err)
			}
		}
		names, err := l.files()
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		lines := spoil(strings.SplitAfter(string(b), "\n"))
		if err := os.WriteFile(names[0], []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Check(); err == nil || !strings.Contains(err.Error(), "line "+map[string]string{"changed": "5", "taken": "4", "swapped": "4"}[name]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAuditManyWriters: several logs on one folder, as several processes have it, make one chain.
func TestAuditManyWriters(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 4 {
		l := newLog(t, dir, nil)
		wg.Go(func() {
			for range 25 {
				if _, err := l.Write(wire.AuditEntry{Actor: fmt.Sprint(i), Action: "x"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n, err := newLog(t, dir, nil).Check(); n != 100 || err != nil {
		t.Errorf("check: %d, %v", n, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "lock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("lock: %v", err)
	}
}
