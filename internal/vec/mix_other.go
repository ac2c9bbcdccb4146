//go:build !amd64

package vec

// Each says how many values it has taken care of.

func add([]int32, []int16) int                      { return 0 }
func sub([]int32, []int16) int                      { return 0 }
func narrow([]int16, []int32) (n int, lo, hi int32) { return 0, 0, 0 }
func energy([]int16) (n int, sum uint64)            { return 0, 0 }
