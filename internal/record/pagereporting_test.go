package record

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPageReportingIsReadAsTheKernelTellsIt(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  PageReporting
	}{
		{"no such module", nil, PageReporting{State: "off"}},
		{"no device", map[string]string{"page_reporting_order": "-1\n"}, PageReporting{State: "off"}},
		{"no device, unsigned", map[string]string{"page_reporting_order": "4294967295\n"}, PageReporting{State: "off"}},
		{"Linux", map[string]string{"page_reporting_order": "9\n"}, PageReporting{State: "on", Order: 9, MinFreeMs: -1}},
		{"a kernel that counts", map[string]string{"page_reporting_order": "9\n", "min_free_ms": "500\n", "reported_kib": "94263944\n"},
			PageReporting{State: "on", Order: 9, MinFreeMs: 500, ReportedKiB: 94263944}},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := readPageReporting(dir); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestReportedWithinAWindowIsADifference(t *testing.T) {
	before := HostUse{PageReporting: PageReporting{State: "on", Order: 9, MinFreeMs: -1, ReportedKiB: 1000}}
	after := before
	after.PageReporting.ReportedKiB = 1500
	if got, want := Since(after, before).PageReporting, (PageReporting{State: "on", Order: 9, MinFreeMs: -1, ReportedKiB: 500}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
