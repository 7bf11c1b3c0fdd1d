// Package knob holds the one type behind every tunable of c10klab. A package
// exports its knobs as a slice; the commands concatenate them into a Table, and
// that table feeds command-line flags, experiment specs and run records alike.
package knob

import (
	"fmt"
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
	number, err := k.number(text)
	if err != nil {
		return fmt.Errorf("knob %s: %w", k.Name, err)
	}
	if number < k.Min {
		return fmt.Errorf("knob %s: %s is below its least value %g", k.Name, text, k.Min)
	}
	if k.Max != 0 && number > k.Max {
		return fmt.Errorf("knob %s: %s is above its greatest value %g", k.Name, text, k.Max)
	}
	return nil
}

// number reads text by kind; kinds without a magnitude yield Min, which passes.
func (k Knob) number(text string) (float64, error) {
	switch k.Kind {
	case Int:
		n, err := strconv.Atoi(text)
		return float64(n), valueError(err, text, "a whole number")
	case Float:
		f, err := strconv.ParseFloat(text, 64)
		if err == nil && (f != f || f > 1e300 || f < -1e300) {
			err = strconv.ErrRange
		}
		return f, valueError(err, text, "a number")
	case Bool:
		_, err := strconv.ParseBool(text)
		return k.Min, valueError(err, text, "true or false")
	case Duration:
		d, err := time.ParseDuration(text)
		return d.Seconds(), valueError(err, text, "a duration such as 300ms or 2s")
	case Bytes:
		n, err := ParseBytes(text)
		return float64(n), err
	case Choice:
		if !slices.Contains(k.Choices, text) {
			return 0, fmt.Errorf("%q is none of %s%s", text, strings.Join(k.Choices, ", "), DidYouMean(text, k.Choices))
		}
	}
	return k.Min, nil
}

func valueError(err error, text, want string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q is not %s", text, want)
}

var byteUnits = []struct {
	suffix string
	size   int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// ParseBytes reads "65536", "64KiB", "1MiB", "1GiB".
func ParseBytes(text string) (int64, error) {
	digits, unit := text, int64(1)
	for _, u := range byteUnits {
		if rest, found := strings.CutSuffix(text, u.suffix); found {
			digits, unit = rest, u.size
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || (n != 0 && n*unit/n != unit) {
		return 0, fmt.Errorf("%q is not a size such as 65536, 64KiB or 1MiB", text)
	}
	return n * unit, nil
}
