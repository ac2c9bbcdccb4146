package main

import (
	"fmt"
	"math"
)

// cplx is a vector of complex numbers: the registers of its real and imaginary parts.
type cplx struct{ re, im string }

func (g *gen) cadd(a, b cplx) cplx { return cplx{g.add(a.re, b.re), g.add(a.im, b.im)} }
func (g *gen) cdone(c ...cplx) {
	for _, x := range c {
		g.done(x.re, x.im)
	}
}

// sumdiff gives a+b and a-b and gives the registers of a and b back, needing two besides.
func (g *gen) sumdiff(a, b cplx) (sum, diff cplx) {
	re := g.add(a.re, b.re)
	g.f("VSUBPS %s, %s, %s", b.re, a.re, b.re)
	g.done(a.re)
	im := g.add(a.im, b.im)
	g.f("VSUBPS %s, %s, %s", b.im, a.im, b.im)
	g.done(a.im)
	return cplx{re, im}, b
}

// minusI gives m-i*n and m+i*n and gives the registers back.
func (g *gen) minusI(m, n cplx) (down, up cplx) {
	re := g.add(m.re, n.im)
	g.f("VSUBPS %s, %s, %s", n.im, m.re, n.im) // up.re
	g.done(m.re)
	im := g.sub(m.im, n.re)
	g.f("VADDPS %s, %s, %s", n.re, m.im, n.re) // up.im
	g.done(m.im)
	return cplx{re, im}, cplx{n.im, n.re}
}

// madd adds c*x to acc.
func (g *gen) madd(acc, x cplx, c float64) {
	g.f("VFMADD231PS %s, %s, %s", g.c(c), x.re, acc.re)
	g.f("VFMADD231PS %s, %s, %s", g.c(c), x.im, acc.im)
}

func (g *gen) scaled(x cplx, c float64) cplx {
	return cplx{g.op("VMULPS", g.c(c), x.re), g.op("VMULPS", g.c(c), x.im)}
}

