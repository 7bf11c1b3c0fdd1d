package storage

import "time"

// Bytes reads a slice, also of files without a descriptor.
func (s Slice) Bytes() ([]byte, error) {
	if s.Empty() {
		return nil, nil
	}
	b := make([]byte, s.LengthBytes)
	_, err := s.segment.ReadAt(b, s.offsetBytes)
	return b, err
}

// RecoveryPoint is the offset below which the log says that all is on the device.
func (l *Log) RecoveryPoint() int64 { return l.recoveryPoint.Load() }

// ForgetProducers is what housekeeping does about them at a time.
func (l *Log) ForgetProducers(now time.Time) { l.expireProducers(now) }
