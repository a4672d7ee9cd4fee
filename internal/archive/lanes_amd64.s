//go:build !purego

#include "textflag.h"

// The constants of SHA-256 (FIPS 180-4, section 4.2.2), in the order of the rounds.
DATA rounds<>+0x00(SB)/8, $0x71374491428a2f98
DATA rounds<>+0x08(SB)/8, $0xe9b5dba5b5c0fbcf
DATA rounds<>+0x10(SB)/8, $0x59f111f13956c25b
DATA rounds<>+0x18(SB)/8, $0xab1c5ed5923f82a4
DATA rounds<>+0x20(SB)/8, $0x12835b01d807aa98
DATA rounds<>+0x28(SB)/8, $0x550c7dc3243185be
DATA rounds<>+0x30(SB)/8, $0x80deb1fe72be5d74
DATA rounds<>+0x38(SB)/8, $0xc19bf1749bdc06a7
DATA rounds<>+0x40(SB)/8, $0xefbe4786e49b69c1
DATA rounds<>+0x48(SB)/8, $0x240ca1cc0fc19dc6
DATA rounds<>+0x50(SB)/8, $0x4a7484aa2de92c6f
DATA rounds<>+0x58(SB)/8, $0x76f988da5cb0a9dc
DATA rounds<>+0x60(SB)/8, $0xa831c66d983e5152
DATA rounds<>+0x68(SB)/8, $0xbf597fc7b00327c8
DATA rounds<>+0x70(SB)/8, $0xd5a79147c6e00bf3
DATA rounds<>+0x78(SB)/8, $0x1429296706ca6351
DATA rounds<>+0x80(SB)/8, $0x2e1b213827b70a85
DATA rounds<>+0x88(SB)/8, $0x53380d134d2c6dfc
DATA rounds<>+0x90(SB)/8, $0x766a0abb650a7354
DATA rounds<>+0x98(SB)/8, $0x92722c8581c2c92e
DATA rounds<>+0xa0(SB)/8, $0xa81a664ba2bfe8a1
DATA rounds<>+0xa8(SB)/8, $0xc76c51a3c24b8b70
DATA rounds<>+0xb0(SB)/8, $0xd6990624d192e819
DATA rounds<>+0xb8(SB)/8, $0x106aa070f40e3585
DATA rounds<>+0xc0(SB)/8, $0x1e376c0819a4c116
DATA rounds<>+0xc8(SB)/8, $0x34b0bcb52748774c
DATA rounds<>+0xd0(SB)/8, $0x4ed8aa4a391c0cb3
DATA rounds<>+0xd8(SB)/8, $0x682e6ff35b9cca4f
DATA rounds<>+0xe0(SB)/8, $0x78a5636f748f82ee
DATA rounds<>+0xe8(SB)/8, $0x8cc7020884c87814
DATA rounds<>+0xf0(SB)/8, $0xa4506ceb90befffa
DATA rounds<>+0xf8(SB)/8, $0xc67178f2bef9a3f7
GLOBL rounds<>(SB), RODATA|NOPTR, $256

// What turns the bytes of each word around.
DATA turn<>+0x00(SB)/8, $0x0405060700010203
DATA turn<>+0x08(SB)/8, $0x0c0d0e0f08090a0b
GLOBL turn<>(SB), RODATA|NOPTR, $16

// Each lane has S0 (the words A B E F of its state) and S1 (C D G H), and four registers
// of words of its message. X0 is what SHA256RNDS2 takes its words from, X13 is free, X14
// is turn, AX are the constants.

// TWICE does four rounds with the words in X0.
#define TWICE(S0, S1, K) \
	PADDD       K(AX), X0; \
	SHA256RNDS2 X0, S0, S1; \
	PSHUFD      $0x0e, X0, X0; \
	SHA256RNDS2 X0, S1, S0

// FIRST does four rounds with words of the message, which it keeps in M.
#define FIRST(P, S0, S1, M, K) \
	MOVOU  K(P), X0; \
	PSHUFB X14, X0; \
	MOVOA  X0, M; \
	TWICE(S0, S1, K)

