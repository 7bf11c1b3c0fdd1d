package batch

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

// TestChecksumAgreesWithTheStandardLibrary covers every alignment and every length
// around the steps of folding.
func TestChecksumAgreesWithTheStandardLibrary(t *testing.T) {
	if !canFold {
		t.Log("this processor does not fold: both are the standard library's")
	}
	random := make([]byte, 70_000)
	rand.NewChaCha8([32]byte{7}).Read(random)
	check := func(from, length int) {
		p := random[from : from+length]
		if got, want := crc32c(p), crc32.Checksum(p, castagnoli); got != want {
			t.Fatalf("%d bytes from %d: %08x, want %08x", length, from, got, want)
		}
	}
	for from := range lineBytes {
		for _, around := range []int{0, leastFoldBytes, leastFoldBytes + foldBytes, 16 * foldBytes} {
			for length := max(0, around-3); length < around+4; length++ {
				check(from, length)
			}
		}
	}
	for length := leastFoldBytes; length < leastFoldBytes+3*foldBytes; length++ {
		check(5, length)
	}
	check(1, len(random)-1)
}

func TestChecksumSeesEveryBit(t *testing.T) {
	p := make([]byte, 4*leastFoldBytes)
	whole := crc32c(p)
	for i := range p {
		p[i] ^= 1 << (i % 8)
		if crc32c(p) == whole {
			t.Fatalf("a bit changed in byte %d and the checksum did not", i)
		}
		p[i] = 0
	}
}

func FuzzChecksum(f *testing.F) {
	f.Add([]byte("123456789"), uint16(0))
	f.Add(make([]byte, 3*leastFoldBytes), uint16(17))
	f.Fuzz(func(t *testing.T, p []byte, from uint16) {
		for len(p) > 0 && len(p) < 2*leastFoldBytes {
			p = append(p, p...)
		}
		p = p[min(int(from), len(p)):]
		if got, want := crc32c(p), crc32.Checksum(p, castagnoli); got != want {
			t.Fatalf("%d bytes: %08x, want %08x", len(p), got, want)
		}
	})
}

func BenchmarkChecksum64KiB(b *testing.B) {
	p := make([]byte, 64<<10)
	for name, sum := range map[string]func([]byte) uint32{
		"folded":   crc32c,
		"standard": func(p []byte) uint32 { return crc32.Checksum(p, castagnoli) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				sum(p[21:])
			}
		})
	}
}
