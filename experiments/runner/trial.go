package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"c10klab/experiments"
	"c10klab/internal/osthread"
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

// runTrial measures a cell once, as an attempt. A trial that fails is returned as such; the
// error is for what makes further trials pointless.
func (r *runner) runTrial(ctx context.Context, cell results.PlannedCell, block, attempt int, repetition bool) (record.Trial, error) {
	t := record.Trial{
		Experiment: cell.Experiment, Block: block, Cell: cell.ID, Knobs: r.trialKnobs(cell, block),
		Attempt: attempt, Repetition: repetition, Started: time.Now(), LoadBefore: results.ReadLoad(),
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
	t.Measurement, err = r.measure(ctx, &t, dir.path, log)
	if err == nil {
		err = dir.vanished()
	}
	t.Outcome = record.Failed
	if err == nil {
		t.Outcome = t.Measurement.Outcome
		if t.Outcome == record.Failed {
			t.Error = strings.Join(t.Measurement.Problems, "; ")
		}
	} else {
		t.LogTail = tail(log)
		t.Error = withLastLine(err, t.LogTail).Error()
	}
	t.LoadAfter = results.ReadLoad()
	err = dir.discard()
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

// measure opens the servers' sites, measures on them, and closes them; whatever was
// started is gone on return.
func (r *runner) measure(ctx context.Context, t *record.Trial, dir string, log *os.File) (*record.Measurement, error) {
	limit := r.cfg.Tables.TrialTime(t.Knobs) + trialGrace
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the trial was still running after %v", limit))
	defer cancel()
	servers, err := r.servers(t, log)
	if err == nil {
		err = r.backing.hold(r.cfg.Tables.BackedMemory(t.Knobs))
	}
	for i := 0; err == nil && i < len(servers); i++ {
		s := servers[i]
		s.site, err = r.openSite(ctx, s.data, filepath.Join(dir, s.Name), s.knobs, log)
	}
	var m *record.Measurement
	if err == nil {
		m, err = r.serve(ctx, servers, t, log)
	}
	sites := allSites(servers)
	closeErr := oneLine(sites.discard(), sites.close())
	for _, s := range servers {
		t.Servers = append(t.Servers, s.TrialServer)
		if s.log != nil && s.log != log {
			closeErr = oneLine(closeErr, s.log.Close())
		}
	}
	switch {
	case err != nil:
		return nil, oneLine(err, closeErr)
	case closeErr != nil:
		m.Problems = append(m.Problems, closeErr.Error())
	}
	for _, s := range servers {
		if len(s.data.DiskModels) > 0 && r.realDisk != "" {
			m.Problems = append(m.Problems, "real disk instead of "+s.knobs[experiments.DisksKnob]+": "+r.realDisk)
		}
	}
	return m, nil
}

// serve starts the servers on their sites, loads the first, and stops them.
func (r *runner) serve(ctx context.Context, servers []*server, t *record.Trial, log *os.File) (*record.Measurement, error) {
	var err error
	for i := 0; err == nil && i < len(servers); i++ {
		err = servers[i].start(ctx, r)
	}
	var m *record.Measurement
	if err == nil {
		m, err = r.loadOn(ctx, servers, t, log)
	}
	hung := context.Cause(ctx)
	rescueErr := allSites(servers).rescue()
	var stopErr error
	for _, s := range slices.Backward(servers) {
		if s.process != nil {
			stopErr = oneLine(stopErr, s.process.Stop())
		}
	}
	if err != nil || rescueErr != nil {
		return nil, oneLine(hung, err, rescueErr, stopErr)
	}
	if stopErr != nil {
		m.Problems = append(m.Problems, "on stop: "+stopErr.Error())
	}
	return m, nil
}

// loadOn brings the backlogs' pages into the state that is asked for, turns the disks'
// delays on, runs the generator against the first server, and enters and judges what
// the disks and the page cache did, and what new pages cost.
func (r *runner) loadOn(ctx context.Context, servers []*server, t *record.Trial, log *os.File) (*record.Measurement, error) {
	for _, s := range servers {
		var err error
		if s.pagesBefore, err = s.setPages(); err != nil {
			return nil, err
		}
		t.PagesBefore = append(t.PagesBefore, s.pagesBefore...)
	}
	fresh, err := r.freshPagesBefore()
	if err != nil {
		return nil, err
	}
	disks := allSites(servers)
	if err := disks.begin(); err != nil {
		return nil, err
	}
	tables := r.cfg.Tables
	middle := tables.Duration(t.Knobs, experiments.WarmUpKnob) + tables.Duration(t.Knobs, experiments.WindowKnob)/2
	stalled := disks.stallLater(middle, tables.Duration(t.Knobs, experiments.StallKnob))
	args := []string{"--target", servers[0].Listen}
	for _, s := range servers { // all are asked for what they measured
		args = append(args, "--admin", s.Name+"="+s.Admin)
	}
	quota, began := osthread.ReadCPUQuota(), time.Now()
	m, err := load(ctx, r.cfg.Machine, append(args, experiments.Flags(tables.Load, t.Knobs)...), log)
	if stallErr := stalled(); err == nil {
		err = stallErr
	}
	if err == nil {
		err = r.freshPagesAfter(fresh, servers, m)
	}
	if err != nil {
		return nil, err
	}
	for _, s := range servers {
		pages, err := s.residency()
		if err != nil {
			return nil, err
		}
		t.PagesAfter = append(t.PagesAfter, pages...)
		status, err := s.diskStatus()
		if err != nil {
			return nil, err
		}
		t.Disks = append(t.Disks, status...)
		s.judge(m, status)
	}
	t.FreshPages = fresh
	r.judgeFreshPages(t, m)
	judgeThrottling(m, quota, osthread.ReadCPUQuota(), time.Since(began))
	return m, nil
}

// withLastLine adds what a process said last, which is mostly why it ended.
func withLastLine(err error, log string) error {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
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

// maxAttempts is how often a cell is tried in a block, and again in its repetition, until its
// trial does not fail.
const maxAttempts = 2

// runCell measures a cell in a block, or in its repetition, and the arms that are measured
// with it, unless that is stored already, and tries a second time what failed.
func (r *runner) runCell(ctx context.Context, cell results.PlannedCell, arms []results.PlannedCell, block int, repetition bool) error {
	for !r.settled(cell, block, repetition) {
		attempt := 1 // none that an arm has already: a run may have been killed between two arms of a trial
		for _, arm := range arms {
			attempt = max(attempt, 1+len(r.run.Attempts(arm.ID, block)))
			if arm.ID != cell.ID && r.settled(arm, block, repetition) {
				r.progress.total++ // it was counted as done, and is done again
			}
		}
		t, err := r.runTrial(ctx, cell, block, attempt, repetition)
		if ctx.Err() != nil || err != nil {
			return err
		}
		own := make([]record.Trial, len(arms))
		for i, arm := range arms {
			own[i] = r.ofArm(t, arm)
			if err := r.run.Commit(own[i]); err != nil {
				return err
			}
		}
		for _, t := range own {
			r.progress.report(t, r.settled(cell, block, repetition))
		}
	}
	return nil
}

// ofArm is a trial as one of its arms has it; one without arms is its own.
func (r *runner) ofArm(t record.Trial, arm results.PlannedCell) record.Trial {
	t.Cell, t.Knobs = arm.ID, r.trialKnobs(arm, t.Block)
	t.ConfigHash = configHash(t.Knobs, r.run.Info.BinarySHA256)
	if t.Measured() && len(t.Measurement.Arms) > 0 {
		t.Measurement = t.Measurement.OfArm(experiments.ArmOf(arm))
	}
	return t
}

// settled reports whether no further attempt is due at a cell in a block, or in its repetition.
func (r *runner) settled(cell results.PlannedCell, block int, repetition bool) bool {
	attempts := slices.DeleteFunc(r.run.Attempts(cell.ID, block), func(t record.Trial) bool { return t.Repetition != repetition })
	n := len(attempts)
	return n >= maxAttempts || n > 0 && attempts[n-1].Outcome != record.Failed
}
