package batch

import "encoding/binary"

const (
	wordBytes = 8
	// sameHigh is how many offset deltas in a row, from a multiple of it on, differ in
	// the first byte of their varint only.
	sameHigh = 64
	// longOffset is the first offset delta of three bytes.
	longOffset      = 8192
	continuationBit = uint64(0x80) // of a varint's byte: another follows
	// zigzagOne is by how much a zigzag number rises from one positive number to the next.
	zigzagOne = 2
)

// skim passes over the records ahead that are of the usual kind and in order: no
// header, no number that takes more than two bytes, the offset delta that is next, no
// timestamp below −1. It refuses nothing: a record that is not of that kind, damaged or
// not, is left for Next. It returns the latest timestamp of those passed over, or
// latestMs if that is later.
func (it *Iter) skim(baseMs, latestMs int64) int64 {
	if it.err != nil {
		return latestMs
	}
	b, seen, count := it.rest, it.seen, it.seen+it.left
	var l layout
	for seen < count && l.read(b) && l.offsetDelta == int64(seen) {
		ms := baseMs + l.timestampDeltaMs
		if ms < noTimestamp {
			break
		}
		latestMs = max(latestMs, ms)
		b = b[l.sizeBytes:]
		seen++
		if l.isAsLongAs(b) {
			var alike int32
			alike, latestMs = l.skimAlike(b, seen, count, baseMs, latestMs)
			b = b[int(alike)*l.sizeBytes:]
			seen += alike
		}
	}
	it.rest, it.left, it.seen = b, count-seen, seen
	return latestMs
}

// layout is what a record says and where it says so. Bits count from the low end of
// the record's first eight bytes, which hold all that precedes the key: the head.
type layout struct {
	sizeBytes                        int
	timestampDeltaMs, offsetDelta    int64
	word                             uint64 // the first eight bytes
	lengthBits, offsetBits, headBits uint
	timestampAtBit, offsetAtBit      uint
	valueAt                          int // where the value's length lies, in bytes
	valueLength, valueLengthMask     uint64
}

// read takes the layout of the record at the start of b; false if that is not of the
// usual kind.
func (l *layout) read(b []byte) bool {
	const attributeBits = 8
	if len(b) < 2*wordBytes {
		return false
	}
	word := binary.LittleEndian.Uint64(b)
	length, lengthBits := shortVarint(word)
	timestampAt := lengthBits + attributeBits
	timestampDelta, timestampBits := shortVarint(word >> (timestampAt & 63))
	offsetAt := timestampAt + timestampBits
	offsetDelta, offsetBits := shortVarint(word >> (offsetAt & 63))
	keyAt := offsetAt + offsetBits
	keyBytes, keyBits := shortVarint(word >> (keyAt & 63))
	headBits := keyAt + keyBits
	if lengthBits == 0 || timestampBits == 0 || offsetBits == 0 || keyBits == 0 || headBits > 8*wordBytes || keyBytes < -1 {
		return false
	}
	valueAt := int(headBits/8) + max(0, int(keyBytes))
	if valueAt+2 > len(b) {
		return false
	}
	valueLength := uint64(binary.LittleEndian.Uint16(b[valueAt:]))
	valueBytes, valueBits := shortVarint(valueLength)
	headersAt := valueAt + int(valueBits/8) + max(0, int(valueBytes))
	if valueBits == 0 || valueBytes < -1 || headersAt >= len(b) || b[headersAt] != 0 || headersAt+1 != int(lengthBits/8)+int(length) {
		return false
	}
	l.sizeBytes, l.timestampDeltaMs, l.offsetDelta = headersAt+1, timestampDelta, offsetDelta
	l.word, l.lengthBits, l.offsetBits, l.headBits = word, lengthBits, offsetBits, headBits
	l.timestampAtBit, l.offsetAtBit = timestampAt, offsetAt
	l.valueAt, l.valueLengthMask = valueAt, 1<<valueBits-1
	l.valueLength = valueLength & l.valueLengthMask
	return true
}

