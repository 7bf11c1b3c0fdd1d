package hdr

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// maxLogLine bounds a line of a histogram log; one histogram of this package's
// shape takes a tenth of it at most.
const maxLogLine = 4 << 20

// errNoHistogram says that a line of a log is neither comment, legend nor interval.
var errNoHistogram = errors.New("a line holds no histogram")

// ReadLog reads a tagged HdrHistogram log (format 1.3) and merges its intervals by
// tag.
func ReadLog(r io.Reader) (Bundle, error) { return ReadLogOf(r, nil) }

// ReadLogOf reads only the histograms whose keys are wanted, all if wanted is nil;
// it skips the others without decoding them.
func ReadLogOf(r io.Reader, wanted func(Key) bool) (Bundle, error) {
	b := Bundle{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLogLine)
	for n := 1; lines.Scan(); n++ {
		line := lines.Bytes()
		if len(line) == 0 || line[0] == '#' || line[0] == '"' {
			continue
		}
		key, encoded, err := splitLogLine(line)
		if err != nil {
			return nil, fmt.Errorf("read histogram log: line %d: %w", n, err)
		}
		if wanted != nil && !wanted(key) {
			continue
		}
		inner, err := hdrhistogram.Decode(encoded)
		if err != nil {
			return nil, fmt.Errorf("read histogram log: line %d, %s: %w", n, key, err)
		}
		b.add(key, &Histogram{inner: inner})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read histogram log: %w", err)
	}
	return b, nil
}

// splitLogLine divides "Tag=STAGE/API,start,length,max,HISTOGRAM".
func splitLogLine(line []byte) (key Key, encoded []byte, err error) {
	if tagged, found := bytes.CutPrefix(line, []byte("Tag=")); found {
		tag, rest, _ := bytes.Cut(tagged, []byte(","))
		key.Stage, key.API, _ = strings.Cut(string(tag), "/")
		line = rest
	}
	fields := bytes.Split(line, []byte(","))
	if len(fields) != 4 {
		return key, nil, errNoHistogram
	}
	return key, bytes.TrimSpace(fields[3]), nil
}

// add takes a histogram into the bundle, which owns it from then on.
func (b Bundle) add(key Key, h *Histogram) {
	if b[key] == nil && h.sameShape() {
		b[key] = h
		return
	}
	b.Merge(Bundle{key: h})
}

// sameShape reports whether a histogram that was read has the shape of this
// package's own.
func (h *Histogram) sameShape() bool {
	return h.inner.LowestTrackableValue() == lowestNs && h.inner.HighestTrackableValue() == highestNs && h.inner.SignificantFigures() == significantFigures
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