// pass is one step of the transforms in the lanes, as butterfliesRef has it.
func (g *gen) pass(r int) {
	name := fmt.Sprintf("pass%dAVX2", r)
	g.text(fmt.Sprintf("func %s(dst, src, tw *float32, m, s int)", name), name, 0, 40)
	g.f("MOVQ dst+0(FP), DI")
	g.f("MOVQ src+8(FP), SI")
	g.f("MOVQ tw+16(FP), R10")
	g.f("MOVQ m+24(FP), R11")
	g.f("MOVQ s+32(FP), BX")
	g.f("MOVQ BX, R13")
	g.f("MOVQ R11, AX")
	g.f("IMULQ BX, AX")
	g.f("SHLQ $6, AX") // bytes between the inputs
	g.f("SHLQ $6, BX") // and between the results
	g.f("LEAQ (SI)(AX*2), R8")
	g.f("ADDQ AX, R8")
	places, next := g.label("places"), g.label("neighbours")
	g.f("%s:", places)
	g.f("MOVQ R13, CX")
	g.f("LEAQ (DI)(BX*2), R9")
	g.f("ADDQ BX, R9")
	g.f("%s:", next)
	at := func(base, third, step string, j, off int) string {
		if j == 3 {
			return fmt.Sprintf("%d(%s)", off, third)
		}
		return fmt.Sprintf("%d(%s)%s", off, base, []string{"", "(" + step + "*1)", "(" + step + "*2)", "", "(" + step + "*4)"}[j])
	}
	in := func(j int) cplx {
		return cplx{g.load(at("SI", "R8", "AX", j, 0)), g.load(at("SI", "R8", "AX", j, 32))}
	}
	out := func(j int, x cplx) {
		if j > 0 {
			w, t, u := g.reg(), g.reg(), g.reg()
			v := w
			g.f("VBROADCASTSS %d(R10), %s", 8*(j-1)+4, v) // sine
			g.f("VMULPS %s, %s, %s", v, x.im, t)
			g.f("VMULPS %s, %s, %s", v, x.re, u)
			g.f("VBROADCASTSS %d(R10), %s", 8*(j-1), w) // cosine
			g.f("VFMSUB213PS %s, %s, %s", t, w, x.re)   // re*cos - im*sin
			g.f("VFMADD213PS %s, %s, %s", u, w, x.im)   // im*cos + re*sin
			g.done(w, t, u)
		}
		g.store(x.re, at("DI", "R9", "BX", j, 0))
		g.store(x.im, at("DI", "R9", "BX", j, 32))
	}
	switch r {
	case 2:
		a, b := g.sumdiff(in(0), in(1))
		out(0, a)
		out(1, b)
	case 3:
		a, b, c := in(0), in(1), in(2)
		t, u := g.sumdiff(b, c)
		y := g.cadd(a, t)
		out(0, y)
		g.madd(a, t, -0.5)
		g.cdone(t)
		n := g.scaled(u, math.Sqrt(3)/2)
		g.cdone(u)
		d, e := g.minusI(a, n)
		out(1, d)
		out(2, e)
	case 4:
		a, c := g.sumdiff(in(0), in(2))
		b, d := g.sumdiff(in(1), in(3))
		p, q := g.sumdiff(a, b)
		out(0, p)
		out(2, q)
		p, q = g.minusI(c, d)
		out(1, p)
		out(3, q)
	case 5:
		c1, c2 := math.Cos(2*math.Pi/5), math.Cos(4*math.Pi/5)
		s1, s2 := math.Sin(2*math.Pi/5), math.Sin(4*math.Pi/5)
		t1, t3 := g.sumdiff(in(1), in(4))
		t2, t4 := g.sumdiff(in(2), in(3))
		m := in(0)
		g.madd(m, t1, c1)
		g.madd(m, t2, c2)
		n := g.scaled(t3, s1)
		g.madd(n, t4, s2)
		y1, y4 := g.minusI(m, n)
		out(1, y1)
		out(4, y4)
		m = in(0)
		g.madd(m, t1, c2)
		g.madd(m, t2, c1)
		n = g.scaled(t3, s2)
		g.madd(n, t4, -s1)
		g.cdone(t3, t4)
		y2, y3 := g.minusI(m, n)
		out(2, y2)
		out(3, y3)
		m = in(0)
		g.madd(m, t1, 1)
		g.madd(m, t2, 1)
		g.cdone(t1, t2)
		out(0, m)
	}
	g.f("ADDQ $64, SI")
	g.f("ADDQ $64, R8")
	g.f("ADDQ $64, DI")
	g.f("ADDQ $64, R9")
	g.f("DECQ CX")
	g.f("JNZ %s", next)
	for range r - 1 {
		g.f("ADDQ BX, DI")
	}
	g.f("ADDQ $%d, R10", 8*(r-1))
	g.f("DECQ R11")
	g.f("JNZ %s", places)
	g.f("VZEROUPPER")
	g.f("RET")
}

// transpose turns the 8x8 matrix in Y0 to Y7 and stores its rows from off(SP) on. It uses all registers.
func (g *gen) transpose(off int) {
	for i := 0; i < 8; i += 2 { // pairs: a0 b0 a1 b1 | a4 b4 a5 b5
		g.f("VUNPCKLPS Y%d, Y%d, Y%d", i+1, i, 8+i)
		g.f("VUNPCKHPS Y%d, Y%d, Y%d", i+1, i, 9+i)
	}
	for i := 0; i < 8; i += 4 { // fours
		g.f("VUNPCKLPD Y%d, Y%d, Y%d", 10+i, 8+i, i)
		g.f("VUNPCKHPD Y%d, Y%d, Y%d", 10+i, 8+i, i+1)
		g.f("VUNPCKLPD Y%d, Y%d, Y%d", 11+i, 9+i, i+2)
		g.f("VUNPCKHPD Y%d, Y%d, Y%d", 11+i, 9+i, i+3)
	}
	for i := range 4 {
		g.f("VPERM2F128 $0x20, Y%d, Y%d, Y%d", 4+i, i, 8+i)
		g.f("VPERM2F128 $0x31, Y%d, Y%d, Y%d", 4+i, i, 12+i)
	}
	for i := range 8 {
		g.f("VMOVUPS Y%d, %d(SP)", 8+i, off+32*i)
	}
}

