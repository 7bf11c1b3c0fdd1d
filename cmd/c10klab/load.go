package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
	"c10klab/internal/report"
	"c10klab/loadgen"
	"c10klab/loadgen/judge"
	"c10klab/results"

	"github.com/spf13/cobra"
)

// loadFlags are those of the load command beside the knobs.
type loadFlags struct {
	target     string
	admins     []string
	writeTrace string
	findMax    bool
	slo        string
	out        string
	asJSON     bool
}

func newLoadCommand() *cobra.Command {
	f := &loadFlags{}
	cmd := &cobra.Command{
		Use:   "load --target ADDRESS",
		Short: "Load a server and measure it",
		Long: `Offer load to a server at times planned beforehand, measure, and judge whether the
numbers can be believed. Any broker that speaks the Kafka protocol is a valid
target; a c10klab server's stages are read over its admin port. Other servers that work
beside the target, such as its followers, are measured too where --admin names them.

--write-trace records the requests of producers and consumers, --trace offers them
again. A trace is a CSV file with the header time,api,bytes and a line for each request
in order of time: seconds from the beginning of the load (warm-up included), the API, and

  Produce       the bytes of the record batch
  Echo          the bytes of the payload
  Fetch         the most record bytes to ask for, per partition and in all
  LaggingFetch  the same, by lagging consumers beside tail ones (--consumers both)

Request number i of an API goes to connection i modulo --producers or the consumers'
connections. A fetch of a trace reads on where its connection is, waits as
--fetch-max-wait and --fetch-min-bytes say, and while one is under way the next ones of
its connection wait; its ResponseTime counts from the time in the file. With --producers 0
a trace may hold fetches alone.

--slo alone makes the exit status tell whether the target held it: 0, or 1 if not. --out stores
what was measured as a run of one trial.

With --find-max, look for the highest rate at which the target holds --slo: double or
halve the rate, bisect, and measure both ends of the interval found again.`,
		Example: `  c10klab load --target 127.0.0.1:9092 --admin 127.0.0.1:40123 --rate 100
  c10klab load --target 127.0.0.1:9092 --admin 127.0.0.1:40123 --admin follower-1=127.0.0.1:40124
  c10klab load --target 127.0.0.1:9092 --protocol echo --mode closed --producers 64
  c10klab load --target 127.0.0.1:9092 --consumers tail --write-trace day.csv
  c10klab load --target 127.0.0.1:9092 --consumers tail --trace day.csv --window 5s
  c10klab load --target 127.0.0.1:9092 --slo 'p99<20ms' --out results/runs/kafka
  c10klab load --target 127.0.0.1:9092 --find-max --slo 'p99<20ms,p999<100ms'`,
		Args: noArguments,
	}
	cmd.Flags().StringVar(&f.target, "target", "", "address of the server to load (required)")
	cmd.Flags().StringArrayVar(&f.admins, "admin", nil, "its admin port, for stages, or NAME=ADDRESS of another server's; may be repeated")
	cmd.Flags().StringVar(&f.writeTrace, "write-trace", "", "file to write the requests of producers and consumers to, for --trace; empty: none")
	cmd.Flags().BoolVar(&f.findMax, "find-max", false, "look for the highest rate that holds --slo, starting from the rate given")
	cmd.Flags().StringVar(&f.slo, "slo", "p99<20ms", "bounds of ResponseTime: a percentile (p999 is p99.9), mean or max; with --find-max what shall hold, else exit status 1 if it does not")
	cmd.Flags().StringVar(&f.out, "out", "", "run directory, absent or empty, to store the measurement in for show, report, compare and export; empty: none")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the whole measurement as JSON")
	knobs := bindKnobs(cmd, loadKnobs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v, err := knobs()
		if err != nil {
			return err
		}
		config, err := f.config(v)
		if err != nil {
			return usageError(err)
		}
		slo, err := judge.ParseSLO(f.slo)
		if err != nil {
			return usageError(err)
		}
		if f.findMax {
			if err := config.CheckFindMax(slo); err != nil {
				return usageError(err)
			}
			return findMax(cmd.Context(), config, slo, f.asJSON)
		}
		judged := cmd.Flags().Changed("slo")
		if judged {
			if err := config.CheckSLO(slo); err != nil {
				return usageError(err)
			}
		}
		if terminal := isTerminal(os.Stderr); terminal || !f.asJSON {
			config.Progress = liveLine(terminal)
		}
		m, err := f.measure(func() (*record.Measurement, error) { return loadgen.Run(cmd.Context(), config) }, config)
		if err != nil {
			return err
		}
		err = cmp.Or(present(os.Stdout, f.asJSON, m, summarize), shortfall(statusOf(m.Outcome), report.LoadShortfall(m)))
		if err == nil && judged {
			err = missed(slo, m)
		}
		return err
	}
	return cmd
}

