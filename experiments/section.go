package experiments

import (
	"bytes"
	"fmt"
	"strings"

	"c10klab/results"
)

// section is the generated part of an experiment: question, predictions with
// what became of them, figure, tables, and how and where it was measured.
func (e evidence) section() (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "**Question.** %s\n\n", e.spec.Question)
	if e.spec.Method != "" {
		fmt.Fprintf(&b, "**Method.** %s\n\n", strings.TrimSpace(e.spec.Method))
	}
	e.writeFindings(&b)
	if figure := e.figure(); figure != none {
		fmt.Fprintf(&b, "!%s\n\n", figure)
	}
	if err := results.MarkdownTable(&b, e.cells); err != nil {
		return "", err
	}
	e.writeSetup(&b)
	return b.String(), nil
}

func (e evidence) writeFindings(b *bytes.Buffer) {
	for _, f := range e.findings {
		fmt.Fprintf(b, "**Prediction (%s).** %s: **%s**\n\n", f.Prediction.Claim, f.Prediction, f.Verdict())
		b.WriteString("| cells | median [interval] | blocks | verdict |\n| --- | ---: | ---: | --- |\n")
		for _, c := range f.Comparisons {
			verdict := string(c.Verdict)
			if c.Reason != "" {
				verdict += " (" + c.Reason + ")"
			}
			fmt.Fprintf(b, "| %s | %s | %d | %s |\n", c.Cells, f.format(c.Estimate), c.Estimate.N, verdict)
		}
		b.WriteString("\nThe interval is that of the median over blocks by order statistics, with at least 95 % coverage" + coverage(f) + ".\n\n")
	}
}

// format prints a metric's own values with their unit, and ratios plainly.
func (f Finding) format(e results.Estimate) string {
	if !f.Prediction.Each || e.N == 0 {
		return e.String()
	}
	metric := f.Prediction.Metric
	if !e.Bounded() {
		return metric.Format(e.Median)
	}
	return fmt.Sprintf("%s [%s, %s]", metric.Format(e.Median), metric.Format(e.Lo), metric.Format(e.Hi))
}

func coverage(f Finding) string {
	if len(f.Comparisons) == 0 || !f.Comparisons[0].Estimate.Bounded() {
		return ""
	}
	e := f.Comparisons[0].Estimate
	return fmt.Sprintf(" (%d blocks: %.1f %%)", e.N, 100*e.Coverage)
}

func (e evidence) writeSetup(b *bytes.Buffer) {
	info, host := e.run.Info, e.run.Info.Host
	tree := "clean"
	if !info.Source.Clean {
		tree = "with uncommitted changes or unknown"
	}
	virtual := ""
	if host.Virtualised {
		virtual = ", virtualised"
	}
	const gib = 1 << 30
	fmt.Fprintf(b, "\n**Measured** %s by `%s`, seed %d, revision `%s` (tree %s).\n\n",
		info.Started.UTC().Format("2006-01-02 15:04 MST"), strings.Join(info.CommandLine, " "), info.Seed, info.Source.Revision, tree)
	fmt.Fprintf(b, "**Machine.** %d × %s (%s%s), %.0f GiB, Linux %s, data on %s, TCP %s; load average before: %s.\n\n",
		host.Cores, host.CPUModel, host.Architecture, virtual, float64(host.MemoryBytes)/gib, host.Kernel,
		host.DataFileSystem, host.CongestionControl, host.LoadBefore)
	fmt.Fprintf(b, "**Record.** [%s](%s)\n", e.dir, e.dir)
}
