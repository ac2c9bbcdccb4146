//go:build !amd64

package vec

// vectors and wide are false where there are no routines; variables because the tests turn them off elsewhere.
var vectors, wide = false, false

func product(dst, a Rows, rows int, w Matrix, bias []float32, add Rows, relu bool) {
	productRef(dst, a, rows, w, bias, add, relu)
}

func mix(dst Rows, m []float32, x Rows, rows, heads int, add Rows) {
	mixRef(dst, m, x, rows, heads, add)
}

func gates(h, x, g []float32, n int)                   { gatesRef(h, x, g, n) }
func sigmoid(x []float32)                              { sigmoidRef(x) }
func tanh(x []float32)                                 { tanhRef(x) }
func log2(x []float32)                                 { log2Ref(x) }
func exp2(x []float32)                                 { exp2Ref(x) }
func mul(dst, a, b []float32)                          { mulRef(dst, a, b) }
func power(dst, re, im []float32)                      { powerRef(dst, re, im) }
func turn(dr, di, cr, ci, xr, xi []float32)            { turnRef(dr, di, cr, ci, xr, xi) }
func overlap(dst, d, x, w []float32, k float32)        { overlapRef(dst, d, x, w, k) }
func fromInt16(dst []float32, src []int16)             { fromInt16Ref(dst, src) }
func toInt16(dst []int16, src []float32)               { toInt16Ref(dst, src) }
func butterflies(dst, src []float32, p *pass)          { butterfliesRef(dst, src, p) }
func join(re, im, src, tw []float32, m int)            { joinRef(re, im, src, tw, m) }
func split(xr, xi, yr, yi, re, im []float32, n int)    { splitRef(xr, xi, yr, yi, re, im, n) }
func merge(re, im, xr, xi, yr, yi []float32, b, n int) { mergeRef(re, im, xr, xi, yr, yi, b, n) }

func pack(dst, x, y, w []float32) {
	if w == nil {
		packPlainRef(dst, x, y)
		return
	}
	packRef(dst, x, y, w)
}
