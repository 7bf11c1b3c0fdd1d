package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"c10klab/experiments"
	"c10klab/internal/record"
	"c10klab/results"

	"golang.org/x/sys/unix"
)

func TestEveryTrialTellsWhatFreshPagesCost(t *testing.T) {
	cfg, _ := fakeRun(t, "ok")
	run, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range run.Trials {
		if f := trial.FreshPages; f == nil || f.BeforeNs < 10 || f.AfterNs < 10 {
			t.Errorf("%s: %+v", trial.Name(), f)
		}
	}
	noData(t, cfg.Out)
}

// A trial is spoiled by pages that cost another amount than in trials that take as many,
// whether more or less; not by dear ones that all pay for, nor where it takes hardly any.
func TestFreshPagesOfAnotherCostLimitATrial(t *testing.T) {
	const rate = 100e6 / 4096
	at := func(ns, perS float64) *record.FreshPages {
		return &record.FreshPages{BeforeNs: ns, AfterNs: ns, PagesPerS: perS}
	}
	for _, c := range []struct {
		name   string
		others []float64 // costs of trials at the same rate
		trial  *record.FreshPages
		judged bool
		want   record.Outcome
	}{
		{"all dear", []float64{5000, 5000, 5200}, at(5100, rate), true, record.Valid},
		{"dear among cheap", []float64{1000, 1000, 1100}, at(5000, rate), true, record.EnvironmentLimited},
		{"cheap among dear", []float64{5000, 5000, 5200}, at(1000, rate), true, record.EnvironmentLimited},
		{"just below the limit", []float64{1000, 1000, 1000}, at(1000+0.049e9/rate, rate), true, record.Valid},
		{"few written", []float64{1000, 1000, 1000}, at(5000, 0), false, record.Valid},
		{"others took half as many", []float64{1000, 1000, 1000}, at(5000, 2*rate), false, record.Valid},
		{"nobody knows yet", []float64{1000, 1000}, at(5000, rate), false, record.Valid},
	} {
		r := &runner{run: &results.Run{}}
		for _, ns := range c.others {
			r.run.Trials = append(r.run.Trials, record.Trial{Experiment: "a", FreshPages: at(ns, rate)})
			r.run.Trials = append(r.run.Trials, record.Trial{Experiment: "b", FreshPages: at(7*ns, rate)}, record.Trial{Experiment: "a"})
		}
		m := &record.Measurement{Outcome: record.Valid}
		r.judgeFreshPages(&record.Trial{Experiment: "a", FreshPages: c.trial}, m)
		if m.Outcome != c.want || (len(m.Checks) == 1) != c.judged || slices.Contains(m.NotJudged, freshPagesRule) == c.judged {
			t.Errorf("%s: %s, checks %+v, not judged %q", c.name, m.Outcome, m.Checks, m.NotJudged)
		}
	}
}

func TestTheDocumentedRuleOfFreshPagesIsTheRunners(t *testing.T) {
	text, err := os.ReadFile("../../docs/loadgen.md")
	if err != nil {
		t.Fatal(err)
	}
	row := fmt.Sprintf("| %s (by the runner) | %g %% of a CPU | %s |\n", freshPagesRule, 100*freshPagesCPU, record.EnvironmentLimited)
	if !strings.Contains(string(text), row) {
		t.Errorf("docs/loadgen.md lacks the row %q", row)
	}
}

// What is held is a tooth in each half of a block; the rest is free for others.
func TestBackedMemoryIsFreeButForItsTeeth(t *testing.T) {
	const bytes = 64 << 20
	var b backing
	if err := b.hold(bytes); err != nil {
		t.Fatal(err)
	}
	resident := make([]byte, bytes/os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(b.held))), bytes, uintptr(unsafe.Pointer(unsafe.SliceData(resident)))); errno != 0 {
		t.Fatal(errno)
	}
	inUse, longest, free := 0, 0, 0
	for _, is := range resident {
		if free++; is&1 != 0 {
			inUse, free = inUse+1, 0
		}
		longest = max(longest, free)
	}
	block := 2 << 20
	if p := record.ReadPageReporting(); p.On() {
		block = int(p.BlockBytes())
	}
	if inUse != 2*bytes/block || longest >= block/os.Getpagesize() {
		t.Errorf("%d pages in use, up to %d free beside each other, of blocks of %d bytes", inUse, longest, block)
	}
	if err := b.hold(0); err != nil || b.held != nil {
		t.Errorf("%d bytes held (%v)", len(b.held), err)
	}
}

func TestMoreBackedMemoryThanThereIsFailsTheTrialWithTheReason(t *testing.T) {
	if err := new(backing).hold(1 << 50); !errors.Is(err, errTooLittleMemory) {
		t.Errorf("error %v", err)
	}
	cfg, _ := fakeRun(t, "ok")
	cfg.Set = map[string]string{experiments.BackedMemoryKnob: "1000000GiB"}
	cfg.Repeats = 1
	run, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if trial := run.Trials[0]; trial.Outcome != record.Failed || !strings.Contains(trial.Error, "backed-memory") {
		t.Errorf("%s: %s", trial.Outcome, trial.Error)
	}
}
