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
	if tagged, found := bytes.CutPrefix(line, []byte("Tag=")); found {
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

// CopyLog copies a histogram log without the histograms that are not wanted.
func CopyLog(w io.Writer, r io.Reader, wanted func(Key) bool) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 && keepsLine(line, wanted) {
			if _, err := w.Write(line); err != nil {
				return fmt.Errorf("copy histogram log: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("copy histogram log: %w", err)
		}
	}
}

func keepsLine(line []byte, wanted func(Key) bool) bool {
	key, _, err := splitLogLine(line)
	return err != nil || line[0] == '#' || line[0] == '"' || wanted(key)
}
