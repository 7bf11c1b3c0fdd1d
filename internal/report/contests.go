package report

import (
	"fmt"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/results"
)

// contest is a metric that variants are compared by.
type contest struct {
	metric measure.Metric
	best   string // what the winner has, as a newcomer says it
	higher bool   // more is better
	// values are those of each cell, by its id.
	values map[string]results.BlockValues
}

// contestsOf are the tails of what clients waited and, of cells that only read, the rate of
// reads, with the values of all cells.
func contestsOf(run *results.Run, cells []results.Cell) ([]contest, error) {
	var contests []contest
	for _, key := range measure.Clients(results.KeysOf(cells)) {
		contests = append(contests, tailContests(key)...)
	}
	contests = append(contests, readContest())
	readings := results.NewReadings(run)
	for i := range contests {
		c := &contests[i]
		c.values = map[string]results.BlockValues{}
		for _, cell := range cells {
			_, offered := cell.Number(measure.Held)
			if fetched, _ := cell.Number(measure.Fetched); !c.metric.IsDuration() && (offered || fetched == 0) {
				continue
			}
			var err error
			if c.values[cell.ID], err = readings.Of(c.metric, cell.ID, false); err != nil {
				return nil, err
			}
		}
	}
	return contests, nil
}

// tailContests are those for the shortest tail of what clients waited.
func tailContests(key hdr.Key) []contest {
	if measure.EndToEnd.Is(key) {
		return []contest{{metric: measure.At(key, measure.P99), best: "the shortest p99 from a record's due time to its consumer"}}
	}
	title := measure.SpanNamed(key.Stage).Title
	if key.API != measure.Produce {
		title += " of " + key.API
	}
	return []contest{
		{metric: measure.At(key, measure.P99), best: "the shortest p99 " + title},
		{metric: measure.At(key, measure.P999), best: "the shortest p99.9 " + title},
	}
}

func readContest() contest {
	return contest{metric: measure.Fetched.Metric(), best: "the highest rate of reads", higher: true}
}

func (c contest) format(value float64) string {
	if c.metric.IsDuration() {
		return results.FormatDuration(value)
	}
	return fmt.Sprintf("%s %s", results.Significant(value), c.metric.Unit())
}