// NEXT makes words of the schedule in N, out of those in M and L, which are before.
#define NEXT(L, M, N) \
	MOVOA      M, X13; \
	PALIGNR    $4, L, X13; \
	PADDD      X13, N; \
	SHA256MSG2 M, N

// LATER does four rounds with words of the schedule.
#define LATER(S0, S1, M, K) \
	MOVOA M, X0; \
	TWICE(S0, S1, K)

// Two lanes at once: the instructions of one wait for one another, those of two do not.
#define FIRSTS(K, M, N) \
	FIRST(SI, X1, X2, M, K); \
	FIRST(DX, X7, X8, N, K)

#define LATERS(K, M, N) \
	LATER(X1, X2, M, K); \
	LATER(X7, X8, N, K)

// func block2(state *[2][8]uint32, a, b *byte, n int)
// Requires: SHA, SSE4.1, SSSE3
TEXT ·block2(SB), NOSPLIT, $0-32
	MOVQ  state+0(FP), DI
	MOVQ  a+8(FP), SI
	MOVQ  b+16(FP), DX
	MOVQ  n+24(FP), CX
	LEAQ  rounds<>(SB), AX
	MOVOU turn<>(SB), X14
	MOVOU 0(DI), X1
	MOVOU 16(DI), X2
	MOVOU 32(DI), X7
	MOVOU 48(DI), X8
	TESTQ CX, CX
	JLE   done

block:
	FIRSTS(0, X3, X9)
	FIRSTS(16, X4, X10)
	SHA256MSG1 X4, X3
	SHA256MSG1 X10, X9
	FIRSTS(32, X5, X11)
	SHA256MSG1 X5, X4
	SHA256MSG1 X11, X10
	FIRSTS(48, X6, X12)
	NEXT(X5, X6, X3)
	NEXT(X11, X12, X9)
	SHA256MSG1 X6, X5
	SHA256MSG1 X12, X11
	LATERS(64, X3, X9)
	NEXT(X6, X3, X4)
	NEXT(X12, X9, X10)
	SHA256MSG1 X3, X6
	SHA256MSG1 X9, X12
	LATERS(80, X4, X10)
	NEXT(X3, X4, X5)
	NEXT(X9, X10, X11)
	SHA256MSG1 X4, X3
	SHA256MSG1 X10, X9
	LATERS(96, X5, X11)
	NEXT(X4, X5, X6)
	NEXT(X10, X11, X12)
	SHA256MSG1 X5, X4
	SHA256MSG1 X11, X10
	LATERS(112, X6, X12)
	NEXT(X5, X6, X3)
	NEXT(X11, X12, X9)
	SHA256MSG1 X6, X5
	SHA256MSG1 X12, X11
	LATERS(128, X3, X9)
	NEXT(X6, X3, X4)
	NEXT(X12, X9, X10)
	SHA256MSG1 X3, X6
	SHA256MSG1 X9, X12
	LATERS(144, X4, X10)
	NEXT(X3, X4, X5)
	NEXT(X9, X10, X11)
	SHA256MSG1 X4, X3
	SHA256MSG1 X10, X9
	LATERS(160, X5, X11)
	NEXT(X4, X5, X6)
	NEXT(X10, X11, X12)
	SHA256MSG1 X5, X4
	SHA256MSG1 X11, X10
	LATERS(176, X6, X12)
	NEXT(X5, X6, X3)
	NEXT(X11, X12, X9)
	SHA256MSG1 X6, X5
	SHA256MSG1 X12, X11
	LATERS(192, X3, X9)
	NEXT(X6, X3, X4)
	NEXT(X12, X9, X10)
	SHA256MSG1 X3, X6
	SHA256MSG1 X9, X12
	LATERS(208, X4, X10)
	NEXT(X3, X4, X5)
	NEXT(X9, X10, X11)
	LATERS(224, X5, X11)
	NEXT(X4, X5, X6)
	NEXT(X10, X11, X12)
	LATERS(240, X6, X12)

	MOVOU 0(DI), X13
	PADDD X13, X1
	MOVOU X1, 0(DI)
	MOVOU 16(DI), X13
	PADDD X13, X2
	MOVOU X2, 16(DI)
	MOVOU 32(DI), X13
	PADDD X13, X7
	MOVOU X7, 32(DI)
	MOVOU 48(DI), X13
	PADDD X13, X8
	MOVOU X8, 48(DI)
	ADDQ  $64, SI
	ADDQ  $64, DX
	DECQ  CX
	JNZ   block

