package evidence

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

const recordSuffix = ".json"

// knownAnswer makes one generated part of that page from a record of internal/speed.
type knownAnswer struct {
	record string // without its suffix; also the part's id
	head   string // columns, separated by " | "
	texts  int    // how many columns are text, from the left; the others are numbers
	rows   func(record []byte) ([]string, error)
}

// knownAnswers lists the tables in the page's order. Ratios to another server are taken
// round by round; of rounds a table shows the median, and quartiles in brackets.
var knownAnswers = []knownAnswer{
	{"queue-against-theory", "requests | utilisation | service time, ms | mean RequestQueue, ms | theory | ratio", 0,
		each(func(q struct {
			Requests                                         int
			Utilisation, ServiceNs, QueueNs, TheoryNs, Ratio float64
		}) string {
			return fmt.Sprintf("%d | %.3f | %.2f | %.2f | %.2f | %.3f", q.Requests, q.Utilisation, ms(q.ServiceNs), ms(q.QueueNs), ms(q.TheoryNs), q.Ratio)
		})},
	{"known-answer", "load | requests | utilisation | busy a request, ms | mean, ms | theory | ratio | p99, ms | theory | ratio", 0,
		each(func(q struct {
			Load, Utilisation, BusyNs, MeanNs, TheoryMeanNs, MeanRatio, P99Ns, TheoryP99Ns, P99Ratio float64
			Requests                                                                                 int
		}) string {
			return fmt.Sprintf("%g | %d | %.3f | %.3f | %.3f | %.3f | %.3f | %.2f | %.2f | %.3f", q.Load, q.Requests, q.Utilisation, ms(q.BusyNs),
				ms(q.MeanNs), ms(q.TheoryMeanNs), q.MeanRatio, ms(q.P99Ns), ms(q.TheoryP99Ns), q.P99Ratio)
		})},
	{"franz-go-agreement", "planted | sends | generator's p50, µs | franz-go's wire, µs | ratio | franz-go's call, µs | ratio", 1,
		each(func(f struct {
			Plant                                                 string
			FranzCount                                            int
			GeneratorNs, FranzWireNs, ToWire, FranzCallNs, ToCall float64
		}) string {
			return fmt.Sprintf("%s | %d | %.0f | %.0f | %.2f | %.0f | %.2f", cmp.Or(f.Plant, none), f.FranzCount, f.GeneratorNs/1e3, f.FranzWireNs/1e3,
				f.ToWire, f.FranzCallNs/1e3, f.ToCall)
		})},
	{"hold-100mbs", "model | outcome | held | server cores | allocations a request | bytes a request | Lateness p99.9 of its limit, ms", 2,
		each(func(h struct {
			Model, Outcome                                          string
			RateHeld, ServerCores, ObjectsPerAnswer, BytesPerAnswer float64
			Measurement                                             struct{ Checks []record.Check }
		}) string {
			late := slices.IndexFunc(h.Measurement.Checks, func(c record.Check) bool { return strings.HasPrefix(c.Name, measure.Lateness.Name) })
			lateness := none
			if late >= 0 {
				lateness = fmt.Sprintf("%.2f of %.2f", h.Measurement.Checks[late].Value, h.Measurement.Checks[late].Limit)
			}
			return fmt.Sprintf("%s | %s | %.3f | %.3f | %.2f | %.0f | %s", h.Model, h.Outcome, h.RateHeld, h.ServerCores, h.ObjectsPerAnswer, h.BytesPerAnswer, lateness)
		})},
	{"echo", "server | answers/s | to the C loop | to package net", 1, contest("%.0f k", 1e3, "%.3f", "C epoll loop", "bare package net")},
	{"append", "batch bytes | records | knobs | records/s | MB/s | speed of bare writes | of memcpy", 0,
		each(func(c struct {
			appendCell
			CopyNs []float64
		}) string {
			const digits = "%.2f"
			seconds := median(c.StoreNs) / 1e9
			records := float64(c.RoundBytes / c.BatchBytes * c.Records)
			return fmt.Sprintf("%d | %d | %s | %.2f M | %.0f | %s | %.3f", c.BatchBytes, c.Records, knobs(c.Knobs), records/seconds/1e6,
				float64(c.RoundBytes)/seconds/1e6, quartiles(digits, over(c.WriteNs, c.StoreNs)), median(over(c.CopyNs, c.StoreNs)))
		})},
	{"million-records", "records/s | server cores | records/s and core", 0,
		each(func(m struct{ RecordsPerSecond, ServerCores, RecordsPerCoreSecond float64 }) string {
			return fmt.Sprintf("%.2f M | %.2f | %.2f M", m.RecordsPerSecond/1e6, m.ServerCores, m.RecordsPerCoreSecond/1e6)
		})},
	{"lookup", "log GiB | index interval | index bytes per GiB | by offset, ns | by time | search: heap | mapped | pread", 0,
		each(func(c struct {
			lookupCell
			TimeNs, HeapNs, MappedNs, ReadNs []float64
		}) string {
			return fmt.Sprintf("%d | %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f", c.LogBytes>>30, c.IntervalBytes, c.indexBytesPerGiB()[0],
				median(c.OffsetNs), median(c.TimeNs), median(c.HeapNs), median(c.MappedNs), median(c.ReadNs))
		})},
	{"planted-stages", "stage with the delay | models | least share in the stage itself | most in any other term", 1, plantedRows},
	{"ten-thousand-connects", "model | backlog | connect ms: p50 / p99 / max | first answer ms: p50 / p99 / max | slower than 1 s | SYNs dropped", 1,
		each(func(c struct {
			Model               string
			Backlog             int
			ConnectNs, AnswerNs [3]float64
			Slow, ListenDrops   int
		}) string {
			three := func(ns [3]float64) string { return fmt.Sprintf("%.2f / %.2f / %.0f", ms(ns[0]), ms(ns[1]), ms(ns[2])) }
			return fmt.Sprintf("%s | %d | %s | %s | %d | %d", c.Model, c.Backlog, three(c.ConnectNs), three(c.AnswerNs), c.Slow, c.ListenDrops)
		})},
	{"instrumentation", "load | instrumentation | CPU ns a request | ratio to off", 2, instrumentationRows},
	{"stages-on-large-frames", "rounds | CPU µs without stages | µs more with them", 0,
		each(func(f struct{ Off, Stages []float64 }) string {
			more := make([]float64, len(f.Off))
			for i := range more {
				more[i] = (f.Stages[i] - f.Off[i]) / 1e3
			}
			return fmt.Sprintf("%d | %.1f | %s", len(f.Off), median(f.Off)/1e3, quartiles("%.2f", more))
		})},
	{"against-revision", "load, model | CPU µs an answer | other revision | other ÷ this | pairs | switches | other | calls | other | allocations | other", 1, revisionRows},
	{"thread-per-connection", "server | answers/s | p99.9 ms | throughput to C | p99.9 to C", 1, threadRows},
	{"wires-against-idle-echo", "model | terms | RequestWire | ResponseWire | RequestNetwork | ResponseNetwork", 1,
		each(func(w struct {
			Model             string
			TermsOverResponse []float64
			Ratios            map[string][]float64
		}) string {
			row := fmt.Sprintf("%s | %.3f", w.Model, median(w.TermsOverResponse))
			for _, term := range []*measure.Span{measure.RequestWire, measure.ResponseWire, measure.RequestNetwork, measure.ResponseNetwork} {
				row += " | " + quartiles("%.2f", w.Ratios[term.Name])
			}
			return row
		})},
	{"generator-closed-loop", "client | in flight | requests/s | a core", 1, closedLoopRows},
	{"generator-open-loop", "Poisson, requests/s | answered/s | a core | cores | Lateness p99.9 µs | outcome", 0,
		each(func(g struct {
			PerSecond, Answered, Cores, LatenessP999Us float64
			Outcome                                    string
		}) string {
			return fmt.Sprintf("%.0f k | %.1f k | %.0f k | %.2f | %.0f | %s", g.PerSecond/1e3, g.Answered/1e3, g.Answered/g.Cores/1e3, g.Cores, g.LatenessP999Us, g.Outcome)
		})},
	{"generator-payload", "batches | MB/s", 1, each(func(mbPerSecond map[string]float64) string {
		var rows []string
		for _, size := range slices.Sorted(maps.Keys(mbPerSecond)) {
			rows = append(rows, fmt.Sprintf("%s | %.0f", size, mbPerSecond[size]))
		}
		return strings.Join(rows, rowBreak)
	})},
	{"pacing", "schedule | sends/s | `busy-poll` | cores | Lateness p50 µs | p99 µs | p99.9 µs | C program p99.9 µs", 1, each(pacingRow)},
	{"hot-fetch", "server | answers/s | to the C loop", 1, contest("%.0f", 1, "%.2f", "C sendfile loop")},
	{"disk-against-its-model", "disk | image | load | requests | MB/s | time ÷ the model's | late | server cores", 3,
		each(func(d struct {
			Model, Image, Load            string
			Requests                      int
			MBps, Ratio, LateShare, Cores float64
		}) string {
			return fmt.Sprintf("%s | %s | %s | %d | %.1f | %.3f | %.1f %% | %.3f", d.Model, d.Image, d.Load, d.Requests, d.MBps, d.Ratio, 100*d.LateShare, d.Cores)
		})},
	{"crash-rounds", "kills | records acknowledged | of these missing | out of order | there twice", 0,
		each(func(c map[string]int) string {
			return fmt.Sprintf("%d | %d | %d | %d | %d", c["kills"], c["acknowledged_records"], c["acknowledged_records_missing"], c["records_out_of_order"], c["duplicate_records"])
		})},
}