// join is joinRef for 8 places at a time, from the last to the first: where the number of places is no
// multiple of 8 the last ones write too much, which the first ones of the next row then overwrite.
func (g *gen) join() {
	g.text("func joinAVX2(re, im, src, tw *float32, m int)", "joinAVX2", 1024, 40)
	g.f("MOVQ re+0(FP), DI")
	g.f("MOVQ im+8(FP), SI")
	g.f("MOVQ src+16(FP), DX")
	g.f("MOVQ tw+24(FP), R8")
	g.f("MOVQ m+32(FP), BX")
	g.f("LEAQ 7(BX), CX")
	g.f("SHRQ $3, CX") // blocks
	g.f("SHLQ $2, BX") // bytes of one row of results
	g.f("LEAQ (BX)(BX*2), R9")
	g.f("LEAQ -1(CX), AX")
	g.f("SHLQ $5, AX")
	g.f("ADDQ AX, DI")
	g.f("ADDQ AX, SI")
	g.f("SHLQ $4, AX")
	g.f("ADDQ AX, DX")
	g.f("ADDQ AX, R8")
	loop := g.label("blocks")
	g.f("%s:", loop)
	const re, im, odd = 0, 256, 512
	for k := range 8 {
		g.f("VMOVUPS %d(DX), Y8", 64*k)
		g.f("VMOVUPS %d(DX), Y9", 64*k+32)
		g.f("VMOVUPS %d(R8), Y10", 64*k)
		g.f("VMOVUPS %d(R8), Y11", 64*k+32)
		g.f("VMULPS Y9, Y11, Y12")
		g.f("VMULPS Y9, Y10, Y13")
		g.f("VFMADD231PS Y8, Y11, Y13")
		g.f("VMULPS Y8, Y10, Y%d", k)
		g.f("VSUBPS Y12, Y%d, Y%d", k, k)
		g.f("VMOVUPS Y13, %d(SP)", im+32*k)
	}
	g.transpose(re)
	for k := range 8 {
		g.f("VMOVUPS %d(SP), Y%d", im+32*k, k)
	}
	g.transpose(im)
	g.free = nil
	for i := 15; i >= 0; i-- {
		g.free = append(g.free, i)
	}
	in := func(l int) cplx {
		return cplx{g.load(fmt.Sprintf("%d(SP)", re+32*l)), g.load(fmt.Sprintf("%d(SP)", im+32*l))}
	}
	four := func(l int) (y [4]cplx) { // transform of length 4 of every second lane
		a, c := g.sumdiff(in(l), in(l+4))
		b, d := g.sumdiff(in(l+2), in(l+6))
		y[0], y[2] = g.sumdiff(a, b)
		y[1], y[3] = g.minusI(c, d)
		return y
	}
	o := four(1)
	keep := func(j int, x cplx) {
		g.store(x.re, fmt.Sprintf("%d(SP)", odd+64*j))
		g.store(x.im, fmt.Sprintf("%d(SP)", odd+64*j+32))
	}
	h := math.Sqrt(0.5)
	keep(0, o[0])
	// times (1-i)/sqrt(2)
	s, d := g.add(o[1].re, o[1].im), g.sub(o[1].im, o[1].re)
	g.cdone(o[1])
	one := g.scaled(cplx{s, d}, h)
	g.done(s, d)
	keep(1, one)
	// times -i
	zero := g.reg()
	g.f("VXORPS %s, %s, %s", zero, zero, zero)
	neg := g.sub(zero, o[2].re)
	g.done(zero, o[2].re)
	keep(2, cplx{o[2].im, neg})
	// times (-1-i)/sqrt(2)
	d, s = g.sub(o[3].im, o[3].re), g.add(o[3].re, o[3].im)
	g.cdone(o[3])
	three := cplx{g.op("VMULPS", g.c(h), d), g.op("VMULPS", g.c(-h), s)}
	g.done(s, d)
	keep(3, three)
	e := four(0)
	g.f("LEAQ (DI)(BX*4), R10")
	g.f("LEAQ (SI)(BX*4), R11")
	at := func(base string, j int) string {
		return "(" + base + ")" + []string{"", "(BX*1)", "(BX*2)", "(R9*1)"}[j]
	}
	for j := range 4 {
		t := g.op("VADDPS", fmt.Sprintf("%d(SP)", odd+64*j), e[j].re)
		g.store(t, at("DI", j))
		t = g.op("VSUBPS", fmt.Sprintf("%d(SP)", odd+64*j), e[j].re)
		g.store(t, at("R10", j))
		t = g.op("VADDPS", fmt.Sprintf("%d(SP)", odd+64*j+32), e[j].im)
		g.store(t, at("SI", j))
		t = g.op("VSUBPS", fmt.Sprintf("%d(SP)", odd+64*j+32), e[j].im)
		g.store(t, at("R11", j))
	}
	g.cdone(e[:]...)
	g.f("SUBQ $32, DI")
	g.f("SUBQ $32, SI")
	g.f("SUBQ $512, DX")
	g.f("SUBQ $512, R8")
	g.f("DECQ CX")
	g.f("JNZ %s", loop)
	g.f("VZEROUPPER")
	g.f("RET")
}

