package hdr

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Key names one histogram of a bundle: a stage or another time span, and the
// API it was measured for, at the server that is named. Without a server's name it is
// the broker's, or the client's.
type Key struct {
	Stage  string
	API    string
	Server string
}

// String is STAGE/API, or SERVER:STAGE/API.
func (k Key) String() string {
	if k.Server != "" {
		return k.Server + ":" + k.Stage + "/" + k.API
	}
	return k.Stage + "/" + k.API
}

// ParseKey reads what String writes; false without a stage and an API.
func ParseKey(text string) (k Key, ok bool) {
	server, rest, found := strings.Cut(text, ":")
	if !found {
		server, rest = "", text
	}
	k.Server = server
	k.Stage, k.API, ok = strings.Cut(rest, "/")
	return k, ok
}

// Bundle is a set of named histograms: one snapshot, or one window.
type Bundle map[Key]*Histogram

// Keys returns the bundle's keys in a fixed order.
func (b Bundle) Keys() []Key { return SortedKeys(b) }

// SortedKeys returns the keys of a map in the order of Bundle.Keys: by server, the
// broker's first, then by API, then by stage.
func SortedKeys[V any](byKey map[Key]V) []Key {
	keys := make([]Key, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y Key) int {
		return cmp.Or(strings.Compare(x.Server, y.Server), strings.Compare(x.API, y.API), strings.Compare(x.Stage, y.Stage))
	})
	return keys
}

// Merge adds other's counts; histograms merge, percentiles never do.
func (b Bundle) Merge(other Bundle) {
	for k, h := range other {
		if b[k] == nil {
			b[k] = NewHistogram()
		}
		b[k].Merge(h)
	}
}

// Since returns the window between an earlier cumulative snapshot and this one.
// Histograms without a single count in the window are left out.
func (b Bundle) Since(earlier Bundle) (Bundle, error) {
	window := Bundle{}
	for k, h := range b {
		w, err := h.Since(earlier[k])
		if err != nil {
			return nil, fmt.Errorf("window of %s: %w", k, err)
		}
		if w.Count()+w.OutOfRange() > 0 {
			window[k] = w
		}
	}
	return window, nil
}

// At names the histograms of a bundle by the server that they are of.
func (b Bundle) At(server string) Bundle {
	at := make(Bundle, len(b))
	for k, h := range b {
		k.Server = server
		at[k] = h
	}
	return at
}

// encodedHistogram is the JSON form; Histogram is HdrHistogram's standard V2
// compressed base64 encoding.
type encodedHistogram struct {
	Server     string `json:"server,omitempty"`
	Stage      string `json:"stage"`
	API        string `json:"api"`
	OutOfRange int64  `json:"out_of_range,omitempty"`
	Histogram  string `json:"histogram"`
}

// MarshalJSON writes the bundle as a list ordered by key.
func (b Bundle) MarshalJSON() ([]byte, error) {
	list := make([]encodedHistogram, 0, len(b))
	for _, k := range b.Keys() {
		text, err := b[k].inner.EncodeV2()
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", k, err)
		}
		list = append(list, encodedHistogram{k.Server, k.Stage, k.API, b[k].outOfRange, string(text)})
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Bundle) UnmarshalJSON(data []byte) error {
	var list []encodedHistogram
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*b = Bundle{}
	for _, e := range list {
		inner, err := hdrhistogram.Decode([]byte(e.Histogram))
		if err != nil {
			return fmt.Errorf("decode %s: %w", Key{e.Stage, e.API, e.Server}, err)
		}
		(*b)[Key{e.Stage, e.API, e.Server}] = &Histogram{inner: inner, outOfRange: e.OutOfRange}
	}
	return nil
}

// WriteLog writes the bundle as one interval of a tagged HdrHistogram log
// (format 1.3), a line per histogram, tagged with its key.
func (b Bundle) WriteLog(w io.Writer, start, end time.Time) error {
	log := hdrhistogram.NewHistogramLogWriter(w)
	if err := log.OutputLogFormatVersion(); err != nil {
		return err
	}
	if err := log.OutputStartTime(start.UnixMilli()); err != nil {
		return err
	}
	if err := log.OutputLegend(); err != nil {
		return err
	}
	for _, k := range b.Keys() {
		inner := b[k].inner.Clone()
		inner.SetTag(k.String())
		inner.SetStartTimeMs(start.UnixMilli())
		inner.SetEndTimeMs(end.UnixMilli())
		if err := log.OutputIntervalHistogram(inner); err != nil {
			return fmt.Errorf("write %s to the histogram log: %w", k, err)
		}
	}
	return nil
}
