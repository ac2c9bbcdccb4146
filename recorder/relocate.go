package recorder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// refuses reports whether a disk does not take what is written to it.
func refuses(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EIO)
}

// relocate moves a recording that the spool's disk does not let finish to the fallback's, all files whole, and
// returns its new folder. All that is written of it must last. Up to the moment when everything is over there the
// old folder with its parts is the recording; then it is renamed away. After a failure it may be called again.
func relocate(d disk, dir, fallback string) (err error) {
	if err := d.MkdirAll(fallback); err != nil {
		return fmt.Errorf("recorder: create folder: %w", err)
	}
	if err := d.SyncDir(filepath.Dir(fallback)); err != nil {
		return fmt.Errorf("recorder: sync fallback: %w", err)
	}
	found, err := findParts([]string{dir, fallback})
	if err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("recorder: look for files: %w", err)
	}
	for _, e := range list {
		if _, _, _, part := parsePart(e.Name()); !part && e.Type().IsRegular() && !strings.HasSuffix(e.Name(), freshSuffix) {
			found[e.Name()] = append([]partFile(nil), found[e.Name()]...)
		}
	}
	defer func() {
		if err != nil {
			dropCopies(d, fallback)
		}
	}()
	for name, list := range found {
		parts, err := countedParts(filepath.Join(dir, name), list)
		if err != nil {
			return err
		}
		if err := copyParts(d, filepath.Join(fallback, name), parts, -1); err != nil {
			return fmt.Errorf("recorder: copy %s: %w", name, err)
		}
	}
	if err := d.Rename(dir, dir+goneSuffix); err != nil {
		return fmt.Errorf("recorder: put folder away: %w", err)
	}
	return nil
}

// clearMoved clears up behind relocate: the old folder and the parts.
func clearMoved(d disk, dir, fallback string) error {
	if err := d.SyncDir(filepath.Dir(dir)); err != nil { // a power cut might bring the old folder back
		return fmt.Errorf("recorder: sync spool: %w", err)
	}
	found, err := findParts([]string{fallback})
	errs := []error{err, os.RemoveAll(dir + goneSuffix)}
	for _, list := range found {
		for _, p := range list {
			errs = append(errs, d.Remove(p.path))
		}
	}
	return errors.Join(errs...)
}

// dropCopies removes what a relocate that has failed left in the fallback's folder: all but the parts.
func dropCopies(d disk, fallback string) {
	list, err := os.ReadDir(fallback)
	if err != nil { // most recordings have none
		return
	}
	for _, e := range list {
		if _, _, _, part := parsePart(e.Name()); !part {
			_ = d.Remove(filepath.Join(fallback, e.Name())) // the next one tries again
		}
	}
}

// move makes all files whole in the fallback's folder, as their own disk does not take it. Everything lasts. It is
// called from a job and may be called again.
func (s *spool) move() error {
	if err := relocate(s.disk, s.dir, s.fallback); err != nil {
		return err
	}
	for _, f := range s.files {
		if f.f != nil {
			if err := f.f.Close(); err != nil { // it has just been synced
				s.log.Warn("spool close failed", "cause", err)
			}
			f.f = nil
		}
		if len(f.parts) > 0 {
			f.parts = []segment{{path: filepath.Join(s.fallback, f.name)}}
		}
	}
	if err := clearMoved(s.disk, s.dir, s.fallback); err != nil {
		s.log.Warn("clear spool failed", "cause", err)
	}
	s.log.Warn("recording moved to the fallback disk", "folder", s.fallback)
	s.dir, s.fallback = s.fallback, ""
	return nil
}
