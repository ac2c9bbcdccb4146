#include "textflag.h"

// func addAVX2(sum *int32, src *int16, n int)
TEXT ·addAVX2(SB), NOSPLIT, $0-24
	MOVQ sum+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX

add:
	VPMOVSXWD (SI), Y0
	VPMOVSXWD 16(SI), Y1
	VPADDD    (DI), Y0, Y0
	VPADDD    32(DI), Y1, Y1
	VMOVDQU   Y0, (DI)
	VMOVDQU   Y1, 32(DI)
	ADDQ      $32, SI
	ADDQ      $64, DI
	SUBQ      $16, CX
	JNZ       add
	VZEROUPPER
	RET

// func subAVX2(sum *int32, src *int16, n int)
TEXT ·subAVX2(SB), NOSPLIT, $0-24
	MOVQ sum+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX

sub:
	VPMOVSXWD (SI), Y0
	VPMOVSXWD 16(SI), Y1
	VMOVDQU   (DI), Y2
	VMOVDQU   32(DI), Y3
	VPSUBD    Y0, Y2, Y2
	VPSUBD    Y1, Y3, Y3
	VMOVDQU   Y2, (DI)
	VMOVDQU   Y3, 32(DI)
	ADDQ      $32, SI
	ADDQ      $64, DI
	SUBQ      $16, CX
	JNZ       sub
	VZEROUPPER
	RET

// func narrowAVX2(dst *int16, sum *int32, n int) (lo, hi int32)
TEXT ·narrowAVX2(SB), NOSPLIT, $0-32
	MOVQ  dst+0(FP), DI
	MOVQ  sum+8(FP), SI
	MOVQ  n+16(FP), CX
	VPXOR Y4, Y4, Y4 // least
	VPXOR Y5, Y5, Y5 // greatest

narrow:
	VMOVDQU   (SI), Y0
	VMOVDQU   32(SI), Y1
	VPMINSD   Y0, Y4, Y4
	VPMAXSD   Y0, Y5, Y5
	VPMINSD   Y1, Y4, Y4
	VPMAXSD   Y1, Y5, Y5
	VPACKSSDW Y1, Y0, Y0  // by halves: 0-3, 8-11, 4-7, 12-15
	VPERMQ    $0xd8, Y0, Y0
	VMOVDQU   Y0, (DI)
	ADDQ      $64, SI
	ADDQ      $32, DI
	SUBQ      $16, CX
	JNZ       narrow

	VEXTRACTI128 $1, Y4, X0
	VPMINSD      X0, X4, X4
	VPSHUFD      $0x4e, X4, X0
	VPMINSD      X0, X4, X4
	VPSHUFD      $0xb1, X4, X0
	VPMINSD      X0, X4, X4
	VMOVD        X4, AX
	MOVL         AX, lo+24(FP)
	VEXTRACTI128 $1, Y5, X0
	VPMAXSD      X0, X5, X5
	VPSHUFD      $0x4e, X5, X0
	VPMAXSD      X0, X5, X5
	VPSHUFD      $0xb1, X5, X0
	VPMAXSD      X0, X5, X5
	VMOVD        X5, AX
	MOVL         AX, hi+28(FP)
	VZEROUPPER
	RET

// func energyAVX2(src *int16, n int) uint64
TEXT ·energyAVX2(SB), NOSPLIT, $0-24
	MOVQ  src+0(FP), SI
	MOVQ  n+8(FP), CX
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y7, Y7, Y7

energy:
	VMOVDQU  (SI), Y0
	VPMADDWD Y0, Y0, Y0      // sums of two squares, up to 2^31 and so without a sign
	VPSRLQ   $32, Y0, Y1
	VPBLENDD $0xaa, Y7, Y0, Y0
	VPADDQ   Y0, Y2, Y2
	VPADDQ   Y1, Y3, Y3
	ADDQ     $32, SI
	SUBQ     $16, CX
	JNZ      energy

	VPADDQ       Y3, Y2, Y2
	VEXTRACTI128 $1, Y2, X0
	VPADDQ       X0, X2, X2
	VPSHUFD      $0x4e, X2, X0
	VPADDQ       X0, X2, X2
	VMOVQ        X2, AX
	MOVQ         AX, ret+16(FP)
	VZEROUPPER
	RET
