package vec

import "math"

func packRef(dst, x, y, w []float32) {
	for i := range x {
		at := i/lanes*2*lanes + i%lanes
		dst[at], dst[at+lanes] = x[i]*w[i], y[i]*w[i]
	}
}

func packPlainRef(dst, x, y []float32) {
	for i := range x {
		at := i/lanes*2*lanes + i%lanes
		dst[at], dst[at+lanes] = x[i], y[i]
	}
}

// butterfliesRef: for places i and neighbours q, the transform of the radix values that lie m*s apart, each
// result turned by its twiddle and put next to each other, s apart.
func butterfliesRef(dst, src []float32, p *pass) {
	const v = 2 * lanes
	r := p.radix
	var root [5][2]float64
	for j := range r {
		sin, cos := math.Sincos(-2 * math.Pi * float64(j) / float64(r))
		root[j] = [2]float64{cos, sin}
	}
	for i := range p.m {
		for q := range p.s {
			for l := range lanes {
				var in [5][2]float64
				for j := range r {
					at := (q+p.s*(i+p.m*j))*v + l
					in[j] = [2]float64{float64(src[at]), float64(src[at+lanes])}
				}
				for j := range r {
					var re, im float64
					for k := range r {
						w := root[j*k%r]
						re += in[k][0]*w[0] - in[k][1]*w[1]
						im += in[k][0]*w[1] + in[k][1]*w[0]
					}
					if j > 0 {
						tr, ti := float64(p.tw[2*(i*(r-1)+j-1)]), float64(p.tw[2*(i*(r-1)+j-1)+1])
						re, im = re*tr-im*ti, re*ti+im*tr
					}
					at := (q+p.s*(r*i+j))*v + l
					dst[at], dst[at+lanes] = float32(re), float32(im)
				}
			}
		}
	}
}

func joinRef(re, im, src, tw []float32, m int) {
	const v = 2 * lanes
	var root [lanes][2]float64
	for j := range lanes {
		sin, cos := math.Sincos(-2 * math.Pi * float64(j) / lanes)
		root[j] = [2]float64{cos, sin}
	}
	for k := range m {
		var in [lanes][2]float64
		for l := range lanes {
			a, b := float64(src[k*v+l]), float64(src[k*v+lanes+l])
			c, d := float64(tw[k*v+l]), float64(tw[k*v+lanes+l])
			in[l] = [2]float64{a*c - b*d, a*d + b*c}
		}
		for j := range lanes {
			var a, b float64
			for l := range lanes {
				w := root[j*l%lanes]
				a += in[l][0]*w[0] - in[l][1]*w[1]
				b += in[l][0]*w[1] + in[l][1]*w[0]
			}
			re[k+m*j], im[k+m*j] = float32(a), float32(b)
		}
	}
}

// splitRef takes apart what Forward joined: the spectrum of a real signal is its own mirror image.
func splitRef(xr, xi, yr, yi, re, im []float32, n int) {
	for k := range xr {
		a, b, c, d := re[k], im[k], re[n-k], im[n-k]
		xr[k], xi[k] = (a+c)*0.5, (b-d)*0.5
		yr[k], yi[k] = (b+d)*0.5, (c-a)*0.5
	}
}

// mergeRef is the inverse of split for the bins below bins and their mirror images.
func mergeRef(re, im, xr, xi, yr, yi []float32, bins, n int) {
	for k := bins - 1; k > 0; k-- {
		re[n-k], im[n-k] = xr[k]+yi[k], yr[k]-xi[k]
	}
	for k := range bins {
		re[k], im[k] = xr[k]-yi[k], xi[k]+yr[k]
	}
}
