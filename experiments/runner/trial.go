package runner

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
	"syscall"
	"time"

	"c10klab/experiments"
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
func (r *runner) runTrial(ctx context.Context, cell results.PlannedCell, block, attempt int) (record.Trial, error) {
	t := record.Trial{
		Experiment: cell.Experiment, Block: block, Cell: cell.ID, Knobs: r.trialKnobs(cell, block),
		Attempt: attempt, Started: time.Now(), LoadBefore: results.ReadLoad(),
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
	t.Measurement, err = r.measure(ctx, &t, dir, log)
	t.Outcome = record.Failed
	if err == nil {
		t.Outcome = t.Measurement.Outcome
	} else {
		t.LogTail = tail(log)
		t.Error = withLastLine(err.Error(), t.LogTail)
	}
	t.LoadAfter = results.ReadLoad()
	err = discard(dir)
	t.ElapsedNs = time.Since(t.Started).Nanoseconds()
	return t, err
}

// trialKnobs adds what the cell leaves to the trial: the CPUs, and the seed,
// which all cells of a block share so that they meet the same arrivals.
func (r *runner) trialKnobs(cell results.PlannedCell, block int) map[string]string {
	knobs := maps.Clone(cell.Knobs)
	place(knobs, r.cpus)
	if r.cfg.Tables.Load.Has(experiments.SeedKnob) {
		setDefault(knobs, experiments.SeedKnob, strconv.FormatUint(r.run.Info.Seed+uint64(block)-1, 10))
	}
	return knobs
}

func configHash(knobs map[string]string, binary string) string {
	sum := sha256.Sum256([]byte(binary + "\n" + experiments.Settings(knobs)))
	return hex.EncodeToString(sum[:])
}

// measure runs a server and a load generator against it, on disks of their own
// where the cell asks for it; all are gone on return.
func (r *runner) measure(ctx context.Context, t *record.Trial, dir string, log *os.File) (*record.Measurement, error) {
	limit := r.cfg.Tables.TrialTime(t.Knobs) + trialGrace
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the trial was still running after %v", limit))
	defer cancel()
	d, err := r.cfg.Tables.DataOf(t.Knobs)
	if err != nil {
		return nil, err
	}
	s, err := r.openSite(ctx, d, dir, t.Knobs, log)
	if err != nil {
		return nil, err
	}
	m, err := r.measureOn(ctx, d, s, t, log)
	closeErr := oneLine(s.discard(), s.close())
	switch {
	case err != nil:
		return nil, oneLine(err, closeErr)
	case closeErr != nil:
		m.Problems = append(m.Problems, closeErr.Error())
	}
	if len(d.DiskModels) > 0 && r.realDisk != "" {
		m.Problems = append(m.Problems, "real disk instead of "+t.Knobs[experiments.DisksKnob]+": "+r.realDisk)
	}
	return m, nil
}

// measureOn runs server and generator on a site.
func (r *runner) measureOn(ctx context.Context, d experiments.Data, s *site, t *record.Trial, log *os.File) (*record.Measurement, error) {
	const anyPort = "127.0.0.1:0"
	serve := []string{"serve", "--discard-data", "--listen", anyPort, "--admin", anyPort, "--data", strings.Join(s.dirs, ",")}
	var ready record.ServerReady
	server, err := startChild(ctx, "server", r.cfg.Binary, append(serve, experiments.Flags(r.cfg.Tables.Server, t.Knobs)...), &ready, syscall.SIGKILL, log)
	if err != nil {
		return nil, err
	}
	m, loadErr := r.loadOn(ctx, d, s, ready, t, log)
	hung := context.Cause(ctx)
	rescueErr := s.rescue()
	stopErr := server.stop()
	if loadErr != nil || rescueErr != nil {
		return nil, oneLine(hung, loadErr, rescueErr, stopErr)
	}
	if stopErr != nil {
		m.Problems = append(m.Problems, "on stop: "+stopErr.Error())
	}
	return m, nil
}

// loadOn runs the generator against a server on a site whose delays begin with the
// load, and enters what the disks and the page cache did.
func (r *runner) loadOn(ctx context.Context, d experiments.Data, s *site, ready record.ServerReady, t *record.Trial, log *os.File) (*record.Measurement, error) {
	var err error
	if t.PagesBefore, err = setPages(d, s, ready.Admin); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	stalled := s.stallLater(stallOf(r.cfg.Tables, t.Knobs))
	generate := []string{"load", "--json", "--target", ready.Listen, "--admin", ready.Admin}
	m, err := load(ctx, r.cfg.Binary, append(generate, experiments.Flags(r.cfg.Tables.Load, t.Knobs)...), log)
	if stallErr := stalled(); err == nil {
		err = stallErr
	}
	if err != nil {
		return nil, err
	}
	if t.PagesAfter, err = residency(d, ready.Admin); err != nil {
		return nil, err
	}
	if d.Backlog.Bytes > 0 {
		addCheck(m, pagesCheck(d, t.PagesBefore))
	}
	if t.Disks, err = s.status(); err != nil {
		return nil, err
	}
	judgeDisks(m, t.Disks)
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
