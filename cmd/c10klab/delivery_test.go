package main

import (
	"testing"
	"time"

	"c10klab/internal/child"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// TestDeliveryIsWhatSendingTakes plants a delay that sending takes and one that the handler takes: the
// first is in Delivery, the second is not, and both are in EndToEnd.
func TestDeliveryIsWhatSendingTakes(t *testing.T) {
	const planted = 40 * time.Millisecond
	deliver := func(plant string) (delivery, endToEnd time.Duration) {
		s := child.Serve(t, "--data", t.TempDir(), "--plant", plant)
		stdout, stderr, exit := child.Run(t, "load", "--json", "--target", s.Listen, "--admin", s.Admin, "--rate-requests", "10", "--schedule", "constant",
			"--producers", "2", "--partitions", "2", "--batch-bytes", "2KiB", "--consumers", "tail", "--consumer-connections", "2", "--warm-up", "200ms", "--window", "3s")
		if exit != exitOK && exit != exitLimited { // a busy machine limits
			t.Fatalf("load ended with %d: %s", exit, stderr)
		}
		var m record.Measurement
		decode(t, stdout, &m)
		h, all := m.Histograms[measure.Delivery.Key(measure.Fetch)], m.Histograms[measure.EndToEnd.Key(measure.Fetch)]
		if h == nil || h.Count() == 0 || h.Count() > int64(m.Join.Joined) || all == nil {
			t.Fatalf("%s: no Delivery of %+v among %v", plant, m.Join, m.Histograms.Keys())
		}
		return time.Duration(h.ValueNs(0.5)), time.Duration(all.ValueNs(0.5))
	}
	if delivery, endToEnd := deliver("SendWait=" + planted.String()); delivery < planted || delivery > 3*planted || endToEnd < delivery {
		t.Errorf("%v more in SendWait: Delivery %v, EndToEnd %v", planted, delivery, endToEnd)
	}
	if delivery, endToEnd := deliver("LocalTime=" + planted.String()); delivery > planted/2 || endToEnd < planted {
		t.Errorf("%v more in LocalTime: Delivery %v, EndToEnd %v", planted, delivery, endToEnd)
	}
}
