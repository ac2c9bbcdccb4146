package vec

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate go run ./gen

// vectors is whether this CPU runs the routines in vec_amd64.s. The tests turn it off.
var vectors = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// wide is whether it runs those of 16 values as well. The tests turn it off.
var wide = vectors && cpu.X86.HasAVX512F

// productArgs is what the product routines are handed. Strides are in bytes. They count rows down to zero.
type productArgs struct {
	dst, a, w, bias, add                   *float32 // at 0, 8, 16, 24, 32
	dstStride, aStride, wStride, addStride uintptr  // at 40, 48, 56, 64
	inner, rows, blocks, relu              uintptr  // at 72, 80, 88, 96
}

// mixArgs is what the mix routines are handed. Strides and distances are in bytes. They count heads down to zero.
type mixArgs struct {
	dst, m, x, add              *float32 // at 0, 8, 16, 24
	dstStride, mStride, xStride uintptr  // at 32, 40, 48
	rows, addStride             uintptr  // at 56, 64
	dstSet, xSet                uintptr  // at 72, 80: from the first set to the second
	heads                       uintptr  // at 88
	_                           uintptr  // at 96: the routines count in it what of the heads is left
	mSize                       uintptr  // at 104: from one matrix to the next
}

//go:noescape
func product8x48AVX512(p *productArgs)

//go:noescape
func product8x32AVX512(p *productArgs)

//go:noescape
func gatesAVX512(h, x, y *float32, n, units int)

//go:noescape
func product4x24AVX2(p *productArgs)

//go:noescape
func product4x16AVX2(p *productArgs)

//go:noescape
func product8x8AVX2(p *productArgs)

//go:noescape
func mix16x2x8AVX512(p *mixArgs)

//go:noescape
func mix4x2x8AVX2(p *mixArgs)

//go:noescape
func product4x8AVX2(p *productArgs)

//go:noescape
func gatesAVX2(h, x, y *float32, n, units int)

//go:noescape
func sigmoidAVX2(x *float32, n int)

//go:noescape
func tanhAVX512(x *float32, n int)

//go:noescape
func tanh4AVX2(x *float32, n int)

//go:noescape
func tanhAVX2(x *float32, n int)

//go:noescape
func log2AVX2(x *float32, n int)

//go:noescape
func exp2AVX2(x *float32, n int)

//go:noescape
func mulAVX2(dst, a, b *float32, n int)

//go:noescape
func powerAVX2(dst, re, im *float32, n int)

//go:noescape
func turnAVX2(dr, di, cr, ci, xr, xi *float32, n int)

//go:noescape
func overlapAVX2(dst, d, x, w, k *float32, n int)

//go:noescape
func fromInt16AVX2(dst *float32, src *int16, n int)

//go:noescape
func toInt16AVX2(dst *int16, src *float32, n int)

//go:noescape
func packAVX2(dst, x, y, w *float32, n int)

//go:noescape
func pass2AVX2(dst, src, tw *float32, m, s int)

//go:noescape
func pass3AVX2(dst, src, tw *float32, m, s int)

//go:noescape
func pass4AVX2(dst, src, tw *float32, m, s int)

//go:noescape
func pass5AVX2(dst, src, tw *float32, m, s int)

//go:noescape
func joinAVX2(re, im, src, tw *float32, m int)

//go:noescape
func splitAVX2(xr, xi, yr, yi, re, im *float32, n, bins int)

//go:noescape
func mirrorAVX2(re, im, xr, xi, yr, yi *float32, bins int)

//go:noescape
func directAVX2(re, im, xr, xi, yr, yi *float32, bins int)

func product(dst, a Rows, rows int, w Matrix, bias []float32, add Rows, relu bool) {
	if !vectors {
		productRef(dst, a, rows, w, bias, add, relu)
		return
	}
	p := productArgs{
		dst: &dst.Data[0], a: &a.Data[0], w: &w.Data[0], bias: unsafe.SliceData(bias), add: unsafe.SliceData(add.Data),
		dstStride: 4 * uintptr(dst.Stride), aStride: 4 * uintptr(a.Stride), wStride: 4 * uintptr(w.Stride),
		addStride: 4 * uintptr(add.Stride), inner: uintptr(w.Inner), rows: uintptr(rows),
	}
	if relu {
		p.relu = 1
	}
	switch {
	case wide && rows&7 == 0 && w.Cols%48 == 0:
		p.blocks = uintptr(w.Cols / 48)
		product8x48AVX512(&p)
		return
	case wide && rows&7 == 0 && w.Cols%32 == 0:
		p.blocks = uintptr(w.Cols / 32)
		product8x32AVX512(&p)
		return
	case w.Cols%24 == 0:
		p.blocks = uintptr(w.Cols / 24)
		product4x24AVX2(&p)
		return
	case w.Cols >= 16:
		p.blocks = uintptr(w.Cols / 16)
		product4x16AVX2(&p)
		at := w.Cols &^ 15
		if at == w.Cols {
			return
		}
		p.rows, p.dst, p.w = uintptr(rows), &dst.Data[at], &w.Data[at]
		if bias != nil {
			p.bias = &bias[at]
		}
		if add.Data != nil {
			p.add = &add.Data[at]
		}
	}
	p.blocks = 1
	if rows&7 == 0 {
		product8x8AVX2(&p)
	} else {
		product4x8AVX2(&p)
	}
}

