package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/loadgen"
	"c10klab/results"

	"github.com/spf13/cobra"
)

func newLoadCommand() *cobra.Command {
	var target, admin, writeTrace string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "load --target ADDRESS",
		Short: "Load a server and measure it",
		Long: `Offer load to a server at times planned beforehand, measure, and judge whether the
numbers can be believed. Any broker that speaks the Kafka protocol is a valid
target; a c10klab server's stages are read over its admin port.`,
		Example: `  c10klab load --target 127.0.0.1:9092 --admin 127.0.0.1:40123 --rate 100
  c10klab load --target 127.0.0.1:9092 --protocol echo --mode closed --producers 64`,
		Args: noArguments,
	}
	cmd.Flags().StringVar(&target, "target", "", "address of the server to load (required)")
	cmd.Flags().StringVar(&admin, "admin", "", "its admin port, for stages; empty: none")
	cmd.Flags().StringVar(&writeTrace, "write-trace", "", "file to write the producers' requests to, for --trace; empty: none")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole measurement as JSON")
	knobs := bindKnobs(cmd, loadKnobs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v, err := knobs.values()
		if err != nil {
			return err
		}
		if target == "" {
			return usageError(fmt.Errorf("load needs --target ADDRESS"))
		}
		config, err := loadgen.ConfigFrom(v)
		if err != nil {
			return usageError(err)
		}
		config.Target, config.Admin, config.TraceTo = target, admin, writeTrace
		m, err := loadgen.Run(cmd.Context(), config)
		if err != nil {
			return err
		}
		return printMeasurement(os.Stdout, m, asJSON)
	}
	return cmd
}

func printMeasurement(w io.Writer, m *record.Measurement, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(w).Encode(m); err != nil {
			return fmt.Errorf("print the measurement: %w", err)
		}
	} else if err := summarize(w, m); err != nil {
		return err
	}
	switch m.Outcome {
	case record.Valid, record.Saturated:
		return nil
	case record.GeneratorLimited, record.EnvironmentLimited:
		return &exitError{status: exitLimited}
	}
	return &exitError{status: exitFailed}
}

// summarize prints the measurement for a person.
func summarize(w io.Writer, m *record.Measurement) error {
	p := &printer{w: w}
	p.line("outcome %s; %.1f requests/s, %.1f MB/s acknowledged, %.1f MB/s fetched (%.1f tail, %.1f lagging), %d error responses",
		m.Outcome, m.RequestsPerSec, m.AckedMBps, m.FetchedMBps, m.TailMBps, m.LaggingMBps, m.Errors)
	p.line("%-22s %-12s %10s %12s %12s %12s %12s", "time", "API", "count", "p50", "p99", "p999", "max")
	for _, k := range m.Histograms.Keys() {
		h := m.Histograms[k]
		p.line("%-22s %-12s %10d %12s %12s %12s %12s", k.Stage, k.API, h.Count(),
			quantile(h, 0.5), quantile(h, 0.99), quantile(h, 0.999), results.FormatDuration(float64(h.MaxNs())))
	}
	for _, c := range m.Checks {
		if !c.OK {
			p.line("check %s: %.4g %s, limit %.4g: %s", c.Name, c.Value, c.Unit, c.Limit, c.Else)
		}
	}
	for _, problem := range m.Problems {
		p.line("problem: %s", problem)
	}
	return p.err
}

func quantile(h *hdr.Histogram, q float64) string {
	ns, supported := h.Quantile(q)
	if !supported {
		return "n/a"
	}
	return results.FormatDuration(float64(ns))
}

// printer keeps the first error of many prints.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
