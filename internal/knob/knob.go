// Package knob holds the one type behind every tunable of c10klab. A package
// exports its knobs as a slice; the commands concatenate them into a Table, and
// that table feeds command-line flags, experiment specs and run records alike.
package knob

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says how a knob's text is read.
type Kind int

const (
	Int Kind = iota
	Float
	Bool
	Duration // Go syntax: 300ms, 2s
	Bytes    // plain number or with KiB, MiB, GiB
	Choice   // one of Choices
	Text
)

func (k Kind) String() string {
	return [...]string{"int", "float", "bool", "duration", "bytes", "choice", "text"}[k]
}

// Knob is one tunable. Its zero Min and Max mean "no bound beyond the kind's";
// negative numbers are refused unless Min is negative.
type Knob struct {
	Name    string
	Kind    Kind
	Unit    string // what the number counts: "threads", "requests", "MB/s"; empty where Kind says it
	Default string
	Choices []string // for Choice, in the order shown
	Min     float64
	Max     float64
	Meaning string
	Group   string // name of one of Groups
}

// Names of Groups that knobs of several packages belong to.
const (
	Instrument = "instrument"
	Send       = "send"
	Connection = "connection"
	Consumer   = "consumer"
)

// Group is what some knobs are about.
type Group struct{ Name, Meaning string }

// Groups are in the order in which they are listed.
var Groups = []Group{
	{"process", "a server's process"},
	{"model", "its threads, and the queues between them"},
	{Send, "how file bytes of its responses are sent"},
	{Connection, "its connections"},
	{"service", "what requests ask it for"},
	{"storage", "the log on disk"},
	{"load", "the load generator's requests and time"},
	{Consumer, "the load generator's consumers"},
	{"disk", "emulated disks"},
	{"run", "what a run arranges around each trial"},
	{Instrument, "what is measured beside the work, and what tests plant"},
}

// In puts knobs that name no group into one.
func In(group string, knobs []Knob) []Knob {
	knobs = slices.Clone(knobs)
	for i := range knobs {
		if knobs[i].Group == "" {
			knobs[i].Group = group
		}
	}
	return knobs
}

// Check reports whether text is a value of the knob; the error names both.
func (k Knob) Check(text string) error {
	value, err := k.read(text)
	if err != nil {
		return fmt.Errorf("knob %s: %w", k.Name, err)
	}
	number := k.Min // a value without a magnitude passes
	switch value := value.(type) {
	case int:
		number = float64(value)
	case int64:
		number = float64(value)
	case float64:
		number = value
	case time.Duration:
		number = value.Seconds()
	}
	if number < k.Min {
		return fmt.Errorf("knob %s: %s is below its least value %g", k.Name, text, k.Min)
	}
	if k.Max != 0 && number > k.Max {
		return fmt.Errorf("knob %s: %s is above its greatest value %g", k.Name, text, k.Max)
	}
	return nil
}

// read returns a value in the Go type of its kind; bytes are an int64.
func (k Knob) read(text string) (value any, err error) {
	wanted := ""
	switch k.Kind {
	case Int:
		wanted = "a whole number"
		value, err = strconv.Atoi(text)
	case Float:
		wanted = "a number"
		value, err = strconv.ParseFloat(text, 64)
		if f := value.(float64); !(math.Abs(f) <= 1e300) {
			err = strconv.ErrRange
		}
	case Bool:
		wanted = "true or false"
		value, err = strconv.ParseBool(text)
	case Duration:
		wanted = "a duration such as 300ms or 2s"
		value, err = time.ParseDuration(text)
	case Bytes:
		return ParseBytes(text)
	case Choice:
		if !slices.Contains(k.Choices, text) {
			return nil, fmt.Errorf("%q is none of %s%s", text, strings.Join(k.Choices, ", "), DidYouMean(text, k.Choices))
		}
		return text, nil
	default:
		return text, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%q is not %s", text, wanted)
	}
	return value, nil
}

// ParseBytes reads "65536", "64KiB", "1MiB", "1GiB".
func ParseBytes(text string) (int64, error) {
	digits, unit := text, int64(1)
	for i, suffix := range []string{"B", "KiB", "MiB", "GiB"} {
		if rest, found := strings.CutSuffix(text, suffix); found {
			digits, unit = rest, 1<<(10*i)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || (n != 0 && n*unit/n != unit) {
		return 0, fmt.Errorf("%q is not a size such as 65536, 64KiB or 1MiB", text)
	}
	return n * unit, nil
}

// DidYouMean returns " (did you mean NAME?)" for the candidate nearest to name,
// or "" when none is near enough to be a slip of the hand.
func DidYouMean(name string, candidates []string) string {
	best, bestDistance := "", len(name)/2+1
	for _, candidate := range candidates {
		if d := editDistance(name, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// editDistance is Levenshtein's, by bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, substitution)
		}
	}
	return row[len(b)]
}
