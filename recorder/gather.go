package recorder

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// gather makes the files of a recording whole whose parts a crash has left in its folder and in the fallback
// folder. It may be called again after a failure: parts go only when the whole is there to last.
func (r *Recorder) gather(dir string) error {
	dirs := []string{dir}
	if r.cfg.FallbackDir != "" {
		if other := filepath.Join(r.cfg.FallbackDir, filepath.Base(dir)); other != dir {
			dirs = append(dirs, other)
		}
	}
	found, err := findParts(dirs)
	if err != nil {
		return err
	}
	for name, list := range found {
		whole := filepath.Join(dir, name)
		parts, err := countedParts(whole, list)
		if err != nil {
			return err
		}
		if err := copyParts(r.disk, whole, parts, -1); err != nil {
			return fmt.Errorf("recorder: join %s: %w", name, err)
		}
		for _, p := range list {
			if err := r.disk.Remove(p.path); err != nil {
				return fmt.Errorf("recorder: remove part of %s: %w", name, err)
			}
		}
	}
	if len(dirs) > 1 {
		dropCopies(r.disk, dirs[1])
		if err := r.disk.Remove(dirs[1]); err != nil && !errors.Is(err, os.ErrNotExist) {
			r.log.Warn("fallback folder left", "recording", filepath.Base(dir), "cause", err)
		}
	}
	return nil
}

// partFile is a part of a file and which one.
type partFile struct {
	segment
	n int
}

// findParts looks for parts of files in folders, which need not exist, and gives them by the files' names in the
// order of their numbers.
func findParts(dirs []string) (map[string][]partFile, error) {
	found := make(map[string][]partFile)
	for _, d := range dirs {
		list, err := os.ReadDir(d)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("recorder: look for parts: %w", err)
		}
		for _, e := range list {
			if name, n, base, ok := parsePart(e.Name()); ok {
				found[name] = append(found[name], partFile{segment{filepath.Join(d, e.Name()), base}, n})
			}
		}
	}
	for _, list := range found {
		slices.SortFunc(list, func(a, b partFile) int { return cmp.Compare(a.n, b.n) })
	}
	return found, nil
}

// countedParts is what a file is made of: what lies under its name, if anything, and those of its parts that count.
func countedParts(whole string, list []partFile) (parts []segment, err error) {
	if exists(whole) {
		parts = append(parts, segment{path: whole})
	}
	for _, p := range list {
		for len(parts) > 0 && parts[len(parts)-1].base >= p.base { // nothing of it counts
			parts = parts[:len(parts)-1]
		}
		if len(parts) == 0 && p.base > 0 {
			return nil, fmt.Errorf("recorder: the beginning of %s is missing", filepath.Base(whole))
		}
		parts = append(parts, p.segment)
	}
	return parts, nil
}

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

// parsePart reads a name that partName made.
func parsePart(s string) (name string, n int, base int64, ok bool) {
	name, rest, ok := strings.Cut(s, partMark)
	if !ok || name == "" {
		return "", 0, 0, false
	}
	number, offset, ok := strings.Cut(rest, "-")
	if !ok {
		return "", 0, 0, false
	}
	n, err := strconv.Atoi(number)
	base, err2 := strconv.ParseInt(offset, 10, 64)
	if err != nil || err2 != nil || n < 1 || base < 0 || partName(name, n, base) != s {
		return "", 0, 0, false
	}
	return name, n, base, true
}
