package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The polynomials nearest to 2 to the power of x from -1/2 to 1/2, in relative error: 2.6e-6 and 7.5e-8.
var (
	power4 = []float64{0.999999261445985, 0.6931218147368339, 0.24024744827851016, 0.055917860321131746, 0.009570101908854097}
	power5 = []float64{1.0000000716546744, 0.6931469670647696, 0.24022119723883853, 0.05550713273528909, 0.009675541333145361, 0.0013276471980556946}
)

// pow2 replaces x by 2 to the power of x, by the polynomial for what is between whole numbers.
func (g *gen) pow2(x string, poly []float64) {
	g.f("VMINPS %s, %s, %s", g.c(126), x, x)
	g.f("VMAXPS %s, %s, %s", g.c(-126), x, x)
	n := g.reg()
	if g.wide {
		g.f("VROUNDPS $0, %s, %s", x, n)
		g.f("VSUBPS %s, %s, %s", n, x, x)
	} else { // so large a number has no room for fractions, and the whole number in its last bits
		const shift = 3 << 22
		g.f("VADDPS %s, %s, %s", g.c(shift), x, n)
		whole := g.sub(n, g.c(shift))
		g.f("VSUBPS %s, %s, %s", whole, x, x)
		g.done(whole)
	}
	p := g.reg()
	g.f("VMOVUPS %s, %s", g.c(poly[len(poly)-1]), p)
	for k := len(poly) - 2; k >= 0; k-- {
		g.f("VFMADD213PS %s, %s, %s", g.c(poly[k]), x, p)
	}
	if g.wide {
		g.f("VSCALEFPS %s, %s, %s", n, p, x)
	} else {
		g.f("VPSLLD $23, %s, %s", n, n)
		g.f("VPADDD %s, %s, %s", n, p, x)
	}
	g.done(n, p)
}

// logistic replaces x by 1/(1+2^(k*x)).
func (g *gen) logistic(x string, k float64, poly []float64) {
	g.f("VMULPS %s, %s, %s", g.c(k), x, x)
	g.pow2(x, poly)
	g.f("VADDPS %s, %s, %s", g.c(1), x, x)
	// A division takes longer than an estimate and one step of Newton's.
	r := g.reg()
	if g.wide {
		g.f("VRCP14PS %s, %s", x, r)
	} else {
		g.f("VRCPPS %s, %s", x, r)
	}
	g.f("VFNMADD213PS %s, %s, %s", g.c(2), r, x)
	g.f("VMULPS %s, %s, %s", r, x, x)
	g.done(r)
}

func (g *gen) sigmoid(x string, poly []float64) { g.logistic(x, -1/math.Ln2, poly) }

func (g *gen) tanh(x string, poly []float64) { // 1 - 2/(1+exp(2x))
	g.logistic(x, 2/math.Ln2, poly)
	one := g.load(g.c(1))
	g.f("VFNMADD132PS %s, %s, %s", g.c(2), one, x)
	g.done(one)
}

func (g *gen) log2(x string) {
	root := g.bits(0x3f3504f3) // sqrt(1/2)
	e, s := g.reg(), g.reg()
	g.f("VMOVDQU %s, %s", root, s)
	g.f("VPSUBD %s, %s, %s", s, x, e)
	g.f("VPSRAD $23, %s, %s", e, e)
	g.f("VPSLLD $23, %s, %s", e, s)
	g.f("VPSUBD %s, %s, %s", s, x, x) // mantissa in sqrt(1/2) .. sqrt(2)
	g.f("VCVTDQ2PS %s, %s", e, e)
	one := g.load(g.c(1))
	g.f("VADDPS %s, %s, %s", one, x, s)
	g.f("VSUBPS %s, %s, %s", one, x, x)
	g.f("VDIVPS %s, %s, %s", s, x, x) // s = (m-1)/(m+1)
	g.f("VMULPS %s, %s, %s", x, x, s)
	g.f("VMOVUPS %s, %s", g.c(2/math.Ln2/9), one)
	for _, k := range []float64{7, 5, 3, 1} {
		g.f("VFMADD213PS %s, %s, %s", g.c(2/math.Ln2/k), s, one)
	}
	g.f("VFMADD213PS %s, %s, %s", e, one, x)
	g.done(e, s, one)
}

func (g *gen) functions() {
	g.wide = true
	fine := func(do func(string, []float64)) func(string) { return func(x string) { do(x, power5) } }
	g.function("tanhAVX512", 4, fine(g.tanh))
	g.wide = false
	g.function("tanh4AVX2", 4, fine(g.tanh))
	for _, k := range []struct {
		name string
		do   func(string)
	}{{"sigmoid", fine(g.sigmoid)}, {"tanh", fine(g.tanh)}, {"log2", g.log2}, {"exp2", fine(g.pow2)}} {
		g.function(k.name+"AVX2", 1, k.do)
	}
}

