package results

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestInstrumentationCostsAreRatiosWithinRounds(t *testing.T) {
	record := `{"echo":{"off":[100,200,100,200,100,200,100,200],"stages":[104,208,104,208,104,208,104,208]},"produce 64 KiB":{"off":[10],"stages":[11]}}`
	costs, err := instrumentationCosts(fstest.MapFS{instrumentationRecord: {Data: []byte(record)}})
	if err != nil || len(costs) != 2 {
		t.Fatalf("%+v, %v", costs, err)
	}
	if c := costs[0]; c.Load != "echo" || c.What != "stages" || c.Ratio.Median != 1.04 || c.Ratio.N != 8 {
		t.Errorf("echo with stages costs %+v, want 1.04", c)
	}
}

func TestDamagedInstrumentationRecordsAreNamed(t *testing.T) {
	for _, record := range []string{`{`, `{"echo":{"off":[1],"stages":[1,2]}}`} {
		_, err := instrumentationCosts(fstest.MapFS{instrumentationRecord: {Data: []byte(record)}})
		if err == nil || !strings.Contains(err.Error(), instrumentationRecord) {
			t.Errorf("%s gave %v", record, err)
		}
	}
	if costs, err := instrumentationCosts(fstest.MapFS{}); err != nil || costs != nil {
		t.Errorf("without a record: %v, %v", costs, err)
	}
}

// The record that is part of the program can be read, if there is one.
func TestTheStoredInstrumentationRecordIsSound(t *testing.T) {
	if _, err := InstrumentationNote(); err != nil {
		t.Error(err)
	}
}
