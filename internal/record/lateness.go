package record

import "time"

const (
	latenessFloor = time.Millisecond // Lateness this small never matters
	latenessShare = 0.10             // … nor this much of ResponseTime
)

// LatenessLimitNs is the Lateness at a percentile up to which ResponseTime at the same
// percentile is taken for the target's.
func LatenessLimitNs(responseNs int64) int64 {
	return max(int64(latenessFloor), int64(latenessShare*float64(responseNs)))
}
