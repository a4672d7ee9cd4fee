//go:build !purego

#include "textflag.h"

// Of three bytes a, b, c: b a c b, so that the halves of a word have the 16 bits of a and b,
// and of b and c.
DATA spread<>+0x00(SB)/8, $0x0405030401020001
DATA spread<>+0x08(SB)/8, $0x0a0b090a07080607
GLOBL spread<>(SB), RODATA|NOPTR, $16

// What is added to six bits to make a letter: to those of capital letters, of small ones, of
// the ten digits, to 62 and to 63.
DATA shift<>+0x00(SB)/8, $0xfcfcfcfcfcfc4741
DATA shift<>+0x08(SB)/8, $0x0000f0edfcfcfcfc
GLOBL shift<>(SB), RODATA|NOPTR, $16

DATA numbers<>+0x00(SB)/4, $0x0fc0fc00 // the first and the third six bits
DATA numbers<>+0x04(SB)/4, $0x04000040 // how far they are shifted down, by 10 and by 6
DATA numbers<>+0x08(SB)/4, $0x003f03f0 // the second and the fourth
DATA numbers<>+0x0c(SB)/4, $0x01000010 // how far they are shifted up, by 4 and by 8
DATA numbers<>+0x10(SB)/4, $0x33333333 // 51, the last small letter
DATA numbers<>+0x14(SB)/4, $0x19191919 // 25, the last capital letter
GLOBL numbers<>(SB), RODATA|NOPTR, $24

// func encode(dst, src *byte, n int)
TEXT ·encode(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTI128 spread<>(SB), Y8
	VBROADCASTI128 shift<>(SB), Y9
	VPBROADCASTD numbers<>+0x00(SB), Y10
	VPBROADCASTD numbers<>+0x04(SB), Y11
	VPBROADCASTD numbers<>+0x08(SB), Y12
	VPBROADCASTD numbers<>+0x0c(SB), Y13
	VPBROADCASTD numbers<>+0x10(SB), Y14
	VPBROADCASTD numbers<>+0x14(SB), Y15

next:
	VMOVDQU     (SI), X0
	VINSERTI128 $1, 12(SI), Y0, Y0
	VPSHUFB     Y8, Y0, Y0
	VPAND       Y10, Y0, Y1
	VPMULHUW    Y11, Y1, Y1
	VPAND       Y12, Y0, Y0
	VPMULLW     Y13, Y0, Y0
	VPOR        Y1, Y0, Y0          // six bits in each byte

	VPSUBUSB    Y14, Y0, Y1         // 0 for letters, 1 to 12 for the rest
	VPCMPGTB    Y15, Y0, Y2         // -1 for all but capital letters
	VPSUBB      Y2, Y1, Y1
	VPSHUFB     Y1, Y9, Y1
	VPADDB      Y1, Y0, Y0
	VMOVDQU     Y0, (DI)

	ADDQ $24, SI
	ADDQ $32, DI
	DECQ CX
	JNZ  next
	VZEROUPPER
	RET
