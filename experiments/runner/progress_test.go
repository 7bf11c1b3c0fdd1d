package runner

import (
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

func TestProgressTellsOfWhateverRan(t *testing.T) {
	waits := hdr.NewHistogram()
	waits.RecordN(2_000_000, 5000)
	for want, m := range map[string]record.Measurement{
		"valid  99.5 MB/s  Produce p99 2.00 ms": {AckedMBps: 99.5, RequestsPerSec: 1500, Histograms: hdr.Bundle{
			measure.ResponseTime.Key(measure.Produce): waits, measure.ServiceTime.Key(measure.Produce): waits}},
		"valid  40.0 MB/s fetched  Fetch p99 2.00 ms": {FetchedMBps: 40, Histograms: hdr.Bundle{measure.ServiceTime.Key(measure.Fetch): waits}},
		"valid  1500 requests/s  Echo p99 2.00 ms":    {RequestsPerSec: 1500, Histograms: hdr.Bundle{measure.ResponseTime.Key(measure.Echo): waits}},
	} {
		if got := finding(record.Trial{Outcome: record.Valid, Measurement: &m}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