done:
	RET

// Sixteen lanes: each of the 32-bit places of a register belongs to one of them. Z0 to Z7 are
// the words A to H of the states, Z8 to Z23 are sixteen words of the schedules, AX are the
// constants.

// ROUND is one round with the words W and the constant K(AX).
#define ROUND(A, B, C, D, E, F, G, H, W, K) \
	VPADDD.BCST K(AX), H, H; \
	VPADDD      W, H, H; \
	VPRORD      $6, E, Z24; \
	VPRORD      $11, E, Z25; \
	VPRORD      $25, E, Z26; \
	VPTERNLOGD  $0x96, Z26, Z25, Z24; \
	VMOVDQA32   E, Z27; \
	VPTERNLOGD  $0xca, G, F, Z27; \
	VPADDD      Z24, H, H; \
	VPADDD      Z27, H, H; \
	VPADDD      H, D, D; \
	VPRORD      $2, A, Z28; \
	VPRORD      $13, A, Z29; \
	VPRORD      $22, A, Z30; \
	VPTERNLOGD  $0x96, Z30, Z29, Z28; \
	VMOVDQA32   A, Z31; \
	VPTERNLOGD  $0xe8, C, B, Z31; \
	VPADDD      Z28, H, H; \
	VPADDD      Z31, H, H

// WORDS makes in W the words that are sixteen further on; V, M and L are the words one, nine
// and fourteen behind it.
#define WORDS(W, V, M, L) \
	VPRORD     $7, V, Z24; \
	VPRORD     $18, V, Z25; \
	VPSRLD     $3, V, Z26; \
	VPTERNLOGD $0x96, Z26, Z25, Z24; \
	VPRORD     $17, L, Z27; \
	VPRORD     $19, L, Z28; \
	VPSRLD     $10, L, Z29; \
	VPTERNLOGD $0x96, Z29, Z28, Z27; \
	VPADDD     M, W, W; \
	VPADDD     Z24, W, W; \
	VPADDD     Z27, W, W

// EIGHT are eight rounds, behind which the words of the states are in their registers again.
#define EIGHT(K, WA, WB, WC, WD, WE, WF, WG, WH) \
	ROUND(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, WA, K); \
	ROUND(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, WB, (K+4)); \
	ROUND(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, WC, (K+8)); \
	ROUND(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, WD, (K+12)); \
	ROUND(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, WE, (K+16)); \
	ROUND(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, WF, (K+20)); \
	ROUND(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, WG, (K+24)); \
	ROUND(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, WH, (K+28))

// LINE is a block of a lane, with the bytes of each word turned around.
#define LINE(I, Z) \
	MOVQ      (8*I)(SI), R8; \
	VMOVDQU32 (DX)(R8*1), Z; \
	VPSHUFB   Z31, Z, Z

// FOUR loads blocks of four lanes: of each four words that follow one another, O has the first
// of all four lanes, P the second, and so on.
#define FOUR(I, O, P, Q, R) \
	LINE(I, Z24); \
	LINE((I+1), Z25); \
	LINE((I+2), Z26); \
	LINE((I+3), Z27); \
	VPUNPCKLDQ  Z25, Z24, Z28; \
	VPUNPCKHDQ  Z25, Z24, Z29; \
	VPUNPCKLDQ  Z27, Z26, Z30; \
	VPUNPCKHDQ  Z27, Z26, Z24; \
	VPUNPCKLQDQ Z30, Z28, O; \
	VPUNPCKHQDQ Z30, Z28, P; \
	VPUNPCKLQDQ Z24, Z29, Q; \
	VPUNPCKHQDQ Z24, Z29, R

