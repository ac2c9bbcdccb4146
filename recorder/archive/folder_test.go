package archive_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
)

// TestFolderSweep: what nobody writes any more goes, what somebody is writing stays.
func TestFolderSweep(t *testing.T) {
	dir := t.TempDir()
	a := archive.NewFolder(dir)
	if err := a.Sweep(); err != nil {
		t.Errorf("a new folder: %v", err)
	}
	if err := a.Put(t.Context(), "a/b", archivetest.Source(t, archivetest.Bytes(1000))); err != nil {
		t.Fatal(err)
	}
	incoming := filepath.Join(dir, ".incoming")
	for _, name := range []string{"put-dead", "put-alive", "other"} {
		if err := os.WriteFile(filepath.Join(incoming, name), []byte("half"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(filepath.Join(incoming, "put-alive"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := a.Sweep(); err != nil {
		t.Error(err)
	}
	list, err := os.ReadDir(incoming)
	if err != nil || len(list) != 2 || list[0].Name() != "other" || list[1].Name() != "put-alive" {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := a.Stat(t.Context(), "a/b"); err != nil {
		t.Error(err)
	}
}
