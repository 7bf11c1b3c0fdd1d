package results

import (
	"strings"
	"testing"
)

func TestInstrumentationCostsAreRatiosWithinRounds(t *testing.T) {
	record := `{"echo":{"off":[100,200,100,200,100,200,100,200],"stages":[104,208,104,208,104,208,104,208]},"produce 64 KiB":{"off":[10],"stages":[11]}}`
	note, err := instrumentationNote([]byte(record))
	if err != nil || !strings.HasSuffix(note, ": echo: stages 1.04 [1.04, 1.04]; produce 64 KiB: stages 1.10") {
		t.Errorf("%q, %v", note, err)
	}
}

func TestDamagedInstrumentationRecordsAreNamed(t *testing.T) {
	for _, record := range []string{`{`, `{"echo":{"off":[1],"stages":[1,2]}}`} {
		_, err := instrumentationNote([]byte(record))
		if err == nil || !strings.Contains(err.Error(), instrumentationFile) {
			t.Errorf("%s gave %v", record, err)
		}
	}
	if note, err := instrumentationNote([]byte("{}")); err != nil || note != "" {
		t.Errorf("without a record: %q, %v", note, err)
	}
}

// The record that is part of the program can be read.
func TestTheStoredInstrumentationRecordIsSound(t *testing.T) {
	if _, err := InstrumentationNote(); err != nil {
		t.Error(err)
	}
}
