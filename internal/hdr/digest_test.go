package hdr

import (
	"bytes"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// digest is what a histogram says, as the library computes it.
func digest(h *Histogram) Digest {
	d := Digest{Count: h.Count(), MeanNs: h.MeanNs(), MaxNs: h.MaxNs(), dependent: h.dependent}
	for i, q := range Quantiles {
		d.quantileNs[i] = h.ValueNs(q)
	}
	return d
}

func TestDigestsAreWhatHistogramsSay(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	b := Bundle{}
	for i, key := range []Key{{Stage: "LocalTime", API: "Produce"}, {Stage: "Send", API: "Fetch"}, {Stage: "Reap", API: "Fetch"}} {
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
	send := b[Key{Stage: "Send", API: "Fetch"}]
	addDependent(&send.dependent, send.Count(), clusters["Send/Fetch"])
	var sum Sum
	for range 2 {
		digests, err := sum.AddLog(bytes.NewReader(log.Bytes()), func(k Key) bool { return k.Stage != "Reap" }, clusters)
		if err != nil {
			t.Fatal(err)
		}
		if alone, err := sum.DigestLog(bytes.NewReader(log.Bytes()), func(k Key) bool { return k.Stage != "Reap" }, clusters); err != nil || !maps.Equal(alone, digests) {
			t.Errorf("without adding: %+v, %v; want %+v", alone, err, digests)
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
	together := sum.Digests()
	if len(together) != 2 {
		t.Errorf("%d keys together, want those wanted", len(together))
	}
	for key, d := range together {
		want := b[key].Clone()
		want.Merge(b[key])
		if math.Abs(d.MeanNs-want.MeanNs()) > 1e-6*d.MeanNs {
			t.Errorf("%s: the mean of two logs is %g, want %g", key, d.MeanNs, want.MeanNs())
		}
		if d.MeanNs = digest(want).MeanNs; d != digest(want) {
			t.Errorf("%s: two logs together are %+v, want %+v", key, d, digest(want))
		}
		if h := sum.Histogram(key); !h.inner.Equals(want.inner) || h.dependent != want.dependent {
			t.Errorf("%s: the histogram of two logs differs", key)
		}
	}
	if sum.Reset(); len(sum.Digests()) != 0 || sum.Histogram(Key{Stage: "Send", API: "Fetch"}) != nil {
		t.Error("something is left after a reset")
	}
	if _, supported := (Digest{}).Quantile(0.9); supported {
		t.Error("a quantile that is not kept is supported")
	}
	if _, err := sum.AddLog(strings.NewReader("Tag=a/b,1,2,3,garbage\n"), nil, nil); err == nil || !strings.Contains(err.Error(), "a/b") {
		t.Errorf("garbage: error %v", err)
	}
}
