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

// eachHistogram calls add with each histogram of a log whose key is wanted, all if wanted
// is nil, and with its line; the others are not even decoded. What add gets is valid
// during the call.
func eachHistogram(r io.Reader, wanted func(Key) bool, add func(key Key, line, encoded []byte) error) error {
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
		if err := add(key, line, encoded); err != nil {
			return fmt.Errorf("line %d, %s: %w", n, key, err)
		}
	}
	return lines.Err()
}

// splitLogLine divides "Tag=KEY,start,length,max,HISTOGRAM".
func splitLogLine(line []byte) (key Key, encoded []byte, err error) {
	tagged, isHistogram := bytes.CutPrefix(line, tagPrefix)
	fields := bytes.SplitN(tagged, []byte(","), 5)
	if !isHistogram || len(fields) < 5 {
		return key, nil, errNoHistogram
	}
	key, _ = ParseKey(unique.Make(string(fields[0])).Value()) // one copy for all trials
	return key, bytes.TrimSpace(fields[4]), nil
}

// CopyLog copies the histograms of a log whose keys are wanted, all if wanted is nil, as
// they are encoded, without comments and legend. Each tag begins with owner and a slash,
// so that the logs of several owners fit into one.
func CopyLog(w io.Writer, r io.Reader, owner string, wanted func(Key) bool) error {
	return eachHistogram(r, wanted, func(_ Key, line, _ []byte) error {
		_, err := fmt.Fprintf(w, "%s%s/%s\n", tagPrefix, owner, bytes.TrimPrefix(line, tagPrefix))
		return err
	})
}

// SplitLog divides a log of several owners into one for each, by owner.
func SplitLog(r io.Reader) (map[string][]byte, error) {
	logs := map[string][]byte{}
	err := eachHistogram(r, nil, func(_ Key, line, _ []byte) error {
		owner, rest, found := bytes.Cut(bytes.TrimPrefix(line, tagPrefix), []byte("/"))
		if !found {
			return fmt.Errorf("%w of an owner", errNoHistogram)
		}
		log := append(append(logs[string(owner)], tagPrefix...), rest...)
		logs[string(owner)] = append(log, '\n')
		return nil
	})
	return logs, err
}