// function is a routine of one slice, so many vectors at a time.
func (g *gen) function(name string, vectors int, do func(string)) {
	g.text(fmt.Sprintf("func %s(x *float32, n int)", name), name, 0, 16)
	g.f("MOVQ x+0(FP), DI")
	g.f("MOVQ n+8(FP), CX")
	loop := g.label("loop")
	g.f("%s:", loop)
	var all []func()
	for i := range vectors {
		all = append(all, func() {
			at := fmt.Sprintf("%d(DI)", i*g.bytes())
			x := g.load(at)
			do(x)
			g.store(x, at)
		})
	}
	g.together(all...)
	g.f("ADDQ $%d, DI", vectors*g.bytes())
	g.f("SUBQ $%d, CX", vectors*g.bytes()/4)
	g.f("JNZ %s", loop)
	g.f("VZEROUPPER")
	g.f("RET")
}

func (g *gen) gates(name string) {
	g.text(fmt.Sprintf("func %s(h, x, y *float32, n, units int)", name), name, 0, 40)
	g.f("MOVQ h+0(FP), DI")
	g.f("MOVQ x+8(FP), SI")
	g.f("MOVQ y+16(FP), DX")
	g.f("MOVQ n+24(FP), R8")
	g.f("MOVQ units+32(FP), R9")
	g.f("MOVQ R8, BX")
	g.f("SHLQ $2, BX")
	// First the gates of all states and the candidates' arguments, which replace x's, then the candidates: a processor
	// that looks ahead finds more that does not wait for each other.
	g.f("MOVQ SI, R10")
	g.f("MOVQ R9, R11")
	b := g.bytes()
	each := func(name string, chains int, steps map[string]int, end func(), body func(off int) []func()) {
		unit, loop := g.label("unit"), g.label(name)
		g.f("%s:", unit)
		g.f("MOVQ R8, CX")
		g.f("%s:", loop)
		var all []func()
		for i := range chains {
			all = append(all, body(i*b)...)
		}
		g.together(all...)
		for _, r := range []string{"DI", "SI", "DX", "R10"} {
			if steps[r] > 0 {
				g.f("ADDQ $%d, %s", chains*b, r)
			}
		}
		g.f("SUBQ $%d, CX", chains*b/4)
		g.f("JNZ %s", loop)
		end()
		g.f("JNZ %s", unit)
	}
	each("open", 2, map[string]int{"SI": 1, "DX": 1}, func() {
		g.f("LEAQ (SI)(BX*2), SI")
		g.f("LEAQ (DX)(BX*2), DX")
		g.f("DECQ R9")
	}, func(off int) []func() {
		return []func(){func() {
			r := g.load(fmt.Sprintf("%d(SI)", off))
			g.f("VADDPS %d(DX), %s, %s", off, r, r)
			g.sigmoid(r, power4)
			c := g.load(fmt.Sprintf("%d(DX)(BX*2)", off))
			g.f("VFMADD213PS %d(SI)(BX*2), %s, %s", off, r, c)
			g.store(c, fmt.Sprintf("%d(SI)", off))
		}, func() {
			z := g.load(fmt.Sprintf("%d(SI)(BX*1)", off))
			g.f("VADDPS %d(DX)(BX*1), %s, %s", off, z, z)
			g.sigmoid(z, power4)
			g.store(z, fmt.Sprintf("%d(SI)(BX*1)", off))
		}}
	})
	each("next", 128/b, map[string]int{"DI": 1, "R10": 1}, func() {
		g.f("LEAQ (R10)(BX*2), R10")
		g.f("DECQ R11")
	}, func(off int) []func() {
		return []func(){func() {
			c := g.load(fmt.Sprintf("%d(R10)", off))
			g.tanh(c, power4)
			h := g.load(fmt.Sprintf("%d(DI)", off))
			g.f("VSUBPS %s, %s, %s", c, h, h)
			g.f("VFMADD231PS %d(R10)(BX*1), %s, %s", off, h, c)
			g.store(c, fmt.Sprintf("%d(DI)", off))
		}}
	})
	g.f("VZEROUPPER")
	g.f("RET")
}

// together takes instructions from each body in turn, every one of which has registers of its own: a processor sees
// some hundred instructions ahead, and in these there should be many that do not wait for each other.
func (g *gen) together(bodies ...func()) {
	pool, out := g.free, g.out
	share := len(pool) / len(bodies)
	lines := make([][]string, len(bodies))
	for i, body := range bodies {
		g.free, g.out = slices.Clone(pool[i*share:(i+1)*share]), bytes.Buffer{}
		body()
		lines[i] = slices.Collect(strings.Lines(g.out.String()))
	}
	g.free, g.out = pool, out
	for at, some := 0, true; some; at++ {
		some = false
		for _, l := range lines {
			if at < len(l) {
				some = true
				g.out.WriteString(l[at])
			}
		}
	}
}