// JOIN makes of four such registers, of all lanes, the four words that they have.
#define JOIN(O, P, Q, R) \
	VSHUFI32X4 $0x44, P, O, Z24; \
	VSHUFI32X4 $0x44, R, Q, Z25; \
	VSHUFI32X4 $0xee, P, O, Z26; \
	VSHUFI32X4 $0xee, R, Q, Z27; \
	VSHUFI32X4 $0x88, Z25, Z24, O; \
	VSHUFI32X4 $0xdd, Z25, Z24, P; \
	VSHUFI32X4 $0x88, Z27, Z26, Q; \
	VSHUFI32X4 $0xdd, Z27, Z26, R

// ADD adds what a state was before the block.
#define ADD(I, Z) \
	VPADDD    (64*I)(DI), Z, Z; \
	VMOVDQU32 Z, (64*I)(DI)

// func block16(state *[8][16]uint32, from *byte, at *[16]uint64, n int)
// Requires: AVX512F, AVX512BW
TEXT ·block16(SB), NOSPLIT, $0-32
	MOVQ  state+0(FP), DI
	MOVQ  from+8(FP), DX
	MOVQ  at+16(FP), SI
	MOVQ  n+24(FP), CX
	TESTQ CX, CX
	JLE   done16
	VMOVDQU32 0(DI), Z0
	VMOVDQU32 64(DI), Z1
	VMOVDQU32 128(DI), Z2
	VMOVDQU32 192(DI), Z3
	VMOVDQU32 256(DI), Z4
	VMOVDQU32 320(DI), Z5
	VMOVDQU32 384(DI), Z6
	VMOVDQU32 448(DI), Z7

block16:
	LEAQ rounds<>(SB), AX
	MOVQ $3, BX
	VBROADCASTI32X4 turn<>(SB), Z31
	FOUR(0, Z8, Z9, Z10, Z11)
	FOUR(4, Z12, Z13, Z14, Z15)
	FOUR(8, Z16, Z17, Z18, Z19)
	FOUR(12, Z20, Z21, Z22, Z23)
	JOIN(Z8, Z12, Z16, Z20)
	JOIN(Z9, Z13, Z17, Z21)
	JOIN(Z10, Z14, Z18, Z22)
	JOIN(Z11, Z15, Z19, Z23)
	EIGHT(0, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)
	EIGHT(32, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)

rounds16:
	ADDQ $64, AX
	WORDS(Z8, Z9, Z17, Z22)
	WORDS(Z9, Z10, Z18, Z23)
	WORDS(Z10, Z11, Z19, Z8)
	WORDS(Z11, Z12, Z20, Z9)
	WORDS(Z12, Z13, Z21, Z10)
	WORDS(Z13, Z14, Z22, Z11)
	WORDS(Z14, Z15, Z23, Z12)
	WORDS(Z15, Z16, Z8, Z13)
	EIGHT(0, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)
	WORDS(Z16, Z17, Z9, Z14)
	WORDS(Z17, Z18, Z10, Z15)
	WORDS(Z18, Z19, Z11, Z16)
	WORDS(Z19, Z20, Z12, Z17)
	WORDS(Z20, Z21, Z13, Z18)
	WORDS(Z21, Z22, Z14, Z19)
	WORDS(Z22, Z23, Z15, Z20)
	WORDS(Z23, Z8, Z16, Z21)
	EIGHT(32, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)
	DECQ BX
	JNZ  rounds16

	ADD(0, Z0)
	ADD(1, Z1)
	ADD(2, Z2)
	ADD(3, Z3)
	ADD(4, Z4)
	ADD(5, Z5)
	ADD(6, Z6)
	ADD(7, Z7)
	ADDQ $64, DX
	DECQ CX
	JNZ  block16
	VZEROUPPER

done16:
	RET
