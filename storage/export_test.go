package storage

// Bytes reads a region, also of a file without a descriptor.
func (s Slice) Bytes() ([]byte, error) {
	b := make([]byte, s.LengthBytes)
	_, err := s.segment.file.ReadAt(b, s.OffsetBytes)
	return b, err
}