// elementwise are the small things between spectrum and samples.
func (g *gen) elementwise() {
	each := func(sig, name string, args int, params []string, body func(), bytes map[string]int) {
		g.text("func "+sig, name, 0, args)
		for i, p := range params {
			reg := []string{"DI", "SI", "DX", "R8", "R9", "R10"}[i]
			g.f("MOVQ %s+%d(FP), %s", p, 8*i, reg)
		}
		g.f("MOVQ n+%d(FP), CX", 8*len(params))
		loop := g.label("loop")
		g.f("%s:", loop)
		body()
		for i, p := range params {
			b := 32
			if v, ok := bytes[p]; ok {
				b = v
			}
			g.f("ADDQ $%d, %s", b, []string{"DI", "SI", "DX", "R8", "R9", "R10"}[i])
		}
		g.f("SUBQ $8, CX")
		g.f("JNZ %s", loop)
		g.f("VZEROUPPER")
		g.f("RET")
	}
	each("mulAVX2(dst, a, b *float32, n int)", "mulAVX2", 32, []string{"dst", "a", "b"}, func() {
		a := g.load("(SI)")
		g.f("VMULPS (DX), %s, %s", a, a)
		g.store(a, "(DI)")
	}, nil)
	each("powerAVX2(dst, re, im *float32, n int)", "powerAVX2", 32, []string{"dst", "re", "im"}, func() {
		a, b := g.load("(SI)"), g.load("(DX)")
		g.f("VMULPS %s, %s, %s", a, a, a)
		g.f("VFMADD231PS %s, %s, %s", b, b, a)
		g.store(a, "(DI)")
		g.done(b)
	}, nil)
	each("turnAVX2(dr, di, cr, ci, xr, xi *float32, n int)", "turnAVX2", 56, []string{"dr", "di", "cr", "ci", "xr", "xi"}, func() {
		dr, di := g.load("(DI)"), g.load("(SI)")
		cr, ci := g.load("(DX)"), g.load("(R8)")
		xr, xi := g.load("(R9)"), g.load("(R10)")
		g.f("VFMADD231PS %s, %s, %s", xr, cr, dr)
		g.f("VFNMADD231PS %s, %s, %s", xi, ci, dr)
		g.f("VFMADD231PS %s, %s, %s", xi, cr, di)
		g.f("VFMADD231PS %s, %s, %s", xr, ci, di)
		g.store(dr, "(DI)")
		g.store(di, "(SI)")
		g.done(cr, ci, xr, xi)
	}, nil)
	each("overlapAVX2(dst, d, x, w, k *float32, n int)", "overlapAVX2", 48, []string{"dst", "d", "x", "w", "k"}, func() {
		w, x, k := g.load("(R8)"), g.load("(DX)"), g.reg()
		g.f("VBROADCASTSS (R9), %s", k)
		g.f("VMULPS %s, %s, %s", w, x, x)
		g.f("VFMADD213PS (SI), %s, %s", k, x) // k*w*x + d
		d := g.load("(DI)")
		g.f("VFMADD231PS %s, %s, %s", x, w, d)
		g.store(d, "(DI)")
		g.done(w, x, k)
	}, map[string]int{"k": 0})
	each("fromInt16AVX2(dst *float32, src *int16, n int)", "fromInt16AVX2", 24, []string{"dst", "src"}, func() {
		x := g.reg()
		g.f("VPMOVSXWD (SI), %s", x)
		g.f("VCVTDQ2PS %s, %s", x, x)
		g.f("VMULPS %s, %s, %s", g.c(1.0/32768), x, x)
		g.store(x, "(DI)")
	}, map[string]int{"src": 16})
	each("toInt16AVX2(dst *int16, src *float32, n int)", "toInt16AVX2", 24, []string{"dst", "src"}, func() {
		x := g.load("(SI)")
		g.f("VMULPS %s, %s, %s", g.c(32768), x, x)
		g.f("VMAXPS %s, %s, %s", g.c(-32768), x, x)
		g.f("VMINPS %s, %s, %s", g.c(32767), x, x)
		g.f("VCVTPS2DQ %s, %s", x, x)
		g.f("VPACKSSDW %s, %s, %s", x, x, x)
		g.f("VPERMQ $0xD8, %s, %s", x, x)
		g.f("VMOVDQU %s, (DI)", strings.Replace(x, "Y", "X", 1))
		g.done(x)
	}, map[string]int{"dst": 16})
}

func (g *gen) pack() {
	g.text("func packAVX2(dst, x, y, w *float32, n int)", "packAVX2", 0, 40)
	g.f("MOVQ dst+0(FP), DI")
	g.f("MOVQ x+8(FP), SI")
	g.f("MOVQ y+16(FP), DX")
	g.f("MOVQ w+24(FP), R8")
	g.f("MOVQ n+32(FP), CX")
	loop, plain := g.label("loop"), g.label("plain")
	g.f("%s:", loop)
	x, y := g.load("(SI)"), g.load("(DX)")
	g.f("TESTQ R8, R8")
	g.f("JZ %s", plain)
	g.f("VMULPS (R8), %s, %s", x, x)
	g.f("VMULPS (R8), %s, %s", y, y)
	g.f("ADDQ $32, R8")
	g.f("%s:", plain)
	g.store(x, "(DI)")
	g.store(y, "32(DI)")
	g.f("ADDQ $64, DI")
	g.f("ADDQ $32, SI")
	g.f("ADDQ $32, DX")
	g.f("SUBQ $8, CX")
	g.f("JNZ %s", loop)
	g.f("VZEROUPPER")
	g.f("RET")
}
