package models

import (
	"strings"
	"testing"
)

func TestIsolatedThreadsAreInTheTable(t *testing.T) {
	everyPolicy(t, []string{OnFullBlock, OnFullSplit}, testCensus, "isolate=file", "isolated-handlers=3")
}

func TestUnknownClassIsNamed(t *testing.T) {
	config := defaultConfig(t, "isolate=fil")
	_, err := Start(config, "127.0.0.1:0", &testService{}, nil, t.Logf)
	if err == nil || !strings.Contains(err.Error(), `"fil"`) || !strings.Contains(err.Error(), "did you mean file?") {
		t.Errorf("error %v does not name the class and those there are", err)
	}
}

// noRefusals is a service that cannot refuse.
type noRefusals struct{ Service }

func TestSheddingNeedsAServiceThatRefuses(t *testing.T) {
	err := CheckService(defaultConfig(t, "on-full=shed"), noRefusals{&testService{}})
	if err == nil || !strings.Contains(err.Error(), "shed") {
		t.Errorf("error %v", err)
	}
}

func TestGroupNamesLeaveRoomForANumber(t *testing.T) {
	for class, want := range map[string]string{"Fetch": "fetch-io", "Heartbeat": "heartbe-io"} {
		if got := isolatedGroup(class); got != want || len(got+"-4095") > 15 {
			t.Errorf("class %s gets threads %s-N, want %s-N", class, got, want)
		}
	}
}