// rowBreak parts the rows of a record that is one object but several rows.
const rowBreak = "\n"

// each makes rows of a record that is a list of T, or one T.
func each[T any](row func(T) string) func([]byte) ([]string, error) {
	return func(text []byte) ([]string, error) {
		var all []T
		if err := json.Unmarshal(text, &all); err != nil {
			all = make([]T, 1)
			if err := json.Unmarshal(text, &all[0]); err != nil {
				return nil, err
			}
		}
		var rows []string
		for _, one := range all {
			rows = append(rows, strings.Split(row(one), rowBreak)...)
		}
		return rows, nil
	}
}

// contest ranks servers by the median of their rounds and sets each beside the bases.
func contest(format string, unit float64, ratio string, bases ...string) func([]byte) ([]string, error) {
	return func(text []byte) ([]string, error) {
		var rates map[string][]float64
		if err := json.Unmarshal(text, &rates); err != nil {
			return nil, err
		}
		var rows []string
		for _, name := range ranked(rates) {
			row := strings.TrimPrefix(name, "model ") + " | " + fmt.Sprintf(format, median(rates[name])/unit)
			for _, base := range bases {
				row += " | " + quartiles(ratio, over(rates[name], rates[base]))
			}
			rows = append(rows, row)
		}
		return rows, nil
	}
}

