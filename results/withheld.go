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

// withLateness wants Lateness too.
func withLateness(wanted func(hdr.Key) bool) func(hdr.Key) bool {
	if wanted == nil {
		return nil
	}
	return func(key hdr.Key) bool { return measure.Lateness.Is(key) || wanted(key) }
}

// withholdSpoilt takes from the spans of clients what their generator's lateness spoilt,
// and says so: where Lateness is beyond its limit over all trials. It returns the spans.
func (c *Cell) withholdSpoilt() (withheld []hdr.Key) {
	if !c.Stands() {
		return nil
	}
	for _, api := range measure.APIs(hdr.SortedKeys(c.Spans)) {
		response := measure.ResponseTime.Key(api)
		lateNs, _ := c.Spans[measure.Lateness.Key(api)].Quantile(withheldQuantile) // 0 where nothing fell due
		responseNs, _ := c.Spans[response].Quantile(withheldQuantile)
		limitNs := record.LatenessLimitNs(responseNs)
		if c.Spans[response].Count == 0 || lateNs <= limitNs {
			continue
		}
		spoilt, names := []hdr.Key{response}, response.String()
		if endToEnd := measure.EndToEnd.Key(measure.Fetch); api == measure.Produce && c.Spans[endToEnd].Count > 0 {
			spoilt, names = append(spoilt, endToEnd), names+" and "+endToEnd.String()
		}
		for _, key := range spoilt {
			c.Spans[key] = c.Spans[key].Withheld(withheldQuantile)
		}
		withheld = append(withheld, spoilt...)
		c.Problems = append(c.Problems, fmt.Sprintf("p99.9 of %s is withheld: Lateness p99.9 is %s over all trials, limit %s",
			names, FormatDuration(float64(lateNs)), FormatDuration(float64(limitNs))))
	}
	return withheld
}
