package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"c10klab/internal/record"
	"c10klab/internal/sample"
	"c10klab/internal/stage"
)

// Sampler keeps the stamps of sampled requests. Any goroutine may call it.
type Sampler interface {
	// Start begins to follow a rule that has passed its Check; ErrStagesOff.
	Start(rule sample.Rule) error
	// Samples returns what the newest rule has kept.
	Samples() record.Samples
}

// ErrStagesOff says that there are no stamps to sample.
var ErrStagesOff = errors.New("knob stages is off, so no request has stamps")

// longestRule bounds the bytes that a rule is read from.
const longestRule = 4096

func handleSampling(mux *http.ServeMux, sampler Sampler) {
	mux.HandleFunc("POST "+record.SamplePath, func(w http.ResponseWriter, r *http.Request) {
		rule, err := readRule(http.MaxBytesReader(w, r.Body, longestRule))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := sampler.Start(rule); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	mux.HandleFunc("GET "+record.SamplePath, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, sampler.Samples())
	})
}

// readRule reads a body that is one rule that can be followed and nothing else. A name
// that no rule has is an error: it would be a seed that is silently 0.
func readRule(body io.Reader) (rule sample.Rule, err error) {
	in := json.NewDecoder(body)
	in.DisallowUnknownFields()
	if err := in.Decode(&rule); err != nil {
		return rule, fmt.Errorf("read the rule: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return rule, errors.New("read the rule: something follows it")
	}
	return rule, rule.Check()
}

// StageSampler samples the requests of a stage recorder, nil when stages are off.
type StageSampler struct {
	Stages       *stage.Recorder
	KernelStamps bool
	ClockErrorNs func() int64 // of the kernel's stamps
}

var _ Sampler = StageSampler{}

func (s StageSampler) Start(rule sample.Rule) error {
	if s.Stages == nil {
		return ErrStagesOff
	}
	s.Stages.Sample(rule)
	return nil
}

func (s StageSampler) Samples() record.Samples {
	kept, lost := s.Stages.Kept()
	all := record.Samples{Lost: lost, ClockErrorNs: s.ClockErrorNs(), KernelStamps: s.KernelStamps, Requests: make([]record.ServerSample, len(kept))}
	for i, k := range kept {
		all.Requests[i] = record.ServerSample{API: s.Stages.API(k.Class), ID: k.ID, BoundariesNs: k.Stamps[:], LastSend: k.LastSendNs}
	}
	return all
}
