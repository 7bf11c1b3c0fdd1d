package batch

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	// foldBytes is what one step of fold takes: four registers of 64 bytes.
	foldBytes = 256
	lineBytes = 64 // loads that cross a cache line take twice as long
	// leastFoldBytes is where folding begins to pay, alignment and the rest included.
	leastFoldBytes = 1024
)

// checksum computes the CRC of exactly one whole batch.
func checksum(batch []byte) uint32 { return crc32c(batch[atAttributes:]) }

// crc32c is CRC-32C of p, as crc32.Checksum computes it. Where the processor
// multiplies 64 bytes without carry at once it folds: the block so far, times x to
// the power of its distance in bits, has the same remainder as the block that it is
// added to (Gopal et al., "Fast CRC Computation for Generic Polynomials Using
// PCLMULQDQ Instruction", Intel 2009). The standard library does what comes before the
// first cache line and after the last block.
func crc32c(p []byte) uint32 {
	if !canFold || len(p) < leastFoldBytes {
		return crc32.Checksum(p, castagnoli)
	}
	head := toNextLine(p)
	crc := crc32.Checksum(p[:head], castagnoli)
	p = p[head:]
	whole := len(p) - len(p)%foldBytes
	var block [foldBytes]byte
	copy(block[:], p)
	binary.LittleEndian.PutUint32(block[:], binary.LittleEndian.Uint32(block[:])^^crc)
	crc = ^fold(&block, p[foldBytes:whole], &foldConstants)
	return crc32.Update(crc, castagnoli, p[whole:])
}

// foldConstants multiply the low and the high half of 16 bytes when they are moved
// by foldBytes.
var foldConstants = [2]uint64{power(8*foldBytes + 32), power(8*foldBytes - 32)}

// power is x to the power of n modulo the polynomial: bits reflected as in the
// CRC, and one to the left because a reflected product comes out one to the right.
func power(n int) uint64 {
	r := uint32(1) << 31 // x⁰
	for range n {
		overflow := r & 1
		r = r>>1 ^ overflow*crc32.Castagnoli
	}
	return uint64(r) << 1
}
