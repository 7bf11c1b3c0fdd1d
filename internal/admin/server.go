package admin

import (
	"fmt"
	"net/http"

	"c10klab/internal/clock"
	"c10klab/internal/record"
	"c10klab/internal/stage"
	"c10klab/models"
	"c10klab/storage"
)

// Server is a c10klab server as its admin port tells of it.
type Server struct {
	Model        *models.Server
	Stages       *stage.Recorder // nil: off
	KernelStamps bool
	Knobs        map[string]string
	// Count enters what the service counts; nil: it counts nothing.
	Count func(add func(name string, n int64))
	// Store and Activity are nil without the log service.
	Store    *storage.Store
	Activity *Activity

	page *MetricsPage
}

func (s *Server) Handler() http.Handler {
	s.page = NewMetricsPage(s.fillPage)
	return Port{
		Mark: s.mark, Snapshot: s.snapshot, BeginSeries: s.Stages.BeginSeries, Metrics: s.page, Recorders: s.Stages.MemoryBytes, Store: s.Store, Switcher: s.Model,
		Sampler: StageSampler{Stages: s.Stages, KernelStamps: s.KernelStamps, ClockErrorNs: s.Model.Clock().ErrorNs},
	}.Handler()
}

// mark begins a window.
func (s *Server) mark(snapshot *record.ServerSnapshot) {
	s.Stages.Mark()
	s.Model.MarkQueues()
	if s.Activity != nil {
		s.Activity.Mark()
	}
	s.addCounts(snapshot)
	snapshot.MonotonicNs = clock.Now()
	snapshot.Process = record.ThisProcess() // what reading costs is before the window,
}

func (s *Server) snapshot(snapshot *record.ServerSnapshot) {
	snapshot.Process = record.ThisProcess() // and here after it
	s.addCounts(snapshot)
	snapshot.Knobs, snapshot.Hides = s.Knobs, s.Model.Hides()
	snapshot.Histograms, snapshot.AtMark = s.Stages.Snapshot()
	snapshot.RecorderBytes = s.Stages.MemoryBytes()
	snapshot.Series = s.Stages.Series()
	snapshot.ConnectionsByLoop = s.Model.ConnectionsByLoop()
	if s.Activity != nil {
		snapshot.Store = s.Activity.Snapshot()
		snapshot.Problems = append(snapshot.Problems, s.Activity.Failures()...)
	}
	snapshot.CensusAtNs = clock.Now()
	_, responses := s.Stages.Counts()
	snapshot.CensusResponses = record.Counters{Responses: responses}.AllResponses()
	census, err := s.Model.Census()
	if err != nil {
		snapshot.Problems = append(snapshot.Problems, err.Error())
	}
	snapshot.Census, snapshot.ThreadUse = census.Short(), census.Use()
	if steps := s.Model.Clock().Steps(); steps > 0 {
		snapshot.Problems = append(snapshot.Problems, fmt.Sprintf("CLOCK_REALTIME stepped %d times; SocketQueue is wrong around each step", steps))
	}
}

func (s *Server) fillPage(snapshot *record.ServerSnapshot) {
	s.addCounts(snapshot)
	snapshot.Histograms, _ = s.Stages.Snapshot()
	snapshot.ConnectionsByLoop = s.Model.ConnectionsByLoop()
}

// addCounts enters what is cheap to read.
func (s *Server) addCounts(snapshot *record.ServerSnapshot) {
	snapshot.ThreadIO, snapshot.LoopTimes = s.Model.ThreadIO(), s.Model.LoopTimes()
	snapshot.Queues, snapshot.HandlerIdle = s.Model.QueueLengths(), s.Model.HandlerIdle()
	snapshot.Residency = s.Model.Residency()
	snapshot.Counters.Requests, snapshot.Counters.Responses = s.Stages.Counts()
	counts := map[string]int64{record.Scrapes: s.page.Scrapes()}
	add := func(name string, n int64) { counts[name] += n }
	s.Model.Count(add)
	if s.Count != nil {
		s.Count(add)
	}
	snapshot.Counters.Counts = counts
}