// config reads flags and knobs; its error is the user's.
func (f *loadFlags) config(v *knob.Values) (loadgen.Config, error) {
	if f.target == "" {
		return loadgen.Config{}, errors.New("load needs --target ADDRESS")
	}
	if err := checkAddress("--target", f.target); err != nil {
		return loadgen.Config{}, err
	}
	servers, err := f.servers()
	if err != nil {
		return loadgen.Config{}, err
	}
	if f.findMax && f.writeTrace != "" {
		return loadgen.Config{}, errors.New("--write-trace records one run; --find-max makes many")
	}
	if f.findMax && f.out != "" {
		return loadgen.Config{}, errors.New("--out stores one run; --find-max makes many")
	}
	if err := refuseOldRun(f.out); err != nil {
		return loadgen.Config{}, err
	}
	config, err := loadgen.ConfigFrom(v)
	config.Target, config.Servers, config.TraceTo = f.target, servers, f.writeTrace
	if own, cpusErr := osthread.ProcessCPUs(); err == nil && cpusErr == nil {
		if i := slices.IndexFunc(config.CPUs, func(cpu int) bool { return !slices.Contains(own, cpu) }); i >= 0 {
			err = fmt.Errorf("knob load-cpus: this process may not run on CPU %d; it may on %d", config.CPUs[i], own)
		}
	}
	return config, err
}

// servers are those whose admin ports were given; an address alone is the target's.
func (f *loadFlags) servers() (servers []loadgen.Server, err error) {
	for _, text := range f.admins {
		name, address, named := strings.Cut(text, "=")
		if !named {
			name, address = record.Broker, text
		}
		if address == "" {
			continue
		}
		if err := checkAddress("--admin", address); err != nil {
			return nil, err
		}
		servers = append(servers, loadgen.Server{Name: name, Admin: address})
	}
	if err := loadgen.CheckServers(servers); err != nil {
		return nil, fmt.Errorf("--admin: %w", err)
	}
	return servers, nil
}

// missed is the exit status of a run that does not hold an SLO.
func missed(slo judge.SLO, m *record.Measurement) error {
	held, found := slo.Of(m)
	if held {
		return nil
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		all = append(all, name+" "+results.FormatDuration(found[name]))
	}
	why := strings.Join(all, ", ")
	if m.Outcome != record.Valid {
		why += fmt.Sprintf(", and the load was %s", m.Outcome)
	}
	if m.Errors > 0 {
		why += ", with " + results.Plural(int(m.Errors), "error response")
	}
	return &exitError{exitFailed, fmt.Errorf("%s was not held: %s", slo, why)}
}

func statusOf(outcome record.Outcome) int {
	switch {
	case outcome == record.Valid || outcome == record.Saturated:
		return exitOK
	case outcome.Limited():
		return exitLimited
	}
	return exitFailed
}

