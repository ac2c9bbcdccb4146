package mixer

// effort is how hard the engine tries.
type effort struct {
	complexity int8
	shed       bool
}

var efforts = [...]effort{{10, false}, {10, true}, {3, true}, {1, true}, {0, true}}
