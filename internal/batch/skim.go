package batch

import "encoding/binary"

// place is what a record says of where it belongs.
type place struct {
	offsetDelta      int64
	timestampDeltaMs int64
}

// nextPlace is Next for those who do not want key and value.
func (it *Iter) nextPlace() (place, bool) {
	if it.err == nil && it.left > 0 {
		if p, size := skim(it.rest); size > 0 {
			it.rest = it.rest[size:]
			it.left--
			it.seen++
			return p, true
		}
	}
	r, ok := it.Next()
	return place{int64(r.OffsetDelta), r.TimestampDeltaMs}, ok
}

// skim reads the record at the start of b if it is of the usual kind: no header, and
// no number that takes more than two bytes. It gives the record's size, or 0 for those
// that are to be parsed in full, damaged ones among them.
func skim(b []byte) (p place, size int) {
	const wordBytes, attributeBits = 8, 8
	if len(b) < 2*wordBytes {
		return p, 0
	}
	word := binary.LittleEndian.Uint64(b)
	length, lengthBits := shortVarint(word)
	word >>= lengthBits + attributeBits
	timestampDelta, timestampBits := shortVarint(word)
	word >>= timestampBits
	offsetDelta, offsetBits := shortVarint(word)
	word >>= offsetBits
	keyBytes, keyBits := shortVarint(word)
	bits := lengthBits + attributeBits + timestampBits + offsetBits + keyBits
	if lengthBits == 0 || timestampBits == 0 || offsetBits == 0 || keyBits == 0 || bits > 8*wordBytes || keyBytes < -1 {
		return p, 0
	}
	at := int(bits/8) + max(0, int(keyBytes))
	if at+wordBytes > len(b) {
		return p, 0
	}
	valueBytes, valueBits := shortVarint(binary.LittleEndian.Uint64(b[at:]))
	at += int(valueBits/8) + max(0, int(valueBytes))
	if valueBits == 0 || valueBytes < -1 || at >= len(b) || b[at] != 0 || at+1 != int(lengthBits/8)+int(length) {
		return p, 0
	}
	return place{offsetDelta: offsetDelta, timestampDeltaMs: timestampDelta}, at + 1
}

// shortVarint reads a zigzag number of one or two bytes from the low end of a word, and
// says how many bits it takes; 0 if it is longer.
func shortVarint(word uint64) (v int64, bits uint) {
	u := word & 0x7f
	if word&0x80 == 0 {
		return int64(u>>1) ^ -int64(u&1), 8
	}
	if word&0x8000 != 0 {
		return 0, 0
	}
	u |= word >> 1 & 0x3f80
	return int64(u>>1) ^ -int64(u&1), 16
}