// mirror are the routines that part and unite the spectra of two real signals.
func (g *gen) mirror() {
	g.text("func splitAVX2(xr, xi, yr, yi, re, im *float32, n, bins int)", "splitAVX2", 0, 64)
	args := func(names ...string) {
		for i, n := range names {
			g.f("MOVQ %s+%d(FP), %s", n, 8*i, []string{"DI", "SI", "DX", "R8", "R9", "R10", "AX", "CX"}[i])
		}
	}
	args("xr", "xi", "yr", "yi", "re", "im", "n", "bins")
	g.f("LEAQ -28(R9)(AX*4), R11")
	g.f("LEAQ -28(R10)(AX*4), R12")
	loop := g.label("loop")
	g.f("VMOVUPS backwards<>(SB), Y15")
	g.f("VMOVUPS %s, Y14", g.c(0.5))
	g.f("%s:", loop)
	g.f("VMOVUPS (R9), Y0")
	g.f("VMOVUPS (R10), Y1")
	g.f("VPERMPS (R11), Y15, Y2")
	g.f("VPERMPS (R12), Y15, Y3")
	g.f("VADDPS Y2, Y0, Y4")
	g.f("VSUBPS Y3, Y1, Y5")
	g.f("VADDPS Y3, Y1, Y6")
	g.f("VSUBPS Y0, Y2, Y7")
	for i, base := range []string{"DI", "SI", "DX", "R8"} {
		g.f("VMULPS Y14, Y%d, Y%d", 4+i, 4+i)
		g.f("VMOVUPS Y%d, (%s)", 4+i, base)
	}
	for _, r := range []string{"DI", "SI", "DX", "R8", "R9", "R10"} {
		g.f("ADDQ $32, %s", r)
	}
	g.f("SUBQ $32, R11")
	g.f("SUBQ $32, R12")
	g.f("SUBQ $8, CX")
	g.f("JNZ %s", loop)
	g.f("VZEROUPPER")
	g.f("RET")

	for _, k := range []string{"mirror", "direct"} {
		g.text(fmt.Sprintf("func %sAVX2(re, im, xr, xi, yr, yi *float32, bins int)", k), k+"AVX2", 0, 56)
		args("re", "im", "xr", "xi", "yr", "yi", "bins")
		loop := g.label("loop")
		g.f("VMOVUPS backwards<>(SB), Y15")
		g.f("%s:", loop)
		for i, base := range []string{"DX", "R8", "R9", "R10"} {
			g.f("VMOVUPS (%s), Y%d", base, i)
		}
		if k == "mirror" {
			g.f("VADDPS Y3, Y0, Y4")
			g.f("VSUBPS Y1, Y2, Y5")
			g.f("VPERMPS Y4, Y15, Y4")
			g.f("VPERMPS Y5, Y15, Y5")
		} else {
			g.f("VSUBPS Y3, Y0, Y4")
			g.f("VADDPS Y2, Y1, Y5")
		}
		g.f("VMOVUPS Y4, (DI)")
		g.f("VMOVUPS Y5, (SI)")
		for _, r := range []string{"DX", "R8", "R9", "R10"} {
			g.f("ADDQ $32, %s", r)
		}
		step := "ADDQ"
		if k == "mirror" {
			step = "SUBQ"
		}
		g.f("%s $32, DI", step)
		g.f("%s $32, SI", step)
		g.f("SUBQ $8, AX")
		g.f("JNZ %s", loop)
		g.f("VZEROUPPER")
		g.f("RET")
	}
}
