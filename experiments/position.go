package experiments

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// errorAt makes an error that begins with FILE:LINE of a key, or with FILE alone
// when the key is not written in a line of its own.
func (s *Spec) errorAt(key toml.Key, format string, args ...any) error {
	return s.errorOnLine(lineOf(s.Text, key, 0), format, args...)
}

// errorAtTable makes an error that begins with FILE:LINE of the header of the n-th
// table, from 0, of an array of tables.
func (s *Spec) errorAtTable(table string, n int, format string, args ...any) error {
	key := toml.Key{table}
	return s.errorOnLine(cmp.Or(lineOf(s.Text, key, n), lineOf(s.Text, key, 0)), format, args...)
}

func (s *Spec) errorOnLine(line int, format string, args ...any) error {
	place := s.File
	if line > 0 {
		place = fmt.Sprintf("%s:%d", s.File, line)
	}
	return fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...))
}

// lineOf finds the line, from 1, on which a key or the header of a table is
// written for the n-th time, from 0; 0 if none is.
func lineOf(text string, key toml.Key, n int) int {
	var table []string
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		name, _, found := strings.Cut(line, "=")
		written := slices.Concat(table, keyParts(name))
		if strings.HasPrefix(line, "[") {
			header, _, _ := strings.Cut(strings.TrimLeft(line, "["), "]")
			table, written, found = keyParts(header), keyParts(header), true
		}
		if found && slices.Equal(written, key) {
			if n == 0 {
				return i + 1
			}
			n--
		}
	}
	return 0
}

func keyParts(dotted string) []string {
	parts := strings.Split(strings.TrimSpace(dotted), ".")
	for i, part := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(part), `"'`)
	}
	return parts
}
