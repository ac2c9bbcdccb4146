package vec

import "math"

// The scalar reference: what every routine in vec_amd64.s is measured against, and what runs without it.

func productRef(dst, a Rows, rows int, w Matrix, bias []float32, add Rows, relu bool) {
	for r := range rows {
		out := dst.Data[r*dst.Stride:][:w.Cols]
		in := a.Data[r*a.Stride:][:w.Inner]
		// Eight columns at a time: dst may be add.
		for c := 0; c < w.Cols; c += 8 {
			var acc [8]float32
			if bias != nil {
				copy(acc[:], bias[c:c+8])
			}
			for i, v := range in {
				row := w.Data[i*w.Stride+c:][:8]
				for k := range acc {
					acc[k] += v * row[k]
				}
			}
			for k, v := range acc {
				if add.Data != nil {
					v += add.Data[r*add.Stride+c+k]
				}
				if relu {
					v = max(v, 0)
				}
				out[c+k] = v
			}
		}
	}
}

func mixRef(dst Rows, m []float32, x Rows, rows, heads int, add Rows) {
	for set := range 2 {
		d, x := dst.From(set*rows*dst.Stride), x.From(set*rows*x.Stride)
		for h := range heads {
			w := m[h*rows*rows:]
			for r := range rows {
				for c := 8 * h; c < 8*h+8; c++ {
					sum := add.Data[r*add.Stride+c]
					for k := range rows {
						sum += w[k*rows+r] * x.Data[k*x.Stride+c]
					}
					d.Data[r*d.Stride+c] = max(sum, 0)
				}
			}
		}
	}
}

func sigmoid1(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func gatesRef(h, x, g []float32, n int) {
	for ; len(h) > 0; h, x, g = h[n:], x[3*n:], g[3*n:] {
		for i := range n {
			r := sigmoid1(x[i] + g[i])
			z := sigmoid1(x[n+i] + g[n+i])
			c := float32(math.Tanh(float64(x[2*n+i] + r*g[2*n+i])))
			h[i] = c + z*(h[i]-c)
		}
	}
}

func sigmoidRef(x []float32) {
	for i, v := range x {
		x[i] = sigmoid1(v)
	}
}

func tanhRef(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Tanh(float64(v)))
	}
}

func log2Ref(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Log2(float64(v)))
	}
}

func exp2Ref(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Exp2(float64(max(-126, min(126, v)))))
	}
}

func mulRef(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func powerRef(dst, re, im []float32) {
	for i := range dst {
		dst[i] = re[i]*re[i] + im[i]*im[i]
	}
}

func turnRef(dr, di, cr, ci, xr, xi []float32) {
	for i := range dr {
		dr[i] += cr[i]*xr[i] - ci[i]*xi[i]
		di[i] += cr[i]*xi[i] + ci[i]*xr[i]
	}
}

func overlapRef(dst, d, x, w []float32, k float32) {
	for i := range dst {
		dst[i] += w[i] * (k*w[i]*x[i] + d[i])
	}
}

func fromInt16Ref(dst []float32, src []int16) {
	for i := range dst {
		dst[i] = float32(src[i]) / 32768
	}
}

func toInt16Ref(dst []int16, src []float32) {
	for i, v := range src {
		v *= 32768
		if !(v > -32768) {
			v = -32768
		}
		dst[i] = int16(math.RoundToEven(float64(min(v, 32767))))
	}
}
