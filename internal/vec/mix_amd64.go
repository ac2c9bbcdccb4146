package vec

// All take n values, a multiple of 16 and not 0.

//go:noescape
func addAVX2(sum *int32, src *int16, n int)

//go:noescape
func subAVX2(sum *int32, src *int16, n int)

//go:noescape
func narrowAVX2(dst *int16, sum *int32, n int) (lo, hi int32)

//go:noescape
func energyAVX2(src *int16, n int) uint64

// sixteens is how much of n values the routines take, 0 without them.
func sixteens(n int) int {
	if !vectors {
		return 0
	}
	return n &^ 15
}

// Each says how many values it has taken care of.

func add(sum []int32, src []int16) int {
	n := sixteens(len(src))
	if n > 0 {
		addAVX2(&sum[0], &src[0], n)
	}
	return n
}

func sub(sum []int32, src []int16) int {
	n := sixteens(len(src))
	if n > 0 {
		subAVX2(&sum[0], &src[0], n)
	}
	return n
}

func narrow(dst []int16, sum []int32) (n int, lo, hi int32) {
	if n = sixteens(len(sum)); n > 0 {
		lo, hi = narrowAVX2(&dst[0], &sum[0], n)
	}
	return n, lo, hi
}

func energy(src []int16) (n int, sum uint64) {
	if n = sixteens(len(src)); n > 0 {
		sum = energyAVX2(&src[0], n)
	}
	return n, sum
}