// summarize prints the measurement for a person.
func summarize(p *printer, m *record.Measurement) {
	done := "acknowledged"
	if m.Knobs["acks"] == "0" {
		done = "sent"
	}
	p.line("outcome %s; %.1f requests/s, %.1f MB/s %s, %.1f MB/s fetched (%.1f tail, %.1f lagging), %d error responses",
		m.Outcome, m.RequestsPerSec, m.AckedMBps, done, m.FetchedMBps, m.TailMBps, m.LaggingMBps, m.Errors)
	p.line("%-22s %-12s %10s %12s %12s %12s %12s", "time", "API", "count", "p50", "p99", "p999", "max")
	for _, k := range m.Histograms.Keys() {
		h := m.Histograms[k]
		p.line("%-22s %-12s %10d %12s %12s %12s %12s", strings.TrimSuffix(k.String(), "/"+k.API), k.API, h.Count(),
			quantile(h, 0.5), quantile(h, 0.99), quantile(h, 0.999), results.FormatDuration(float64(h.MaxNs())))
	}
	printJoin(p, m)
	if m.Broker().StageSource == record.StagesNone {
		p.line("not known, and not judged by: stages, and what other processes take of the CPUs; only a c10klab server's admin port (--admin) tells them")
	}
	for _, c := range m.Checks {
		if !c.OK {
			p.line("check %s: %.4g %s, limit %.4g: %s", c.Name, c.Value, c.Unit, c.Limit, c.Else)
		}
	}
	for _, problem := range m.Problems {
		p.line("problem: %s", problem)
	}
}

func quantile(h *hdr.Histogram, q float64) string {
	ns, supported := h.Quantile(q)
	if !supported {
		return "n/a"
	}
	return results.FormatDuration(float64(ns))
}

// printJoin prints where the joined requests' time went, term by term, and where the
// model makes requests wait unseen.
func printJoin(p *printer, m *record.Measurement) {
	j := m.Join
	if j == nil || j.Joined == 0 {
		return
	}
	p.line("\n%d requests as both sides saw them, joined by correlation id (of %d sampled here, %d there; %d lost); clocks agree to %s",
		j.Joined, j.Client, j.Server, j.Lost, results.FormatDuration(float64(j.ClockErrorNs)))
	p.line("%-22s %12s %7s %12s %12s %12s", "term", "mean", "share", "p50", "p99", "max")
	for _, t := range j.Terms {
		p.term(t, j.MeanResponseNs)
		if i := slices.IndexFunc(j.Beside, isConnectionWait); i >= 0 && t.Name == measure.RequestWire.Name {
			part := j.Beside[i]
			part.Name = "  of it " + part.Name
			p.term(part, j.MeanResponseNs)
		}
	}
	p.line("%-22s %12s %6.1f%%", "= response time", results.FormatDuration(j.MeanResponseNs), 100.0)
	p.line("no terms, but beside them or after the answer:")
	for _, t := range j.Beside {
		if !isConnectionWait(t) {
			p.term(t, j.MeanResponseNs)
		}
	}
	if j.TermsOverResponse > 0 {
		p.line("over all requests, the mean terms add up to %.3f of the mean response time", j.TermsOverResponse)
	}
	switch {
	case !j.ServerKernelStamps:
		p.line("the server's kernel stamps are off (serve --kernel-stamps on): SocketQueue is within RequestWire")
	case !j.OneSegment:
		p.line("requests or answers of several segments, or several in flight: SocketQueue is a lower bound")
	}
	if m.Broker().After == nil || m.Broker().After.Hides == "" {
		return
	}
	p.line("model %s hides %s", m.Broker().After.Knobs["model"], m.Broker().After.Hides)
	for _, r := range j.RunQueue {
		p.line("  %d threads %s waited for a CPU for %s a request, mean since the start", r.Threads, r.Group, results.FormatDuration(r.MeanNs))
	}
}

// isConnectionWait reports whether a stretch is the part of RequestWire in which the connection had
// others under way.
func isConnectionWait(t record.JoinTerm) bool { return t.Name == measure.ConnectionWait.Name }

// term prints one stretch of the requests' time and its share of the whole.
func (p *printer) term(t record.JoinTerm, wholeNs float64) {
	quantile := func(ns *int64) string {
		if ns == nil {
			return "n/a"
		}
		return results.FormatDuration(float64(*ns))
	}
	p.line("%-22s %12s %6.1f%% %12s %12s %12s", t.Name, results.FormatDuration(t.MeanNs), 100*t.MeanNs/wholeNs,
		quantile(t.P50Ns), quantile(t.P99Ns), results.FormatDuration(float64(t.MaxNs)))
}
