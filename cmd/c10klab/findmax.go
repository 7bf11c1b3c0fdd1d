package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"c10klab/internal/record"
	"c10klab/loadgen"
	"c10klab/loadgen/judge"
	"c10klab/results"
)

// findMax searches and prints; progress goes to stderr.
func findMax(ctx context.Context, config loadgen.Config, slo judge.SLO, asJSON bool) error {
	found, err := loadgen.FindMax(ctx, config, slo, func(p record.Probe) {
		fmt.Fprintln(os.Stderr, probeLine(p))
	})
	if err != nil {
		return err
	}
	if err := present(os.Stdout, asJSON, found, printMaxRate); err != nil {
		return err
	}
	if found.LimitedBy != "" {
		return shortfall(exitLimited, fmt.Sprintf("every run above %.1f requests/s was %s, so the rate found is no more than a lower bound; c10klab doctor says what lacks", found.PerSecond, found.LimitedBy))
	}
	return nil
}

func probeLine(p record.Probe) string {
	said := map[bool]string{true: "holds", false: "does not hold"}[p.Holds]
	if p.Outcome.Limited() {
		said = "does not count"
	}
	var values []string
	for _, name := range slices.Sorted(maps.Keys(p.FoundNs)) {
		values = append(values, name+" "+results.FormatDuration(p.FoundNs[name]))
	}
	return fmt.Sprintf("%10.1f requests/s: %s, %s, %s", p.PerSecond, p.Outcome, strings.Join(values, ", "), said)
}

func printMaxRate(p *printer, m *record.MaxRate) { p.line("%s", maxRateText(m)) }

func maxRateText(m *record.MaxRate) string {
	rate := fmt.Sprintf("%.1f requests/s", m.PerSecond)
	if m.PerSecondMBps > 0 {
		rate += fmt.Sprintf(" (%.1f MB/s)", m.PerSecondMBps)
	}
	text := fmt.Sprintf("%s holds up to %s, uncertain by +%.1f %%: %d of %d runs held it there; ",
		m.SLO, rate, 100*m.Uncertainty, m.Held, m.HeldOf)
	if m.LimitedBy != "" {
		return text + fmt.Sprintf("at %.1f requests/s every run was %s, so the target may be able to do more", m.NotPerSecond, m.LimitedBy)
	}
	return text + fmt.Sprintf("at %.1f requests/s %d of %d did not", m.NotPerSecond, m.Failed, m.FailedOf)
}
