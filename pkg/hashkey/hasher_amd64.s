#include "textflag.h"

// MD5 of eight blocks side by side, after RFC 1321: the same step of all of them is one step here, as none waits for another.
// Y0 to Y3 are the buffers A to D of RFC 1321, section 3.4, lane by lane, SI the blocks and DI the sums. Y4 is the value of the round's
// function, Y5 what is added to it, Y6 all ones.

// a = b + ((a + Y4 + word + constant) <<< left)
#define STEP(a, b, word, left, constant) \
	MOVL         $constant, AX         \
	VMOVD        AX, X5                \
	VPBROADCASTD X5, Y5                \
	VPADDD       (word*32)(SI), Y5, Y5 \
	VPADDD       Y5, a, a              \
	VPADDD       Y4, a, a              \
	VPSLLD       $left, a, Y4          \
	VPSRLD       $(32-left), a, a      \
	VPOR         Y4, a, a              \
	VPADDD       b, a, a

// b&c | ^b&d, as (c^d)&b ^ d
#define F(a, b, c, d, word, left, constant) \
	VPXOR c, d, Y4  \
	VPAND b, Y4, Y4 \
	VPXOR d, Y4, Y4 \
	STEP(a, b, word, left, constant)

// b&d | c&^d, as (b^c)&d ^ c
#define G(a, b, c, d, word, left, constant) \
	VPXOR b, c, Y4  \
	VPAND d, Y4, Y4 \
	VPXOR c, Y4, Y4 \
	STEP(a, b, word, left, constant)

// b ^ c ^ d
#define H(a, b, c, d, word, left, constant) \
	VPXOR c, d, Y4  \
	VPXOR b, Y4, Y4 \
	STEP(a, b, word, left, constant)

// c ^ (b | ^d)
#define I(a, b, c, d, word, left, constant) \
	VPXOR Y6, d, Y4 \
	VPOR  b, Y4, Y4 \
	VPXOR c, Y4, Y4 \
	STEP(a, b, word, left, constant)

#define ALL(lanes, constant) \
	MOVL         $constant, AX \
	VMOVD        AX, X5        \
	VPBROADCASTD X5, lanes

#define SUM(lanes, word, constant) \
	ALL(Y5, constant)        \
	VPADDD  Y5, lanes, lanes \
	VMOVDQU lanes, (word*32)(DI)

