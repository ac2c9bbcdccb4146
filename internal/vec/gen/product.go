package main

import "fmt"

// product is a routine for blocks of r rows and v vectors of columns. Its argument is a *productArgs, whose
// fields are read at the offsets below.
func (g *gen) product(name string, r, v int) {
	g.text(fmt.Sprintf("func %s(p *productArgs)", name), name, 16, 8)
	g.f("MOVQ p+0(FP), DI")
	g.f("MOVQ 0(DI), R8")   // dst
	g.f("MOVQ 8(DI), R9")   // a
	g.f("MOVQ 32(DI), R10") // add
	g.f("MOVQ 48(DI), BX")  // a's stride
	g.f("MOVQ 56(DI), SI")  // w's stride
	rows, cols := g.label("rows"), g.label("cols")
	g.f("%s:", rows)
	g.f("MOVQ R8, R11")
	g.f("MOVQ 16(DI), R12") // w
	g.f("MOVQ 24(DI), R13") // bias
	g.f("MOVQ R10, R14")
	g.f("MOVQ 88(DI), AX") // blocks of columns
	g.f("%s:", cols)
	acc := make([][]string, r)
	for i := range acc {
		acc[i] = make([]string, v)
		for j := range v {
			acc[i][j] = g.reg()
		}
	}
	noBias, begin := g.label("nobias"), g.label("begin")
	g.f("TESTQ R13, R13")
	g.f("JZ %s", noBias)
	for j := range v {
		g.f("VMOVUPS %d(R13), %s", g.bytes()*j, acc[0][j])
		for i := 1; i < r; i++ {
			g.f("VMOVAPS %s, %s", acc[0][j], acc[i][j])
		}
	}
	g.f("ADDQ $%d, R13", g.bytes()*v)
	g.f("JMP %s", begin)
	g.f("%s:", noBias)
	for i := range acc {
		for j := range v {
			g.f("VXORPS %s, %s, %s", acc[i][j], acc[i][j], acc[i][j])
		}
	}
	g.f("%s:", begin)
	// Three rows of a from each of these: base, base+stride, base+2 strides.
	bases := []string{"CX", "DX", "R15"}[:(r+2)/3]
	for i, b := range bases {
		if i == 0 {
			g.f("MOVQ R9, %s", b)
			continue
		}
		g.f("LEAQ (%s)(BX*2), %s", bases[i-1], b)
		g.f("ADDQ BX, %s", b)
	}
	g.f("MOVQ R12, 0(SP)")
	g.f("MOVQ AX, 8(SP)")
	g.f("MOVQ 72(DI), AX") // inner
	loop, tail, end := g.label("inner"), g.label("odd"), g.label("done")
	g.f("SUBQ $2, AX")
	g.f("JL %s", tail)
	step := func(off int, w string) {
		ws := make([]string, v)
		for j := range v {
			ws[j] = g.load(fmt.Sprintf("%d%s", g.bytes()*j, w))
		}
		for i := range r {
			from := fmt.Sprintf("%d(%s)%s", off, bases[i/3], []string{"", "(BX*1)", "(BX*2)"}[i%3])
			b := g.reg()
			g.f("VBROADCASTSS %s, %s", from, b)
			for j := range v {
				g.f("VFMADD231PS %s, %s, %s", ws[j], b, acc[i][j])
			}
			g.done(b)
		}
		g.done(ws...)
	}
	g.f("%s:", loop)
	step(0, "(R12)")
	step(4, "(R12)(SI*1)")
	g.f("LEAQ (R12)(SI*2), R12")
	for _, b := range bases {
		g.f("ADDQ $8, %s", b)
	}
	g.f("SUBQ $2, AX")
	g.f("JGE %s", loop)
	g.f("%s:", tail)
	g.f("TESTQ $1, AX")
	g.f("JZ %s", end)
	step(0, "(R12)")
	g.f("%s:", end)
	g.f("MOVQ 8(SP), AX")
	g.f("MOVQ 0(SP), R12")
	noAdd, noRelu := g.label("noadd"), g.label("norelu")
	g.f("TESTQ R14, R14")
	g.f("JZ %s", noAdd)
	g.f("MOVQ R14, CX")
	for i := range acc {
		for j := range v {
			g.f("VADDPS %d(CX), %s, %s", g.bytes()*j, acc[i][j], acc[i][j])
		}
		g.f("ADDQ 64(DI), CX")
	}
	g.f("ADDQ $%d, R14", g.bytes()*v)
	g.f("%s:", noAdd)
	g.f("CMPQ 96(DI), $0")
	g.f("JEQ %s", noRelu)
	zero := g.reg()
	g.f("VXORPS %s, %s, %s", zero, zero, zero)
	for i := range acc {
		for j := range v {
			g.f("VMAXPS %s, %s, %s", zero, acc[i][j], acc[i][j])
		}
	}
	g.done(zero)
	g.f("%s:", noRelu)
	g.f("MOVQ R11, CX")
	for i := range acc {
		for j := range v {
			g.f("VMOVUPS %s, %d(CX)", acc[i][j], g.bytes()*j)
		}
		g.f("ADDQ 40(DI), CX")
	}
	g.f("ADDQ $%d, R11", g.bytes()*v)
	g.f("ADDQ $%d, R12", g.bytes()*v)
	g.f("DECQ AX")
	g.f("JNZ %s", cols)
	for range r {
		g.f("ADDQ BX, R9")
		g.f("ADDQ 40(DI), R8")
	}
	skip := g.label("next")
	g.f("TESTQ R10, R10")
	g.f("JZ %s", skip)
	for range r {
		g.f("ADDQ 64(DI), R10")
	}
	g.f("%s:", skip)
	g.f("SUBQ $%d, 80(DI)", r) // rows
	g.f("JNZ %s", rows)
	g.f("VZEROUPPER")
	g.f("RET")
}
