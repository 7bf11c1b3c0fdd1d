package measure

import (
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

func TestFetchesOfLaggingConsumersAreAMetric(t *testing.T) {
	m, err := ParseMetric("ServiceTime/" + LaggingFetch + " p99")
	if want := (hdr.Key{Stage: "ServiceTime", API: LaggingFetch}); err != nil || m.key != want {
		t.Errorf("%v is of %v, want %v; %v", m, m.key, want, err)
	}
}

func TestMetricsOfAServerAreThatServersOwn(t *testing.T) {
	trial := &record.Trial{
		Servers:     []record.TrialServer{{Name: record.Broker}, {Name: "follower-1"}},
		Disks:       []record.DiskStatus{{}, {Server: "follower-1"}},
		DiskWindows: []record.DiskWindow{{Util: record.Mean{Sum: 0.5, N: 1}}, {Util: record.Mean{Sum: 0.75, N: 1}}},
		Measurement: &record.Measurement{WindowNs: 1e9, RequestsPerSec: 10, Servers: []record.ServerUse{
			{Name: record.Broker, StageSource: record.StagesAdmin, Process: &record.Process{CPUNs: 1e6}, Window: &record.ServerWindow{Ns: 1e9, Requests: 10}},
			{Name: "follower-1", StageSource: record.StagesAdmin, Process: &record.Process{CPUNs: 6e6}, Window: &record.ServerWindow{Ns: 1e9, Requests: 20}},
		}},
	}
	for text, want := range map[string]float64{
		"server_cpu_us_per_request": 100, "broker:server_cpu_us_per_request": 100, "follower-1:server_cpu_us_per_request": 300,
		"disk_util": 0.5, "follower-1:disk_util": 0.75,
	} {
		m, err := ParseMetric(text)
		if err != nil {
			t.Fatal(err)
		}
		if v := m.Of(trial); v.Value != want || !v.Supported {
			t.Errorf("%s is %+v, want %g", text, v, want)
		}
	}
	if util, known := NumberNamed("disk_util").Of(trial); !known || util != 0.5 {
		t.Errorf("the number itself is %v (known: %v), want the broker's", util, known)
	}
	if m, err := ParseMetric("follower-2:disk_util"); err != nil || m.Of(trial).Supported {
		t.Errorf("a server that was not there has %+v (%v)", m.Of(trial), err)
	}
	m, err := ParseMetric("follower-1:RequestQueue/Produce p99")
	if key, _ := m.Key(); err != nil || key != (hdr.Key{Stage: "RequestQueue", API: "Produce", Server: "follower-1"}) || m.String() != "follower-1:RequestQueue/Produce p99" {
		t.Errorf("%v is of %v, %v", m, key, err)
	}
}
