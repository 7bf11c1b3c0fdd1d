package batch

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// canFold reports whether the processor has the instructions of fold.
var canFold = cpu.X86.HasAVX512F && cpu.X86.HasAVX512VPCLMULQDQ && cpu.X86.HasSSE42

// fold moves block to the end of p, adds all blocks of p on the way and returns the
// remainder, neither preset nor inverted. p is a multiple of foldBytes, and not empty.
//
//go:noescape
func fold(block *[foldBytes]byte, p []byte, constants *[2]uint64) (crc uint32)

// toNextLine is the number of bytes of p before its first whole cache line.
func toNextLine(p []byte) int {
	return int(-uintptr(unsafe.Pointer(unsafe.SliceData(p))) % lineBytes)
}
