package experiments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"c10klab/internal/record"
	"c10klab/results"
)

const (
	// trialGrace is how much longer than planned a trial may take before it is
	// ended as hung.
	trialGrace = time.Minute
	// logTailBytes is how much of the processes' stderr a failed trial keeps.
	logTailBytes = 4096
)

// runTrial measures a cell once. A trial that fails is returned as such; the
// error is for what makes further trials pointless.
func (r *runner) runTrial(ctx context.Context, cell results.PlannedCell, block int) (results.Trial, error) {
	t := results.Trial{
		Experiment: cell.Experiment, Block: block, Cell: cell.ID, Knobs: r.trialKnobs(cell, block),
		Attempt: 1, Started: time.Now(),
	}
	t.ConfigHash = configHash(t.Knobs, r.run.Info.BinarySHA256)
	log, err := os.Create(r.run.LogPath(t))
	if err != nil {
		return t, fmt.Errorf("create the trial's log: %w", err)
	}
	defer log.Close()
	dir, err := newDataDir(r.cfg.DataDir)
	if err != nil {
		return t, err
	}
	t.Measurement, err = r.measure(ctx, t.Knobs, dir, log)
	t.Outcome = record.Failed
	if err == nil {
		t.Outcome = t.Measurement.Outcome
	} else {
		t.LogTail = tail(log)
		t.Error = withLastLine(err.Error(), t.LogTail)
	}
	err = discard(dir)
	t.ElapsedNs = time.Since(t.Started).Nanoseconds()
	return t, err
}

// trialKnobs adds what the cell leaves to the trial: the CPUs, and the seed,
// which all cells of a block share so that they meet the same arrivals.
func (r *runner) trialKnobs(cell results.PlannedCell, block int) map[string]string {
	knobs := maps.Clone(cell.Knobs)
	place(knobs, r.cpus)
	if r.cfg.LoadKnobs.Has(seedKnob) {
		setDefault(knobs, seedKnob, strconv.FormatUint(r.run.Info.Seed+uint64(block)-1, 10))
	}
	return knobs
}

func configHash(knobs map[string]string, binary string) string {
	sum := sha256.Sum256([]byte(binary + "\n" + settings(knobs)))
	return hex.EncodeToString(sum[:])
}

// measure runs a server and a load generator against it, both gone on return.
func (r *runner) measure(ctx context.Context, knobs map[string]string, dir string, log *os.File) (*record.Measurement, error) {
	limit := trialTime(knobs, newKnobTables(r.cfg.ServerKnobs, r.cfg.LoadKnobs)) + trialGrace
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the trial was still running after %v", limit))
	defer cancel()
	const anyPort = "127.0.0.1:0"
	serve := []string{"serve", "--discard-data", "--listen", anyPort, "--admin", anyPort, "--data", dir}
	s, err := startServer(ctx, r.cfg.Binary, append(serve, flags(r.cfg.ServerKnobs, knobs)...), log)
	if err != nil {
		return nil, err
	}
	generate := []string{"load", "--json", "--target", s.ready.Listen, "--admin", s.ready.Admin}
	m, loadErr := load(ctx, r.cfg.Binary, append(generate, flags(r.cfg.LoadKnobs, knobs)...), log)
	hung := context.Cause(ctx)
	stopErr := s.stop()
	if loadErr != nil {
		return nil, oneLine(hung, loadErr, stopErr)
	}
	if stopErr != nil {
		m.Problems = append(m.Problems, "on stop: "+stopErr.Error())
	}
	return m, nil
}

// withLastLine adds what a process said last, which is mostly why it ended.
func withLastLine(reason, log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return reason + ": " + last
	}
	return reason
}

// tail reads the end of a log, or says why it cannot.
func tail(log *os.File) string {
	st, err := log.Stat()
	if err != nil {
		return err.Error()
	}
	text, err := io.ReadAll(io.NewSectionReader(log, max(0, st.Size()-logTailBytes), logTailBytes))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
