package results

import (
	"fmt"
	"math"
	"strconv"

	"c10klab/internal/measure"
)

// Significant prints three significant digits, never in exponent form, and at
// most three decimals; zero is 0.
func Significant(x float64) string {
	if x == 0 {
		return "0"
	}
	decimals := 3
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64) // 0.9998 has the digits of 1
	if magnitude := math.Abs(rounded); magnitude >= 1 {
		decimals = max(0, 2-int(math.Log10(magnitude)))
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}

// Plural prints a count with its noun: 1 trial, 8 trials.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

type timeUnit struct {
	name string
	ns   float64
}

var timeUnits = []timeUnit{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}}

// unitFor picks the unit in which a typical duration has digits before the point.
func unitFor(ns float64) timeUnit {
	for _, u := range timeUnits {
		if math.Abs(ns) >= u.ns {
			return u
		}
	}
	return timeUnits[len(timeUnits)-1]
}

// FormatDuration prints a duration with three significant digits and its unit.
func FormatDuration(ns float64) string {
	u := unitFor(ns)
	return Significant(ns/u.ns) + " " + u.name
}

// Format prints a value of a metric: a duration with its unit, other numbers without.
func Format(m measure.Metric, value float64) string {
	switch {
	case m.IsDuration():
		return FormatDuration(value)
	case m.IsCount():
		return strconv.FormatFloat(value, 'g', -1, 64)
	}
	return Significant(value)
}