func ranked(rates map[string][]float64) []string {
	return slices.SortedStableFunc(slices.Values(slices.Sorted(maps.Keys(rates))), func(a, b string) int {
		return cmp.Compare(median(rates[b]), median(rates[a]))
	})
}

func instrumentationRows(text []byte) ([]string, error) {
	var loads map[string]map[string][]float64
	if err := json.Unmarshal(text, &loads); err != nil {
		return nil, err
	}
	var rows []string
	for _, load := range slices.Sorted(maps.Keys(loads)) {
		for _, name := range slices.Sorted(maps.Keys(loads[load])) {
			ns := loads[load][name]
			rows = append(rows, fmt.Sprintf("%s | %s | %.0f | %s", load, name, median(ns), quartiles("%.3f", over(ns, loads[load]["off"]))))
		}
	}
	return rows, nil
}

// revisionRows show the interval of the median, by which revisions are compared.
func revisionRows(text []byte) ([]string, error) {
	type perAnswer struct{ CPUNs, Switches, SystemCalls, Allocations []float64 }
	var loads map[string]struct{ This, Other perAnswer }
	if err := json.Unmarshal(text, &loads); err != nil {
		return nil, err
	}
	var rows []string
	for _, name := range slices.Sorted(maps.Keys(loads)) {
		this, other := loads[name].This, loads[name].Other
		row := fmt.Sprintf("%s | %.1f | %.1f | %s | %d", name, median(this.CPUNs)/1e3, median(other.CPUNs)/1e3, results.Ratio(other.CPUNs, this.CPUNs), len(this.CPUNs))
		for _, count := range [][2][]float64{{this.Switches, other.Switches}, {this.SystemCalls, other.SystemCalls}, {this.Allocations, other.Allocations}} {
			row += fmt.Sprintf(" | %.3f | %.3f", median(count[0]), median(count[1]))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func threadRows(text []byte) ([]string, error) {
	var servers map[string]struct {
		Rates  []float64
		TailNs []float64 `json:"tail_ns"`
	}
	if err := json.Unmarshal(text, &servers); err != nil {
		return nil, err
	}
	const digits = "%.2f"
	base := servers["C threads"]
	var rows []string
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		s := servers[name]
		rows = append(rows, fmt.Sprintf("%s | %.0f k | %.0f | %s | %s", name, median(s.Rates)/1e3, ms(median(s.TailNs)),
			quartiles(digits, over(s.Rates, base.Rates)), quartiles(digits, over(s.TailNs, base.TailNs))))
	}
	return rows, nil
}

func closedLoopRows(text []byte) ([]string, error) {
	var closed struct {
		CClient []float64
		Loops   []struct {
			InFlight              string
			RequestsPerS, PerCore []float64
		}
	}
	if err := json.Unmarshal(text, &closed); err != nil {
		return nil, err
	}
	rows := []string{fmt.Sprintf("C | 1 | %.0f k | %s", median(closed.CClient)/1e3, none)}
	for _, l := range closed.Loops {
		rows = append(rows, fmt.Sprintf("c10klab load | %s | %.0f k | %.0f k", l.InFlight, median(l.RequestsPerS)/1e3, median(l.PerCore)/1e3))
	}
	return rows, nil
}

type pace struct {
	PerSecond          int
	Schedule, BusyPoll string
	Rounds             []struct{ LatenessP50Us, LatenessP99Us, LatenessP999Us, Cores, MachineP999Us float64 }
}

func pacingRow(p pace) string {
	columns := make([][]float64, 5)
	for _, r := range p.Rounds {
		for i, value := range []float64{r.Cores, r.LatenessP50Us, r.LatenessP99Us, r.LatenessP999Us, r.MachineP999Us} {
			columns[i] = append(columns[i], value)
		}
	}
	span := func(values []float64) string {
		return fmt.Sprintf("%.0f to %.0f", slices.Min(values), slices.Max(values))
	}
	return fmt.Sprintf("%s | %d | %s | %.2f | %.1f | %.0f | %s | %s", p.Schedule, p.PerSecond, p.BusyPoll, median(columns[0]), median(columns[1]),
		median(columns[2]), span(columns[3]), span(columns[4]))
}

// plantedRows sums up by stage what the record holds by stage and model.
func plantedRows(text []byte) ([]string, error) {
	var planted []struct {
		Stage      string
		Own, Other float64
	}
	if err := json.Unmarshal(text, &planted); err != nil {
		return nil, err
	}
	var stages []string
	own, other := map[string][]float64{}, map[string][]float64{}
	for _, p := range planted {
		if own[p.Stage] == nil {
			stages = append(stages, p.Stage)
		}
		own[p.Stage], other[p.Stage] = append(own[p.Stage], p.Own), append(other[p.Stage], p.Other)
	}
	var rows []string
	for _, s := range stages {
		rows = append(rows, fmt.Sprintf("%s | %d | %.3f | %.4f", s, len(own[s]), slices.Min(own[s]), slices.Max(other[s])))
	}
	return rows, nil
}

func ms(ns float64) float64 { return ns / 1e6 }

func knobs(set map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		all = append(all, name+"="+set[name])
	}
	return cmp.Or(strings.Join(all, " "), "defaults")
}

// over divides round by round, as far as both have rounds.
func over(a, b []float64) []float64 {
	ratios := make([]float64, min(len(a), len(b)))
	for i := range ratios {
		ratios[i] = a[i] / b[i]
	}
	return ratios
}

// median is that of the rounds, NaN of none.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return math.NaN()
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func quartiles(format string, values []float64) string {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return none
	}
	return fmt.Sprintf(format+" ["+format+", "+format+"]", median(sorted), sorted[n/4], sorted[3*n/4])
}

