package hdr

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestDigestsAreWhatHistogramsSay(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	b := Bundle{}
	for i, key := range []Key{{"LocalTime", "Produce"}, {"Send", "Fetch"}, {"Reap", "Fetch"}} {
		b[key] = NewHistogram()
		for range 500 * (i + 1) * (i + 1) {
			b[key].Record(int64(1e5 * math.Exp(rng.NormFloat64())))
		}
	}
	var log bytes.Buffer
	if err := b.WriteLog(&log, time.Unix(1, 0), time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	clusters := map[string][]float64{"Send/Fetch": {1, 8, 1000}}
	send := b[Key{"Send", "Fetch"}]
	addDependent(&send.dependent, send.Count(), clusters["Send/Fetch"])
	merged := Bundle{}
	for range 2 {
		digests, err := DigestLog(bytes.NewReader(log.Bytes()), func(k Key) bool { return k.Stage != "Reap" }, clusters, merged)
		if err != nil {
			t.Fatal(err)
		}
		if len(digests) != 2 {
			t.Errorf("%d digests, want those wanted", len(digests))
		}
		for key, d := range digests {
			h := b[key]
			if d.Count != h.Count() || d.MaxNs != h.MaxNs() || math.Abs(d.MeanNs-h.MeanNs()) > 1e-6*h.MeanNs() {
				t.Errorf("%s: digest %+v of count %d, mean %g, max %d", key, d, h.Count(), h.MeanNs(), h.MaxNs())
			}
			for _, q := range Quantiles {
				want, wantSupported := h.Quantile(q)
				if got, supported := d.Quantile(q); got != want || supported != wantSupported {
					t.Errorf("%s: quantile %g is %d (%v), want %d (%v)", key, q, got, supported, want, wantSupported)
				}
			}
		}
	}
	for key, h := range merged {
		if got, want := h.Digest().dependent, b[key].dependent; got[1] != 2*want[1] {
			t.Errorf("%s: %g dependent samples in two logs, %g in one", key, got[1], want[1])
		}
		if h.Count() != 2*b[key].Count() || h.ValueNs(0.99) != b[key].ValueNs(0.99) {
			t.Errorf("%s: two logs merge to %d counts, one has %d", key, h.Count(), b[key].Count())
		}
	}
	if _, supported := (Digest{}).Quantile(0.9); supported {
		t.Error("a quantile that is not kept is supported")
	}
	if _, err := DigestLog(strings.NewReader("Tag=a/b,1,2,3,garbage\n"), nil, nil, Bundle{}); err == nil || !strings.Contains(err.Error(), "a/b") {
		t.Errorf("garbage: error %v", err)
	}
}