// func sumLanes(blocks *[16][8]uint32, sums *[4][8]uint32)
TEXT ·sumLanes(SB), NOSPLIT, $0-16
	MOVQ     blocks+0(FP), SI
	MOVQ     sums+8(FP), DI
	VPCMPEQD Y6, Y6, Y6

	ALL(Y0, 0x67452301)
	ALL(Y1, 0xefcdab89)
	ALL(Y2, 0x98badcfe)
	ALL(Y3, 0x10325476)

	F(Y0, Y1, Y2, Y3, 0, 7, 0xd76aa478)
	F(Y3, Y0, Y1, Y2, 1, 12, 0xe8c7b756)
	F(Y2, Y3, Y0, Y1, 2, 17, 0x242070db)
	F(Y1, Y2, Y3, Y0, 3, 22, 0xc1bdceee)
	F(Y0, Y1, Y2, Y3, 4, 7, 0xf57c0faf)
	F(Y3, Y0, Y1, Y2, 5, 12, 0x4787c62a)
	F(Y2, Y3, Y0, Y1, 6, 17, 0xa8304613)
	F(Y1, Y2, Y3, Y0, 7, 22, 0xfd469501)
	F(Y0, Y1, Y2, Y3, 8, 7, 0x698098d8)
	F(Y3, Y0, Y1, Y2, 9, 12, 0x8b44f7af)
	F(Y2, Y3, Y0, Y1, 10, 17, 0xffff5bb1)
	F(Y1, Y2, Y3, Y0, 11, 22, 0x895cd7be)
	F(Y0, Y1, Y2, Y3, 12, 7, 0x6b901122)
	F(Y3, Y0, Y1, Y2, 13, 12, 0xfd987193)
	F(Y2, Y3, Y0, Y1, 14, 17, 0xa679438e)
	F(Y1, Y2, Y3, Y0, 15, 22, 0x49b40821)

	G(Y0, Y1, Y2, Y3, 1, 5, 0xf61e2562)
	G(Y3, Y0, Y1, Y2, 6, 9, 0xc040b340)
	G(Y2, Y3, Y0, Y1, 11, 14, 0x265e5a51)
	G(Y1, Y2, Y3, Y0, 0, 20, 0xe9b6c7aa)
	G(Y0, Y1, Y2, Y3, 5, 5, 0xd62f105d)
	G(Y3, Y0, Y1, Y2, 10, 9, 0x02441453)
	G(Y2, Y3, Y0, Y1, 15, 14, 0xd8a1e681)
	G(Y1, Y2, Y3, Y0, 4, 20, 0xe7d3fbc8)
	G(Y0, Y1, Y2, Y3, 9, 5, 0x21e1cde6)
	G(Y3, Y0, Y1, Y2, 14, 9, 0xc33707d6)
	G(Y2, Y3, Y0, Y1, 3, 14, 0xf4d50d87)
	G(Y1, Y2, Y3, Y0, 8, 20, 0x455a14ed)
	G(Y0, Y1, Y2, Y3, 13, 5, 0xa9e3e905)
	G(Y3, Y0, Y1, Y2, 2, 9, 0xfcefa3f8)
	G(Y2, Y3, Y0, Y1, 7, 14, 0x676f02d9)
	G(Y1, Y2, Y3, Y0, 12, 20, 0x8d2a4c8a)

	H(Y0, Y1, Y2, Y3, 5, 4, 0xfffa3942)
	H(Y3, Y0, Y1, Y2, 8, 11, 0x8771f681)
	H(Y2, Y3, Y0, Y1, 11, 16, 0x6d9d6122)
	H(Y1, Y2, Y3, Y0, 14, 23, 0xfde5380c)
	H(Y0, Y1, Y2, Y3, 1, 4, 0xa4beea44)
	H(Y3, Y0, Y1, Y2, 4, 11, 0x4bdecfa9)
	H(Y2, Y3, Y0, Y1, 7, 16, 0xf6bb4b60)
	H(Y1, Y2, Y3, Y0, 10, 23, 0xbebfbc70)
	H(Y0, Y1, Y2, Y3, 13, 4, 0x289b7ec6)
	H(Y3, Y0, Y1, Y2, 0, 11, 0xeaa127fa)
	H(Y2, Y3, Y0, Y1, 3, 16, 0xd4ef3085)
	H(Y1, Y2, Y3, Y0, 6, 23, 0x04881d05)
	H(Y0, Y1, Y2, Y3, 9, 4, 0xd9d4d039)
	H(Y3, Y0, Y1, Y2, 12, 11, 0xe6db99e5)
	H(Y2, Y3, Y0, Y1, 15, 16, 0x1fa27cf8)
	H(Y1, Y2, Y3, Y0, 2, 23, 0xc4ac5665)

	I(Y0, Y1, Y2, Y3, 0, 6, 0xf4292244)
	I(Y3, Y0, Y1, Y2, 7, 10, 0x432aff97)
	I(Y2, Y3, Y0, Y1, 14, 15, 0xab9423a7)
	I(Y1, Y2, Y3, Y0, 5, 21, 0xfc93a039)
	I(Y0, Y1, Y2, Y3, 12, 6, 0x655b59c3)
	I(Y3, Y0, Y1, Y2, 3, 10, 0x8f0ccc92)
	I(Y2, Y3, Y0, Y1, 10, 15, 0xffeff47d)
	I(Y1, Y2, Y3, Y0, 1, 21, 0x85845dd1)
	I(Y0, Y1, Y2, Y3, 8, 6, 0x6fa87e4f)
	I(Y3, Y0, Y1, Y2, 15, 10, 0xfe2ce6e0)
	I(Y2, Y3, Y0, Y1, 6, 15, 0xa3014314)
	I(Y1, Y2, Y3, Y0, 13, 21, 0x4e0811a1)
	I(Y0, Y1, Y2, Y3, 4, 6, 0xf7537e82)
	I(Y3, Y0, Y1, Y2, 11, 10, 0xbd3af235)
	I(Y2, Y3, Y0, Y1, 2, 15, 0x2ad7d2bb)
	I(Y1, Y2, Y3, Y0, 9, 21, 0xeb86d391)

	SUM(Y0, 0, 0x67452301)
	SUM(Y1, 1, 0xefcdab89)
	SUM(Y2, 2, 0x98badcfe)
	SUM(Y3, 3, 0x10325476)
	VZEROUPPER
	RET

// func cpuid(leaf uint32) (eax, ebx, ecx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-20
	MOVL leaf+0(FP), AX
	XORL CX, CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	RET

// func xgetbv() uint32
TEXT ·xgetbv(SB), NOSPLIT, $0-4
	XORL CX, CX
	XGETBV
	MOVL AX, ret+0(FP)
	RET