// table is the part's Markdown.
func (k knownAnswer) table(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, k.record+recordSuffix))
	if err != nil {
		return "", err
	}
	rows, err := k.rows(text)
	if err != nil {
		return "", fmt.Errorf("record %s: %w", k.record, err)
	}
	numbers := strings.Count(k.head, " | ") + 1 - k.texts
	lines := []string{k.head, strings.TrimPrefix(strings.Repeat(" | ---", k.texts)+strings.Repeat(" | ---:", numbers), " | ")}
	return "| " + strings.Join(append(lines, rows...), " |\n| ") + " |", nil
}

// knownAnswersPage has a table for each record that is stored in dir; a record that no table
// is for is an error.
func knownAnswersPage(dir string) (page, error) {
	records, err := filepath.Glob(filepath.Join(dir, "*"+recordSuffix))
	if err != nil {
		return page{}, fmt.Errorf("list records: %w", err)
	}
	var parts []part
	for _, k := range knownAnswers {
		if i := slices.Index(records, filepath.Join(dir, k.record+recordSuffix)); i >= 0 {
			records = slices.Delete(records, i, i+1)
			parts = append(parts, part{k.record, k.record, func() (string, error) { return k.table(dir) }})
		}
	}
	if len(records) > 0 {
		return page{}, fmt.Errorf("no table is made of %s", records[0])
	}
	title := "# Known answers\n"
	if len(parts) == 0 {
		title = ""
	}
	return renderPage("known answers", filepath.Join(dir, pageFile), title, parts...)
}
