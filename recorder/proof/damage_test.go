package proof

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/recorder/chain"
)

// TestProveDamage damages a stored recording at random places in random ways, clear and sealed: each time the
// chunk that was touched first is named.
func TestProveDamage(t *testing.T) {
	rounds := 150
	if report.Slow() {
		rounds = 5000
	}
	missed, n := 0, 0
	random := rand.New(rand.NewPCG(11, 13))
	for _, sealed := range []bool{false, true} {
		s := newSite(t, sealed)
		w, folder := s.record(t, 3*time.Second)
		dir := filepath.Join(s.cfg.Archive.Folder, folder)
		for range rounds {
			tr := w.Tracks[random.IntN(len(w.Tracks))]
			path := filepath.Join(dir, tr.Object)
			good := read(t, path)
			c := chunks(t, dir, tr.ID, tr.Object)
			k := random.IntN(len(c))
			what := []string{"flip", "drop", "swap", "truncate", "insert"}[random.IntN(5)]
			list := slices.Clone(c)
			switch what {
			case "flip": // one bit
				list[k] = bytes.Clone(list[k])
				list[k][random.IntN(len(list[k]))] ^= 1 << random.IntN(8)
			case "drop":
				list = slices.Delete(list, k, k+1)
			case "swap":
				other := random.IntN(len(list))
				if other == k || bytes.Equal(list[other], list[k]) {
					continue
				}
				list[k], list[other] = list[other], list[k]
				k = min(k, other)
			case "truncate": // anywhere in it, or all of it
				list[k] = list[k][:random.IntN(len(list[k]))]
				list = list[:k+1]
			case "insert": // a chunk twice
				list = slices.Insert(list, k, list[random.IntN(len(list))])
				if bytes.Equal(list[k], c[k]) {
					k++ // the one behind it is the first that is out of place
				}
			}
			write(t, path, bytes.Join(list, nil))
			_, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public})
			var f *chain.Fault
			if !errors.Is(err, ErrBad) || !errors.As(err, &f) || f.Chunk != k || f.Name != w.ID+"/"+tr.Object {
				t.Errorf("sealed %v: %s of chunk %d of %s: %v", sealed, what, k, tr.Object, err)
				missed++
			}
			write(t, path, good)
			n++
		}
	}
	report.Keep(t, "verify-damage", "Random damage to chunks: flip, drop, swap, truncate, insert",
		report.Exactly("damages not named", float64(missed), 0), report.Most("damages not tried", float64(2*rounds-n), float64(rounds)/5))
}

// TestProveEveryDamage damages every chunk of every track of a stored recording, clear and sealed, in each way there
// is: a bit flipped (of each fifth byte in the slow suite, else of some), the chunk taken out, another put before it, its
// place given to each other chunk, and the file cut in the middle of it. Each time that chunk is named.
func TestProveEveryDamage(t *testing.T) {
	step := 89
	if report.Slow() {
		step = 5
	}
	missed, n := 0, 0
	for _, sealed := range []bool{false, true} {
		s := newSite(t, sealed)
		w, folder := s.record(t, time.Second)
		dir := filepath.Join(s.cfg.Archive.Folder, folder)
		for _, tr := range w.Tracks {
			path := filepath.Join(dir, tr.Object)
			good := read(t, path)
			c := chunks(t, dir, tr.ID, tr.Object)
			try := func(what string, k int, list [][]byte) {
				t.Helper()
				write(t, path, bytes.Join(list, nil))
				_, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public})
				var f *chain.Fault
				if !errors.Is(err, ErrBad) || !errors.As(err, &f) || f.Chunk != k || f.Name != w.ID+"/"+tr.Object {
					t.Errorf("sealed %v: %s of chunk %d of %s: %v", sealed, what, k, tr.Object, err)
					missed++
				}
				n++
			}
			for k := range c {
				for at := k % step; at < len(c[k]); at += step {
					list := slices.Clone(c)
					list[k] = bytes.Clone(list[k])
					list[k][at] ^= 1 << (at % 8)
					try("flip", k, list)
					try("truncate", k, append(slices.Clone(c[:k]), c[k][:at]))
				}
				try("drop", k, slices.Delete(slices.Clone(c), k, k+1))
				for other := range c {
					if other > k && !bytes.Equal(c[other], c[k]) {
						list := slices.Clone(c)
						list[k], list[other] = list[other], list[k]
						try("swap", k, list)
					}
					if !bytes.Equal(c[other], c[k]) {
						try("insert", k, slices.Insert(slices.Clone(c), k, c[other]))
					}
				}
			}
			write(t, path, good)
		}
		if _, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public}); err != nil {
			t.Errorf("put back: %v", err)
		}
	}
	t.Logf("%d damages", n)
	report.Keep(t, "verify-every-chunk", "Every chunk of a recording flipped, dropped, swapped with each other, truncated, inserted before",
		report.Exactly("damages not named", float64(missed), 0), report.Figure{Name: "damages tried", Value: float64(n), Met: n > 400})
}
