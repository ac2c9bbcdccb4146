package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Sums are exact: the routines give what the reference gives, at every length and at the ends of the range.
func TestMixIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		src, sum := make([]int16, n), make([]int32, n)
		for i := range src {
			switch rng.IntN(8) {
			case 0:
				src[i], sum[i] = math.MinInt16, math.MinInt32+40000
			case 1:
				src[i], sum[i] = math.MaxInt16, math.MaxInt32-40000
			default:
				src[i], sum[i] = int16(rng.Uint32()), int32(rng.Uint32())>>rng.IntN(20)
			}
		}
		want, got := slices.Clone(sum), slices.Clone(sum)
		addRef(want, src)
		if Add(got, src); !slices.Equal(got, want) {
			t.Fatalf("sum of %d differs", n)
		}
		subRef(want, src)
		if Sub(got, src); !slices.Equal(got, want) || !slices.Equal(got, sum) {
			t.Fatalf("difference of %d differs", n)
		}
		a, b := make([]int16, n), make([]int16, n)
		wantLo, wantHi := narrowRef(a, sum)
		lo, hi := Narrow(b, sum)
		if lo != wantLo || hi != wantHi || !slices.Equal(a, b) {
			t.Fatalf("%d narrowed: %d..%d, want %d..%d", n, lo, hi, wantLo, wantHi)
		}
		if got, want := Energy(src), energyRef(src); got != want {
			t.Fatalf("energy of %d: %d, want %d", n, got, want)
		}
	}
	loudest := slices.Repeat([]int16{math.MinInt16}, 960)
	if got := Energy(loudest); got != 960<<30 {
		t.Errorf("energy of the loudest frame: %d", got)
	}
}

func BenchmarkMix(b *testing.B) {
	src, sum, dst := make([]int16, 960), make([]int32, 960), make([]int16, 960)
	b.Run("add", func(b *testing.B) {
		for b.Loop() {
			Add(sum, src)
		}
	})
	b.Run("narrow", func(b *testing.B) {
		for b.Loop() {
			Narrow(dst, sum)
		}
	})
	b.Run("energy", func(b *testing.B) {
		for b.Loop() {
			Energy(src)
		}
	})
}
