package loadgen

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"c10klab/internal/record"
)

// TestOverloadIsTheTargetsDoing offers ten times what a target can do. The run is
// saturated, and no rule on the generator fails.
func TestOverloadIsTheTargetsDoing(t *testing.T) {
	const service = 10 * time.Millisecond
	var oneAtATime sync.Mutex
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		oneAtATime.Lock()
		defer oneAtATime.Unlock()
		time.Sleep(service)
		return echoFrame(conn, frame)
	})
	m := run(t, echoConfig(t, s.addr, "window", "1s", "drain", "1s"))
	if m.Outcome != record.Saturated && m.Outcome != record.EnvironmentLimited { // a busy machine limits
		t.Errorf("outcome %s", m.Outcome)
	}
	failed := func(name string) bool {
		return slices.ContainsFunc(m.Checks, func(c record.Check) bool { return strings.HasPrefix(c.Name, name) && !c.OK })
	}
	if !failed("acknowledged below offered") || !failed("requests never answered") {
		t.Errorf("a target that does a tenth passes: %+v", m.Checks)
	}
	// A busy machine makes the sender late too, but not by what the target takes.
	response, late := echoSpan(m, "ResponseTime").ValueNs(0.5), echoSpan(m, "Lateness").ValueNs(0.5)
	if late > response/2 {
		t.Errorf("half of the requests are late by %v and take %v: the generator takes the blame", time.Duration(late), time.Duration(response))
	}
	for _, name := range []string{"CPU time of the busiest receiver", "count of requests in flight", "answers counted by only one"} {
		if failed(name) {
			t.Errorf("%q fails: the generator takes the blame", name)
		}
	}
}
