package vec

// The sums of a room, in integers and so exact: a routine and its reference give the same to the bit, at
// any length. The routines are in mix_amd64.s.

// Add adds src to sum, value by value. The lengths are the same.
func Add(sum []int32, src []int16) {
	sum = sum[:len(src)]
	n := add(sum, src)
	addRef(sum[n:], src[n:])
}

// Sub subtracts src from sum, value by value. The lengths are the same.
func Sub(sum []int32, src []int16) {
	sum = sum[:len(src)]
	n := sub(sum, src)
	subRef(sum[n:], src[n:])
}

// Narrow sets dst to sum, held to 16 bits, and tells the least and the greatest value of the sum, or 0 where
// that is on the other side. The lengths are the same.
func Narrow(dst []int16, sum []int32) (lo, hi int32) {
	dst = dst[:len(sum)]
	n, lo, hi := narrow(dst, sum)
	l, h := narrowRef(dst[n:], sum[n:])
	return min(lo, l), max(hi, h)
}

// Energy is the sum of the squares of src.
func Energy(src []int16) uint64 {
	n, sum := energy(src)
	return sum + energyRef(src[n:])
}

func addRef(sum []int32, src []int16) {
	for i, s := range src {
		sum[i] += int32(s)
	}
}

func subRef(sum []int32, src []int16) {
	for i, s := range src {
		sum[i] -= int32(s)
	}
}

func narrowRef(dst []int16, sum []int32) (lo, hi int32) {
	for i, s := range sum {
		lo, hi = min(lo, s), max(hi, s)
		dst[i] = int16(max(-1<<15, min(1<<15-1, s)))
	}
	return lo, hi
}

func energyRef(src []int16) (sum uint64) {
	for _, s := range src {
		sum += uint64(int64(s) * int64(s))
	}
	return sum
}
