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
