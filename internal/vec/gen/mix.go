package main

import "fmt"

// mix is a routine for two sets of rows at once, which share their matrices, column after column: r rows of results of both in a block. Its
// argument is a *mixArgs, whose fields are read at the offsets below. A wide register holds eight values of the one and
// eight of the other; of the narrow ones there are two.
func (g *gen) mix(name string, r int) {
	g.text(fmt.Sprintf("func %s(p *mixArgs)", name), name, 0, 8)
	g.f("MOVQ p+0(FP), DI")
	g.f("MOVQ 0(DI), R8")   // dst
	g.f("MOVQ 8(DI), R9")   // m
	g.f("MOVQ 16(DI), R10") // x
	g.f("MOVQ 24(DI), R11") // add
	g.f("MOVQ 72(DI), R12") // from the one set's dst to the other's
	g.f("MOVQ 80(DI), R13") // and x
	g.f("MOVQ 40(DI), BX")  // m's stride
	sets := 2
	if g.wide {
		sets = 1
	}
	heads, rows, loop := g.label("heads"), g.label("rows"), g.label("loop")
	g.f("%s:", heads)
	g.f("MOVQ 56(DI), AX") // rows
	g.f("MOVQ AX, 96(DI)") // of these, left to do
	g.f("MOVQ R8, R14")
	g.f("MOVQ R11, R15")
	g.f("%s:", rows)
	acc := make([][]string, r)
	for i := range acc {
		for range sets {
			acc[i] = append(acc[i], g.reg())
		}
		if g.wide {
			g.f("VBROADCASTF64X4 (R15), %s", acc[i][0])
		} else {
			g.f("VMOVUPS (R15), %s", acc[i][0])
			g.f("VMOVAPS %s, %s", acc[i][0], acc[i][1])
		}
		g.f("ADDQ 64(DI), R15") // add's stride
	}
	g.f("MOVQ R10, DX")
	g.f("MOVQ 56(DI), CX")
	g.f("MOVQ R9, AX")
	g.f("%s:", loop)
	var w []string
	if g.wide {
		w = []string{g.reg()}
		g.out.WriteString(fmt.Sprintf("\tVMOVUPS (DX), Y%s\n", w[0][1:]))
		g.f("VINSERTF64X4 $1, (DX)(R13*1), %s, %s", w[0], w[0])
	} else {
		w = []string{g.load("(DX)"), g.load("(DX)(R13*1)")}
	}
	for i := range r {
		if g.wide {
			g.out.WriteString(fmt.Sprintf("\tVFMADD231PS.BCST %d(AX), %s, %s\n", 4*i, w[0], acc[i][0]))
			continue
		}
		b := g.reg()
		g.f("VBROADCASTSS %d(AX), %s", 4*i, b)
		for j := range sets {
			g.f("VFMADD231PS %s, %s, %s", w[j], b, acc[i][j])
		}
		g.done(b)
	}
	g.done(w...)
	g.f("ADDQ BX, AX")
	g.f("ADDQ 48(DI), DX") // x's stride
	g.f("DECQ CX")
	g.f("JNZ %s", loop)
	zero := g.reg()
	g.f("VXORPS %s, %s, %s", zero, zero, zero)
	for i := range acc {
		for j := range sets {
			g.f("VMAXPS %s, %s, %s", zero, acc[i][j], acc[i][j])
		}
		if g.wide {
			g.out.WriteString(fmt.Sprintf("\tVMOVUPS Y%s, (R14)\n", acc[i][0][1:]))
			g.f("VEXTRACTF64X4 $1, %s, (R14)(R12*1)", acc[i][0])
		} else {
			g.f("VMOVUPS %s, (R14)", acc[i][0])
			g.f("VMOVUPS %s, (R14)(R12*1)", acc[i][1])
		}
		g.f("ADDQ 32(DI), R14") // dst's stride
		g.done(acc[i]...)
	}
	g.done(zero)
	g.f("ADDQ $%d, R9", 4*r)
	g.f("SUBQ $%d, 96(DI)", r)
	g.f("JNZ %s", rows)
	// R9 has gone along one row of m's columns: on to the next matrix.
	g.f("SUBQ BX, R9")
	g.f("ADDQ 104(DI), R9")
	g.f("ADDQ $32, R8")
	g.f("ADDQ $32, R10")
	g.f("ADDQ $32, R11")
	g.f("DECQ 88(DI)") // heads
	g.f("JNZ %s", heads)
	g.f("VZEROUPPER")
	g.f("RET")
}
