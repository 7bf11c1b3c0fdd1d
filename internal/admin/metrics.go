package admin

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// MetricsPage is the page for Prometheus: Families from a source, and the Go
// runtime's and the process's own by the official client library's collectors. Each
// reading gathers the histograms of all threads, which takes milliseconds of CPU
// time: who measures never reads it within a window. Any goroutine may serve it.
type MetricsPage struct {
	source  Source
	scrapes atomic.Int64
	handler http.Handler
}

var (
	_ http.Handler         = (*MetricsPage)(nil)
	_ prometheus.Collector = (*MetricsPage)(nil)
)

// NewMetricsPage makes the page of what a source fills in; the source may be called
// from several goroutines at once.
func NewMetricsPage(source Source) *MetricsPage {
	p := &MetricsPage{source: source}
	registry := prometheus.NewRegistry()
	registry.MustRegister(p, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsGC)))
	p.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return p
}

func (p *MetricsPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.scrapes.Add(1)
	p.handler.ServeHTTP(w, r)
}

func (p *MetricsPage) Scrapes() int64 { return p.scrapes.Load() }

func (p *MetricsPage) Describe(descriptions chan<- *prometheus.Desc) {
	for i := range Families {
		descriptions <- Families[i].description()
	}
}

func (p *MetricsPage) Collect(metrics chan<- prometheus.Metric) {
	snapshot := takeSnapshot(p.source)
	for i := range Families {
		Families[i].collect(snapshot, metrics)
	}
}

type Family struct {
	Name    string
	Unit    string
	Meaning string
	// Kafka is the MBean of a broker that gives this name by the usual rules of the
	// Prometheus JMX exporter; empty: Kafka has no such thing.
	Kafka  string
	labels []string
	// values yields each member's labels and value; nil: the family is a summary.
	values func(s *record.ServerSnapshot, yield func(value float64, labels ...string))
	gauge  bool
	// spans yields each member's histogram; its values are divided by unitNs.
	spans  func(s *record.ServerSnapshot, yield func(h *hdr.Histogram, labels ...string))
	unitNs float64
}

func (f *Family) description() *prometheus.Desc {
	return prometheus.NewDesc(f.Name, f.Meaning, f.labels, nil)
}

func (f *Family) collect(s *record.ServerSnapshot, metrics chan<- prometheus.Metric) {
	description := f.description()
	if f.spans != nil {
		f.spans(s, func(h *hdr.Histogram, labels ...string) {
			metrics <- f.summary(description, h, labels)
		})
		return
	}
	kind := prometheus.CounterValue
	if f.gauge {
		kind = prometheus.GaugeValue
	}
	f.values(s, func(value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(description, kind, value, labels...)
	})
}

// summaryQuantiles are those of Kafka's histograms that the exporter shows.
var summaryQuantiles = []float64{0.5, 0.75, 0.95, 0.98, 0.99, 0.999}

func (f *Family) summary(description *prometheus.Desc, h *hdr.Histogram, labels []string) prometheus.Metric {
	quantiles := map[float64]float64{}
	for _, q := range summaryQuantiles {
		if ns, supported := h.Quantile(q); supported {
			quantiles[q] = float64(ns) / f.unitNs
		}
	}
	n := h.Count()
	return prometheus.MustNewConstSummary(description, uint64(n), h.MeanNs()*float64(n)/f.unitNs, quantiles, labels...)
}