// isAsLongAs reports whether the record at the start of b says the same length.
func (l *layout) isAsLongAs(b []byte) bool {
	return len(b) >= wordBytes && (binary.LittleEndian.Uint64(b)^l.word)<<(-l.lengthBits&63) == 0
}

// skimAlike passes over records that follow the one of this layout, seen of count, and
// differ from it in no more than attributes, key, value, a timestamp of as many bytes
// and not below −1, and an offset delta of as many bytes, which is the next each time.
func (l *layout) skimAlike(b []byte, seen, count int32, baseMs, latestMs int64) (passed int32, latest int64) {
	nextOffset := uint64(zigzagOne) << (l.offsetAtBit & 63)
	timestamp := (uint64(1)<<(l.offsetAtBit&63) - uint64(1)<<(l.timestampAtBit&63)) &^ (0x0101_0101_0101_0101 * continuationBit)
	attributes := uint64(0xff) << (l.lengthBits & 63)
	head := ^uint64(0) >> (-l.headBits & 63) &^ attributes
	first, end := seen, (seen+sameHigh-1)/sameHigh*sameHigh
	l.word += nextOffset
	for seen < count {
		if seen == end { // the offset delta's first byte has overflowed into the second
			if l.offsetBits != 16 || seen == longOffset {
				break
			}
			l.word |= continuationBit << (l.offsetAtBit & 63)
			end += sameHigh
		}
		most := int(min(count, end) - seen)
		same := l.skimSame(b[:min(len(b), most*l.sizeBytes)], nextOffset, head)
		b = b[same*l.sizeBytes:]
		l.word += uint64(same) * nextOffset
		seen += int32(same)
		if same == most {
			continue
		}
		if len(b) < wordBytes {
			break
		}
		differs := (binary.LittleEndian.Uint64(b) ^ l.word) & head
		delta, _ := shortVarint((l.word ^ differs) >> (l.timestampAtBit & 63))
		if differs == 0 || differs&^timestamp != 0 || baseMs+delta < noTimestamp {
			break
		}
		l.word ^= differs
		latestMs = max(latestMs, baseMs+delta) // of a record that is passed over next, or parsed
	}
	return seen - first, latestMs
}

// skimSame passes over whole records whose heads begin with the layout's word, as far
// as head says, with an offset delta that is the next each time. Where a record begins
// does not depend on what was read from the one before, so that the processor works on
// several at once.
func (l *layout) skimSame(b []byte, nextOffset, head uint64) (passed int) {
	word, valueLength, valueLengthMask := l.word, l.valueLength, l.valueLengthMask
	size, valueAt, valueNext, headersAt := l.sizeBytes, l.valueAt, l.valueAt+1, l.sizeBytes-1
	if size < wordBytes || uint(valueAt) >= uint(size) || uint(valueNext) >= uint(size) || uint(headersAt) >= uint(size) {
		return 0 // so that the compiler knows what is within bounds
	}
	for ; len(b) >= size; b = b[size:] {
		headDiffers := (binary.LittleEndian.Uint64(b) ^ word) & head
		valueDiffers := (uint64(b[valueAt])|uint64(b[valueNext])<<8)&valueLengthMask ^ valueLength
		if headDiffers|valueDiffers|uint64(b[headersAt]) != 0 {
			break
		}
		word += nextOffset
		passed++
	}
	return passed
}

// shortVarint reads a zigzag number of one or two bytes from the low end of a word, and
// says how many bits it takes; 0 if it is longer.
func shortVarint(word uint64) (v int64, bits uint) {
	u := word & 0x7f
	if word&continuationBit == 0 {
		return int64(u>>1) ^ -int64(u&1), 8
	}
	if word&0x8000 != 0 {
		return 0, 0
	}
	u |= word >> 1 & 0x3f80
	return int64(u>>1) ^ -int64(u&1), 16
}
