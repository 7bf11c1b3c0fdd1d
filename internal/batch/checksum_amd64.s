#include "textflag.h"

// func fold(block *[256]byte, p []byte, constants *[2]uint64) (crc uint32)
TEXT ·fold(SB), NOSPLIT, $0-44
	MOVQ block+0(FP), AX
	MOVQ p_base+8(FP), SI
	MOVQ p_len+16(FP), CX
	MOVQ constants+32(FP), DX
	VBROADCASTI32X4 (DX), Z8
	VMOVDQU64 0(AX), Z0
	VMOVDQU64 64(AX), Z1
	VMOVDQU64 128(AX), Z2
	VMOVDQU64 192(AX), Z3

step:
	// Each register: low halves times the low constant, high halves times the high
	// one, and both added (exclusive or, truth table 0x96) to the next 64 bytes.
	VPCLMULQDQ $0x00, Z8, Z0, Z4
	VPCLMULQDQ $0x00, Z8, Z1, Z5
	VPCLMULQDQ $0x00, Z8, Z2, Z6
	VPCLMULQDQ $0x00, Z8, Z3, Z7
	VPCLMULQDQ $0x11, Z8, Z0, Z0
	VPCLMULQDQ $0x11, Z8, Z1, Z1
	VPCLMULQDQ $0x11, Z8, Z2, Z2
	VPCLMULQDQ $0x11, Z8, Z3, Z3
	VPTERNLOGQ $0x96, 0(SI), Z4, Z0
	VPTERNLOGQ $0x96, 64(SI), Z5, Z1
	VPTERNLOGQ $0x96, 128(SI), Z6, Z2
	VPTERNLOGQ $0x96, 192(SI), Z7, Z3
	ADDQ $256, SI
	SUBQ $256, CX
	JNZ  step

	VMOVDQU64 Z0, 0(AX)
	VMOVDQU64 Z1, 64(AX)
	VMOVDQU64 Z2, 128(AX)
	VMOVDQU64 Z3, 192(AX)
	VZEROUPPER

	// The block's own remainder, by the instruction that does 8 bytes at once.
	XORQ BX, BX
	MOVQ $32, CX

word:
	CRC32Q (AX), BX
	ADDQ $8, AX
	DECQ CX
	JNZ  word
	MOVL BX, crc+40(FP)
	RET
