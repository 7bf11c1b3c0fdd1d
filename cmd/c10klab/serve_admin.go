package main

import (
	"fmt"

	"c10klab/internal/broker"
	"c10klab/internal/clock"
	"c10klab/internal/knob"
	"c10klab/internal/record"
	"c10klab/models"
)

// adminPort is what the server tells and does on its admin port.
func (s *serving) adminPort(config models.Config, v *knob.Values) broker.Admin {
	s.page = broker.NewMetricsPage(s.metricsSource)
	return broker.Admin{
		Mark: s.mark, Snapshot: s.snapshotSource(v),
		Sampler: broker.StageSampler{Stages: s.stages, KernelStamps: config.KernelStamps, ClockErrorNs: s.server.ClockErrorNs},
		Metrics: s.page, Recorders: s.stages.MemoryBytes,
		Store: s.backend.store,
	}
}

// mark begins a window.
func (s *serving) mark(snapshot *record.ServerSnapshot) {
	s.stages.Mark()
	s.server.MarkQueues()
	if s.backend.activity != nil {
		s.backend.activity.Mark()
	}
	s.addCounts(snapshot)
	snapshot.MonotonicNs = clock.Now()
	snapshot.Process = record.ThisProcess() // what reading costs is before the window,
}

func (s *serving) snapshotSource(v *knob.Values) broker.Source {
	return func(snapshot *record.ServerSnapshot) {
		snapshot.Process = record.ThisProcess() // and here after it
		s.addCounts(snapshot)
		snapshot.Knobs, snapshot.Hides = v.Map(), s.server.Hides()
		snapshot.Histograms, snapshot.AtMark = s.stages.Snapshot()
		snapshot.RecorderBytes = s.stages.MemoryBytes()
		snapshot.ConnectionsByLoop = s.server.ConnectionsByLoop()
		if s.backend.activity != nil {
			snapshot.Store = s.backend.activity.Snapshot()
			snapshot.Problems = append(snapshot.Problems, s.backend.activity.Failures()...)
		}
		snapshot.CensusAtNs, snapshot.CensusResponses = clock.Now(), s.responses()
		census, err := s.server.Census()
		if err != nil {
			snapshot.Problems = append(snapshot.Problems, err.Error())
		}
		snapshot.Census, snapshot.ThreadUse = census.Short(), census.Use()
		if steps := s.server.ClockSteps(); steps > 0 {
			snapshot.Problems = append(snapshot.Problems, fmt.Sprintf("CLOCK_REALTIME stepped %d times; SocketQueue is wrong around each step", steps))
		}
	}
}

// metricsSource is what the metrics page shows.
func (s *serving) metricsSource(snapshot *record.ServerSnapshot) {
	s.addCounts(snapshot)
	snapshot.Histograms, _ = s.stages.Snapshot()
	snapshot.ConnectionsByLoop = s.server.ConnectionsByLoop()
}

// addCounts enters what is cheap to read.
func (s *serving) addCounts(snapshot *record.ServerSnapshot) {
	snapshot.ThreadIO = s.threadIO()
	snapshot.Counters = s.counters(snapshot.ThreadIO)
	snapshot.LoopTimes, snapshot.Residency = s.loopTimes(), s.residency()
	snapshot.Queues, snapshot.HandlerIdle = s.queues(), s.handlerIdle()
}

func (s *serving) counters(io []record.ThreadIO) (c record.Counters) {
	c.Connections, _ = s.server.Connections()
	c.Requests, c.Responses = s.stages.Counts()
	for _, t := range io {
		c.ReceiveCalls += t.ReceiveCalls
		c.SendCalls += t.SendCalls
	}
	full := s.server.QueueFull()
	c.Blocked, c.Paused, c.Shed = full.Waits, full.Pauses, full.Sheds
	if s.backend.log != nil {
		c.AppendedBytes, c.FetchedBytes = s.backend.log.AppendedBytes(), s.backend.log.FetchedBytes()
		c.ThrottledFetches = s.backend.log.ThrottledFetches()
	}
	c.Scrapes = s.page.Scrapes()
	return c
}

// responses is how many requests were answered.
func (s *serving) responses() int64 {
	var c record.Counters
	_, c.Responses = s.stages.Counts()
	return c.AllResponses()
}

func (s *serving) threadIO() []record.ThreadIO {
	var all []record.ThreadIO
	for _, t := range s.server.ThreadIO() {
		all = append(all, record.ThreadIO{
			Name: t.Name, ReceiveCalls: t.Receives, ReceivedBytes: t.ReceivedBytes, ReceiveNs: t.ReceivingNs,
			SendCalls: t.Sends, SentBytes: t.SentBytes, SendNs: t.SendingNs, BlockedNs: t.BlockedNs,
		})
	}
	return all
}

func (s *serving) queues() []record.QueueLength {
	var all []record.QueueLength
	for _, q := range s.server.QueueLengths() {
		all = append(all, record.QueueLength(q))
	}
	return all
}

func (s *serving) handlerIdle() []record.HandlerIdle {
	var all []record.HandlerIdle
	for _, p := range s.server.HandlerIdle() {
		all = append(all, record.HandlerIdle{Pool: p.Name, Threads: p.Threads, IdleNs: p.IdleNs, WallNs: p.WallNs})
	}
	return all
}

func (s *serving) loopTimes() []record.LoopTimes {
	var all []record.LoopTimes
	for _, t := range s.server.LoopTimes() {
		all = append(all, record.LoopTimes{Name: t.Name, WallNs: int64(t.Wall), IOWaitNs: int64(t.IOWait), IONs: int64(t.IO)})
	}
	return all
}

// residency is nil under strategies that do not probe.
func (s *serving) residency() *record.ResidencyProbes {
	r, probes := s.server.Residency()
	if !probes {
		return nil
	}
	return &record.ResidencyProbes{Probes: r.Probes, Hot: r.Hot, FalseHot: r.FalseHot, FalseHotBlockedNs: int64(r.FalseHotBlocked)}
}