func mix(dst Rows, m []float32, x Rows, rows, heads int, add Rows) {
	if !vectors {
		mixRef(dst, m, x, rows, heads, add)
		return
	}
	p := mixArgs{
		dst: &dst.Data[0], m: &m[0], x: &x.Data[0], add: &add.Data[0],
		dstStride: 4 * uintptr(dst.Stride), mStride: 4 * uintptr(rows), xStride: 4 * uintptr(x.Stride),
		addStride: 4 * uintptr(add.Stride), rows: uintptr(rows), heads: uintptr(heads),
		dstSet: 4 * uintptr(rows*dst.Stride), xSet: 4 * uintptr(rows*x.Stride), mSize: 4 * uintptr(rows*rows),
	}
	if wide && rows&15 == 0 {
		mix16x2x8AVX512(&p)
	} else {
		mix4x2x8AVX2(&p)
	}
}

func gates(h, x, g []float32, n int) {
	switch {
	case !vectors || n&31 != 0:
		gatesRef(h, x, g, n)
	case len(h) == 0:
	case wide:
		gatesAVX512(&h[0], &x[0], &g[0], n, len(h)/n)
	default:
		gatesAVX2(&h[0], &x[0], &g[0], n, len(h)/n)
	}
}

func sigmoid(x []float32) { each(x, sigmoidAVX2, sigmoidRef) }
func log2(x []float32)    { each(x, log2AVX2, log2Ref) }
func exp2(x []float32)    { each(x, exp2AVX2, exp2Ref) }

func tanh(x []float32) {
	switch {
	case wide && len(x)&63 == 0:
		each(x, tanhAVX512, tanhRef)
	case len(x)&31 == 0:
		each(x, tanh4AVX2, tanhRef)
	default:
		each(x, tanhAVX2, tanhRef)
	}
}

func each(x []float32, v func(*float32, int), ref func([]float32)) {
	if !vectors {
		ref(x)
	} else if len(x) > 0 {
		v(&x[0], len(x))
	}
}

func mul(dst, a, b []float32) {
	if !vectors {
		mulRef(dst, a, b)
	} else if len(dst) > 0 {
		mulAVX2(&dst[0], &a[0], &b[0], len(dst))
	}
}

func power(dst, re, im []float32) {
	if !vectors {
		powerRef(dst, re, im)
	} else if len(dst) > 0 {
		powerAVX2(&dst[0], &re[0], &im[0], len(dst))
	}
}

func turn(dr, di, cr, ci, xr, xi []float32) {
	if !vectors {
		turnRef(dr, di, cr, ci, xr, xi)
	} else if len(dr) > 0 {
		turnAVX2(&dr[0], &di[0], &cr[0], &ci[0], &xr[0], &xi[0], len(dr))
	}
}

func overlap(dst, d, x, w []float32, k float32) {
	if !vectors {
		overlapRef(dst, d, x, w, k)
	} else if len(dst) > 0 {
		overlapAVX2(&dst[0], &d[0], &x[0], &w[0], &k, len(dst))
	}
}

func fromInt16(dst []float32, src []int16) {
	if !vectors {
		fromInt16Ref(dst, src)
	} else if len(dst) > 0 {
		fromInt16AVX2(&dst[0], &src[0], len(dst))
	}
}

func toInt16(dst []int16, src []float32) {
	if !vectors {
		toInt16Ref(dst, src)
	} else if len(dst) > 0 {
		toInt16AVX2(&dst[0], &src[0], len(dst))
	}
}

func pack(dst, x, y, w []float32) {
	switch {
	case vectors:
		packAVX2(&dst[0], &x[0], &y[0], unsafe.SliceData(w), len(x))
	case w == nil:
		packPlainRef(dst, x, y)
	default:
		packRef(dst, x, y, w)
	}
}

func butterflies(dst, src []float32, p *pass) {
	if !vectors {
		butterfliesRef(dst, src, p)
		return
	}
	d, s, t := &dst[0], &src[0], &p.tw[0]
	switch p.radix {
	case 2:
		pass2AVX2(d, s, t, p.m, p.s)
	case 3:
		pass3AVX2(d, s, t, p.m, p.s)
	case 4:
		pass4AVX2(d, s, t, p.m, p.s)
	case 5:
		pass5AVX2(d, s, t, p.m, p.s)
	}
}

func join(re, im, src, tw []float32, m int) {
	if !vectors {
		joinRef(re, im, src, tw, m)
		return
	}
	joinAVX2(&re[0], &im[0], &src[0], &tw[0], m)
}

func split(xr, xi, yr, yi, re, im []float32, n int) {
	if !vectors {
		splitRef(xr, xi, yr, yi, re, im, n)
		return
	}
	splitAVX2(&xr[0], &xi[0], &yr[0], &yi[0], &re[0], &im[0], n, len(xr))
}

// merge: the last bin, at a multiple of 8, is done by hand so that it overwrites nothing beside it.
func merge(re, im, xr, xi, yr, yi []float32, bins, n int) {
	if !vectors {
		mergeRef(re, im, xr, xi, yr, yi, bins, n)
		return
	}
	mirrorAVX2(&re[n-7], &im[n-7], &xr[0], &xi[0], &yr[0], &yi[0], padded(bins))
	k := bins - 1
	directAVX2(&re[0], &im[0], &xr[0], &xi[0], &yr[0], &yi[0], k)
	re[k], im[k] = xr[k]-yi[k], xi[k]+yr[k]
}
