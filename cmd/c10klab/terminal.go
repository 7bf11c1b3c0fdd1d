package main

import (
	"io"
	"os"
	"regexp"
	"strings"

	"c10klab/internal/record"
	"c10klab/internal/report"
	"c10klab/results"

	"golang.org/x/sys/unix"
)

// Columns that texts are laid out for on a terminal, however wide or narrow that is.
const leastColumns, mostColumns = 60, 160

// columnsOf is how wide a terminal is, 0 for a file that is none.
func columnsOf(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// fitTerminal lays texts out for the terminal that they go to, if it is one.
func fitTerminal() {
	if columns := columnsOf(os.Stdout); columns > 0 {
		report.Width = min(max(columns, leastColumns), mostColumns)
	}
}

// tableWidth is what a list may take: what the terminal has, and any in a file (0).
func tableWidth() int {
	if columnsOf(os.Stdout) == 0 {
		return 0
	}
	return report.Width
}

// colours are those of words that tell an outcome or a verdict.
var colours = map[string]string{
	string(record.Valid): "32", string(results.Reproduced): "32",
	string(record.Saturated): "33", string(record.GeneratorLimited): "33", string(record.EnvironmentLimited): "33", "inconclusive": "33",
	string(record.Failed): "31", string(results.Refuted): "31",
}

// coloured is where a command writes for people: on a terminal with outcomes and verdicts in
// colours, unless NO_COLOR is set (no-color.org) or the terminal is dumb.
func coloured(w io.Writer) io.Writer {
	if f, is := w.(*os.File); is && isTerminal(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		return colouring{f}
	}
	return w
}

type colouring struct{ w io.Writer }

var outcomeWords = regexp.MustCompile(`\b(generator-limited|environment-limited|valid|saturated|failed|reproduced|refuted|inconclusive)\b`)

func (c colouring) Write(text []byte) (int, error) {
	shown := outcomeWords.ReplaceAllStringFunc(string(text), func(word string) string {
		if colours[word] == "" {
			return word
		}
		return "\x1b[" + colours[word] + "m" + word + "\x1b[0m"
	})
	if _, err := io.WriteString(c.w, shown); err != nil {
		return 0, err
	}
	return len(text), nil
}

// fitting cuts lines that are written one at a time to the width of the terminal they go to.
type fitting struct{ f *os.File }

func (l fitting) Write(text []byte) (int, error) {
	line := strings.TrimSuffix(string(text), "\n")
	if columns := columnsOf(l.f); columns > 0 {
		if runes := []rune(line); len(runes) > columns {
			line = string(runes[:columns-1]) + "…"
		}
	}
	if _, err := io.WriteString(l.f, line+"\n"); err != nil {
		return 0, err
	}
	return len(text), nil
}
