package results

import (
	"fmt"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// withheldQuantile is the one that trials may support together though none of them does
// alone, so that none was judged by its Lateness there.
const withheldQuantile = 0.999

const (
	latenessStage = "Lateness"
	responseStage = "ResponseTime"
)

// withLateness wants Lateness too.
func withLateness(wanted func(hdr.Key) bool) func(hdr.Key) bool {
	if wanted == nil {
		return nil
	}
	return func(key hdr.Key) bool { return key.Stage == latenessStage || wanted(key) }
}

// merged are a cell's spans over all its trials.
type merged interface {
	// valueNs is a span's value at withheldQuantile, false where there is no such span.
	valueNs(hdr.Key) (int64, bool)
	// withhold takes withheldQuantile from a span, if there is one.
	withhold(hdr.Key)
}

// withholdSpoilt takes from the spans of clients what their generator's lateness spoilt,
// and says so: where Lateness is beyond its limit over all trials. It returns the spans.
func withholdSpoilt(c *Cell, m merged) (withheld []hdr.Key) {
	if !c.Stands() {
		return nil
	}
	for _, api := range []string{"Produce", "Echo", "Fetch", measure.LaggingFetch} {
		response := hdr.Key{Stage: responseStage, API: api}
		lateNs, measured := m.valueNs(hdr.Key{Stage: latenessStage, API: api})
		responseNs, answered := m.valueNs(response)
		limitNs := record.LatenessLimitNs(responseNs)
		if !measured || !answered || lateNs <= limitNs {
			continue
		}
		spoilt, names := []hdr.Key{response}, response.String()
		if _, received := m.valueNs(endToEnd); received && api == "Produce" {
			spoilt, names = append(spoilt, endToEnd), names+" and "+endToEnd.String()
		}
		for _, key := range spoilt {
			m.withhold(key)
		}
		withheld = append(withheld, spoilt...)
		c.Problems = append(c.Problems, fmt.Sprintf("p99.9 of %s is withheld: Lateness p99.9 is %s over all trials, limit %s",
			names, FormatDuration(float64(lateNs)), FormatDuration(float64(limitNs))))
	}
	return withheld
}

var endToEnd = hdr.Key{Stage: "EndToEnd", API: "Fetch"}

type mergedHistograms hdr.Bundle

func (m mergedHistograms) valueNs(key hdr.Key) (int64, bool) {
	h := m[key]
	if h == nil || h.Count() == 0 {
		return 0, false
	}
	return h.ValueNs(withheldQuantile), true
}

func (m mergedHistograms) withhold(key hdr.Key) {
	if h := m[key]; h != nil {
		h.Withhold(withheldQuantile)
	}
}

type mergedDigests map[hdr.Key]hdr.Digest

func (m mergedDigests) valueNs(key hdr.Key) (int64, bool) {
	ns, _ := m[key].Quantile(withheldQuantile)
	return ns, m[key].Count > 0
}

func (m mergedDigests) withhold(key hdr.Key) {
	if digest, found := m[key]; found {
		m[key] = digest.Withheld(withheldQuantile)
	}
}
