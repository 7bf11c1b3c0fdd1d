package loadgen

import (
	"strings"
	"testing"

	"c10klab/internal/record"
	"c10klab/loadgen/judge"
)

func TestFindMaxRefusesLoadsWithoutARate(t *testing.T) {
	slo, err := judge.ParseSLO("p99<20ms")
	if err != nil {
		t.Fatal(err)
	}
	for want, cfg := range map[string]Config{
		"mode open": echoConfig(t, "127.0.0.1:1", "mode", "closed"),
		"acks 0":    kafkaConfig(t, "127.0.0.1:1", "acks", "0"),
		"too few":   echoConfig(t, "127.0.0.1:1", "rate-requests", "100", "window", "1s"),
	} {
		if _, err := FindMax(t.Context(), cfg, slo, func(record.Probe) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
