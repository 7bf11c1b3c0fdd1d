package hdr

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"unique"
)

// maxLogLine bounds a line of a histogram log; one histogram of this package's
// shape takes a tenth of it at most.
const maxLogLine = 4 << 20

// lineBuffers are long enough for nearly every line.
var lineBuffers = sync.Pool{New: func() any {
	buffer := make([]byte, 0, 128<<10)
	return &buffer
}}

// tagPrefix begins the line of a histogram that has a tag.
var tagPrefix = []byte("Tag=")

// errNoHistogram says that a line of a log is neither comment, legend nor interval.
var errNoHistogram = errors.New("a line holds no histogram")

// eachHistogram calls add with each histogram of a log whose key is wanted; the
// others are not even decoded. What add gets is valid during the call.
func eachHistogram(r io.Reader, wanted func(Key) bool, add func(key Key, encoded []byte) error) error {
	lines := bufio.NewScanner(r)
	buffer := lineBuffers.Get().(*[]byte)
	defer lineBuffers.Put(buffer)
	lines.Buffer(*buffer, maxLogLine)
	for n := 1; lines.Scan(); n++ {
		line := lines.Bytes()
		if len(line) == 0 || line[0] == '#' || line[0] == '"' {
			continue
		}
		key, encoded, err := splitLogLine(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if wanted != nil && !wanted(key) {
			continue
		}
		if err := add(key, encoded); err != nil {
			return fmt.Errorf("line %d, %s: %w", n, key, err)
		}
	}
	return lines.Err()
}

// splitLogLine divides "Tag=KEY,start,length,max,HISTOGRAM".
func splitLogLine(line []byte) (key Key, encoded []byte, err error) {
	if tagged, found := bytes.CutPrefix(line, tagPrefix); found {
		tag, rest, _ := bytes.Cut(tagged, []byte(","))
		key, _ = ParseKey(unique.Make(string(tag)).Value()) // one copy for all trials
		line = rest
	}
	for range 3 {
		_, rest, found := bytes.Cut(line, []byte(","))
		if !found {
			return key, nil, errNoHistogram
		}
		line = rest
	}
	return key, bytes.TrimSpace(line), nil
}

// CopyLog copies the histograms of a log whose keys are wanted, all if wanted is nil, as
// they are encoded, without comments and legend. Each tag begins with owner and a slash,
// so that the logs of several owners fit into one.
func CopyLog(w io.Writer, r io.Reader, owner string, wanted func(Key) bool) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if tagged, isHistogram := bytes.CutPrefix(line, tagPrefix); isHistogram {
			key, _, malformed := splitLogLine(line)
			if malformed != nil {
				return malformed
			}
			if wanted == nil || wanted(key) {
				if _, err := fmt.Fprintf(w, "%s%s/%s\n", tagPrefix, owner, bytes.TrimRight(tagged, "\n")); err != nil {
					return fmt.Errorf("copy histogram log: %w", err)
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("copy histogram log: %w", err)
		}
	}
}

// SplitLog divides a log of several owners into one for each, by owner.
func SplitLog(r io.Reader) (map[string][]byte, error) {
	logs := map[string][]byte{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLogLine)
	for n := 1; lines.Scan(); n++ {
		tagged, isHistogram := bytes.CutPrefix(lines.Bytes(), tagPrefix)
		if !isHistogram {
			continue
		}
		owner, rest, found := bytes.Cut(tagged, []byte("/"))
		if !found {
			return nil, fmt.Errorf("line %d: %w of an owner", n, errNoHistogram)
		}
		log := append(append(logs[string(owner)], tagPrefix...), rest...)
		logs[string(owner)] = append(log, '\n')
	}
	return logs, lines.Err()
}
