// Package vec is the only home of vector instructions: products of small matrices, the gates of a recurrent
// network, logarithms and exponentials, the Fourier transform of two real signals at once, and the sums of
// samples that a room needs.
//
// Every function is plain Go on slices. On amd64 with AVX2 and FMA the work is done by the routines in
// vec_amd64.s, which gen/ writes; everywhere else, and in the tests as the measure, by the scalar reference in
// ref.go. The two agree within the bounds that the tests state; they differ where a fused multiply-add rounds
// once and the reference twice. The sums in mix.go are exact; their few routines are in mix_amd64.s. Nothing
// here allocates, and nothing is retained.
package vec

// Matrix is the right-hand side of a product, Inner rows of Cols values, a row every Stride values.
// Cols is a multiple of 8.
type Matrix struct {
	Data                []float32
	Inner, Cols, Stride int
}

// NewMatrix is a view of inner*cols values, row after row.
func NewMatrix(data []float32, inner, cols int) Matrix {
	return Matrix{data[:inner*cols], inner, cols, cols}
}

// Rows are rows of a larger array: row i begins at Data[i*Stride]. Rows may overlap when they are only read,
// which makes a convolution a product.
type Rows struct {
	Data   []float32
	Stride int
}

// From is the same rows beginning n values later.
func (r Rows) From(n int) Rows { return Rows{r.Data[n:], r.Stride} }

// Product sets dst = f(a*w + bias + add) for rows rows, f being max(0, x) where relu is set and x otherwise.
// bias is one row of w.Cols values or nil; add.Data is nil or has rows of w.Cols values of its own. dst may
// be add, but not a. Rows is a multiple of 4.
func Product(dst Rows, a Rows, rows int, w Matrix, bias []float32, add Rows, relu bool) {
	if rows&3 != 0 || w.Cols&7 != 0 || rows == 0 || w.Cols == 0 || w.Inner == 0 {
		panic("vec: product of an odd shape")
	}
	// One look at the last element of each proves the rest.
	_ = dst.Data[(rows-1)*dst.Stride+w.Cols-1]
	_ = a.Data[(rows-1)*a.Stride+w.Inner-1]
	_ = w.Data[(w.Inner-1)*w.Stride+w.Cols-1]
	if bias != nil {
		_ = bias[w.Cols-1]
	}
	if add.Data != nil {
		_ = add.Data[(rows-1)*add.Stride+w.Cols-1]
	}
	product(dst, a, rows, w, bias, add, relu)
}

// Mix mixes the rows of x among themselves, in two sets, one after the other, of rows rows each: columns 8h to 8h+7 of
// a set of dst are max(0, m[h]*x + add) of the same columns of the same set of x, m being heads matrices of rows times
// rows values, one after the other, column after column, and add the same for both sets. Rows is a multiple of 8; dst is not x.
func Mix(dst Rows, m []float32, x Rows, rows, heads int, add Rows) {
	if rows&7 != 0 || rows == 0 || heads <= 0 {
		panic("vec: mix of an odd shape")
	}
	_ = m[heads*rows*rows-1]
	_ = dst.Data[(2*rows-1)*dst.Stride+8*heads-1]
	_ = x.Data[(2*rows-1)*x.Stride+8*heads-1]
	_ = add.Data[(rows-1)*add.Stride+8*heads-1]
	mix(dst, m, x, rows, heads, add)
}

// Gates advances gated recurrent units of n states each (a multiple of 8; of 32 to be fast) that lie one after the other: x and g
// are the input's and the state's share of their 3n gate values each, in the order reset, update, candidate,
// biases included, and may be overwritten; h are the states, replaced.
func Gates(h, x, g []float32, n int) {
	if n&7 != 0 || n <= 0 || len(h)%n != 0 || len(x) != 3*len(h) || len(g) != 3*len(h) {
		panic("vec: gates of an odd shape")
	}
	gates(h, x, g, n)
}

// Sigmoid replaces every x by 1/(1+exp(-x)). The length is a multiple of 8.
func Sigmoid(x []float32) { sigmoid(eights(x)) }

// Tanh replaces every x by its hyperbolic tangent. The length is a multiple of 8.
func Tanh(x []float32) { tanh(eights(x)) }

// Log2 replaces every x, which must be a positive normal number, by its binary logarithm. The length is a
// multiple of 8.
func Log2(x []float32) { log2(eights(x)) }

// Exp2 replaces every x by 2 to the power of x; x is held to ±126. The length is a multiple of 8.
func Exp2(x []float32) { exp2(eights(x)) }

// Mul sets dst = a*b, value by value. The lengths are the same and a multiple of 8.
func Mul(dst, a, b []float32) { mul(eights(dst), same(a, dst), same(b, dst)) }

// Power sets dst = re*re + im*im. The lengths are the same and a multiple of 8.
func Power(dst, re, im []float32) { power(eights(dst), same(re, dst), same(im, dst)) }

// Turn adds the complex product of c and x to d. The lengths are the same and a multiple of 8.
func Turn(dr, di, cr, ci, xr, xi []float32) {
	turn(eights(dr), same(di, dr), same(cr, dr), same(ci, dr), same(xr, dr), same(xi, dr))
}

// Overlap adds w*(k*w*x + d) to dst: a frame of samples x, k times as loud, and what is to be added to it, in
// their windows. The lengths are the same and a multiple of 8.
func Overlap(dst, d, x, w []float32, k float32) {
	overlap(eights(dst), same(d, dst), same(x, dst), same(w, dst), k)
}

// FromInt16 sets dst = src/32768. The lengths are the same and a multiple of 8.
func FromInt16(dst []float32, src []int16) {
	_ = src[:len(dst)]
	fromInt16(eights(dst), src)
}

// ToInt16 sets dst = 32768*src, rounded to the nearest (halves to even) and held to 16 bits; NaN gives
// -32768. The lengths are the same and a multiple of 8.
func ToInt16(dst []int16, src []float32) {
	_ = dst[:len(src)]
	toInt16(dst, eights(src))
}

func same(x, as []float32) []float32 { return x[:len(as)] }

func eights(x []float32) []float32 {
	if len(x)&7 != 0 {
		panic("vec: a length that is no multiple of 8")
	}
	return x
}
