package experiments

import (
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// errorAt makes an error that begins with FILE:LINE of a key, or with FILE alone
// when the key is not written in a line of its own.
func (s *Spec) errorAt(key toml.Key, format string, args ...any) error {
	place := s.File
	if line := lineOf(s.Text, key); line > 0 {
		place = fmt.Sprintf("%s:%d", s.File, line)
	}
	return fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...))
}

// errorAtTable makes an error that begins with FILE:LINE of the header of the n-th
// table, from 0, of an array of tables.
func (s *Spec) errorAtTable(table string, n int, format string, args ...any) error {
	for i, line := range strings.Split(s.Text, "\n") {
		header, isTable := strings.CutPrefix(strings.TrimSpace(line), "[[")
		header, _, _ = strings.Cut(header, "]]")
		if !isTable || !slices.Equal(keyParts(header), []string{table}) {
			continue
		}
		if n == 0 {
			return fmt.Errorf("%s:%d: %w", s.File, i+1, fmt.Errorf(format, args...))
		}
		n--
	}
	return s.errorAt(toml.Key{table}, format, args...)
}

// lineOf finds the line, from 1, on which a key or the header of a table is
// written; 0 if none is.
func lineOf(text string, key toml.Key) int {
	var table []string
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			header, _, _ := strings.Cut(strings.TrimLeft(line, "["), "]")
			table = keyParts(header)
			if slices.Equal(table, key) {
				return i + 1
			}
			continue
		}
		name, _, found := strings.Cut(line, "=")
		if found && slices.Equal(append(slices.Clone(table), keyParts(name)...), key) {
			return i + 1
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
