package results

import (
	"fmt"

	"c10klab/internal/hdr"
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

// late lists the APIs whose Lateness at withheldQuantile, over all trials of a cell, is
// beyond its limit, with what is to be said of each. valueNs is false for what there is not.
func late(valueNs func(hdr.Key) (int64, bool)) map[string]string {
	problems := map[string]string{}
	for _, api := range []string{"Produce", "Echo", "Fetch", record.LaggingFetch} {
		lateNs, measured := valueNs(hdr.Key{Stage: latenessStage, API: api})
		responseNs, answered := valueNs(hdr.Key{Stage: responseStage, API: api})
		if limitNs := record.LatenessLimitNs(responseNs); measured && answered && lateNs > limitNs {
			problems[api] = fmt.Sprintf("p99.9 of ResponseTime and EndToEnd is withheld: Lateness p99.9 of %s is %s over all trials, limit %s",
				api, FormatDuration(float64(lateNs)), FormatDuration(float64(limitNs)))
		}
	}
	return problems
}

// spoilt are the spans of clients that an API's Lateness is part of.
func spoilt(api string) []hdr.Key {
	keys := []hdr.Key{{Stage: responseStage, API: api}}
	if api == "Produce" {
		keys = append(keys, hdr.Key{Stage: "EndToEnd", API: "Fetch"})
	}
	return keys
}

// withhold takes from a cell what its generator's lateness spoilt.
func (c *Cell) withhold() {
	if !c.Stands() {
		return
	}
	for api, problem := range late(func(key hdr.Key) (int64, bool) {
		h := c.Histograms[key]
		if h == nil || h.Count() == 0 {
			return 0, false
		}
		return h.ValueNs(withheldQuantile), true
	}) {
		c.Problems = append(c.Problems, problem)
		for _, key := range spoilt(api) {
			if h := c.Histograms[key]; h != nil {
				h.Withhold(withheldQuantile)
			}
		}
	}
}

// withhold is Cell.withhold for digests.
func (d *CellDigest) withhold() {
	if !d.Cell.Stands() {
		return
	}
	for api, problem := range late(func(key hdr.Key) (int64, bool) {
		ns, _ := d.Merged[key].Quantile(withheldQuantile)
		return ns, d.Merged[key].Count > 0
	}) {
		d.Cell.Problems = append(d.Cell.Problems, problem)
		for _, key := range spoilt(api) {
			if digest, found := d.Merged[key]; found {
				d.Merged[key] = digest.Withheld(withheldQuantile)
			}
		}
	}
}
