package results

import (
	"testing"
)

func TestCommandLinesAreQuotedForAShell(t *testing.T) {
	info := Info{CommandLine: []string{"/tmp/go-build/c10klab", "run", "N15", "--set", "rate=50", "--out", "it's here", "p99<20ms", ""}}
	if got, want := CommandLine(info), `c10klab run N15 --set rate=50 --out 'it'\''s here' 'p99<20ms' ''`; got != want {
		t.Errorf("command line %s, want %s", got, want)
	}
	if got := CommandLine(Info{}); got != "c10klab" {
		t.Errorf("command line of nothing: %q", got)
	}
}
