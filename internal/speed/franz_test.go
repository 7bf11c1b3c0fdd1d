package speed

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"sync"
	"testing"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/hdr"
	"c10klab/internal/record"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	franzTopic       = "c10klab"
	franzRecordBytes = 64<<10 - 100 // with its batch around it as large as the generator's batches
	franzPause       = 20 * time.Millisecond
)

// agreement is one comparison of the generator with an independent client.
type agreement struct {
	Plant          string
	GeneratorNs    int64 // p50 of ResponseTime
	FranzCallNs    int64 // p50 from the library's call to its promise
	FranzWireNs    int64 // p50 from the library's first write to its last read
	ToCall, ToWire float64
	FranzCount     int64
	Measurement    record.Measurement
}

// BenchmarkFranzGoAgreement has a franz-go producer stamp its own sends beside the
// generator, both against one server, and prints the ratio of their median
// response times: to the whole call, which contains the library's hand-offs between
// goroutines, and to the wire time that its hooks see; bare, and with 2 ms planted
// in the handler, which outweigh the hand-offs.
func BenchmarkFranzGoAgreement(b *testing.B) {
	binary := buildC10klab(b)
	var all []agreement
	for _, plant := range []string{"", "LocalTime=2ms"} {
		a := compareWithFranzGo(b, binary, plant)
		fmt.Printf("plant %-14q p50: generator %v, franz-go call %v (ratio %.3f), wire %v (ratio %.3f), of %d sends; outcome %s\n",
			plant, time.Duration(a.GeneratorNs), time.Duration(a.FranzCallNs), a.ToCall, time.Duration(a.FranzWireNs), a.ToWire, a.FranzCount, a.Measurement.Outcome)
		b.ReportMetric(a.ToCall, "generator/call,plant="+plant)
		b.ReportMetric(a.ToWire, "generator/wire,plant="+plant)
		all = append(all, a)
	}
	keep(b, "franz-go-agreement", all)
}

func compareWithFranzGo(b *testing.B, binary, plant string) agreement {
	ready, stop := serve(b, binary, "--model", "loop-per-thread-pool", "--data", b.TempDir(), "--plant", plant)
	defer stop()
	generator := exec.Command(binary, "load", "--json", "--target", ready.Listen, "--admin", ready.Admin,
		"--load-cpus", clientCPU, "--rate", "20", "--topic", franzTopic, "--warm-up", "2s", "--window", "20s")
	out, err := generator.StdoutPipe()
	if err == nil {
		err = generator.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan record.Measurement)
	go func() {
		defer close(ended)
		var m record.Measurement
		if json.NewDecoder(out).Decode(&m) == nil && generator.Wait() != nil && m.Outcome == "" {
			return
		}
		ended <- m
	}()
	calls, wire := hdr.NewHistogram(), &wireTimes{histogram: hdr.NewHistogram()}
	m := produceUntil(b, ready.Listen, ended, calls, wire)
	response := find(b, m, "ResponseTime")
	a := agreement{Plant: plant, GeneratorNs: response.ValueNs(0.5), FranzCount: calls.Count(), Measurement: m,
		FranzCallNs: calls.ValueNs(0.5), FranzWireNs: wire.histogram.ValueNs(0.5)}
	a.ToCall = float64(a.GeneratorNs) / float64(a.FranzCallNs)
	a.ToWire = float64(a.GeneratorNs) / float64(a.FranzWireNs)
	return a
}

// wireTimes is a franz-go hook that keeps how long produce requests were on the
// wire.
type wireTimes struct {
	mu        sync.Mutex
	histogram *hdr.Histogram
}

func (w *wireTimes) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	if key == kmsg.Produce.Int16() && e.Err() == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.histogram.Record(int64(e.DurationE2E()))
	}
}

// produceUntil sends records one at a time until the generator has ended.
func produceUntil(b *testing.B, broker string, ended <-chan record.Measurement, calls *hdr.Histogram, wire kgo.Hook) record.Measurement {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic(franzTopic), kgo.AllowAutoTopicCreation(),
		kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite(), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.WithHooks(wire))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	value := make([]byte, franzRecordBytes)
	tick := time.NewTicker(franzPause)
	defer tick.Stop()
	for {
		select {
		case m := <-ended:
			return m
		case <-tick.C:
		}
		due := clock.Now()
		if err := client.ProduceSync(context.Background(), kgo.SliceRecord(value)).FirstErr(); err != nil {
			b.Fatal(err)
		}
		calls.Record(clock.Now() - due)
	}
}
