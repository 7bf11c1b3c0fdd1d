package recipes

import (
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fault is a check that is missing, or wrong, in what a fuzz target reads: none of the target's
// seeds shows it, and a fuzzer that reaches the check does.
type fault struct {
	dir, target string // the package's directory, and its fuzz target
	file        string
	was, is     string
}

var faults = []fault{
	{"experiments", "FuzzParse", "experiments/parse.go", "case threshold == nil:", "case false:"},
	{"internal/admin", "FuzzSampleRule", "internal/admin/sampling.go", "in.Token(); !errors.Is(err, io.EOF) {", "in.Token(); err == nil {"},
	{"internal/batch", "FuzzBatches", "internal/batch/header.go", "if len(b) < h.SizeBytes() {\n\t\t\tbreak", "if len(b)+1 < h.SizeBytes() {\n\t\t\tbreak"},
	{"internal/batch", "FuzzDecompress", "internal/batch/decompress.go", "if size > int64(len(body)) {", "if size > int64(len(body))+4 {"},
	{"internal/batch", "FuzzSkim", "internal/batch/skim.go", " || keyBytes < -1 {", " {"},
	{"internal/broker", "FuzzFrame", "storage/store.go", "found && partition >= 0 && int", "found && int"},
	{"internal/commitlog", "FuzzCommitFile", "internal/commitlog/scan.go", "> leftBytes {", "> leftBytes+1 {"},
	{"internal/commitlog", "FuzzFrameHead", "internal/commitlog/frame.go", "if len(b) < end {", "if len(b) < end-8 {"},
	{"internal/commitlog", "FuzzQueue", "internal/commitlog/queue.go", " || at != v.sizeBytes || ", " || "},
	{"internal/hdr", "FuzzDecode", "internal/hdr/decode.go", "if len(raw) < 8 || ", "if "},
	{"internal/hdr", "FuzzReadLog", "internal/hdr/readlog.go", "len(fields) < 5", "len(fields) < 4"},
	{"internal/kafka", "FuzzRequestFrame", "internal/kafka/header.go", "int(key) < len(knownVersions) && ", ""},
	{"loadgen", "FuzzFetchResponse", "loadgen/fetch.go", "if h.LastOffset() < c.partition.FetchOffset {", "if h.LastOffset() == c.partition.FetchOffset-1 {"},
	{"loadgen", "FuzzProduceResponse", "loadgen/produce.go", "topics != 1 || ", "topics < 1 || "},
	{"loadgen/plan", "FuzzTrace", "loadgen/plan/trace.go", "if offsetNs < t.lengthNs {", "if offsetNs < t.lengthNs-int64(time.Second) {"},
	{"models", "FuzzInput", "models/frames.go", "length > c.env.config.MaxFrameBytes {", "length > c.env.config.MaxFrameBytes+1<<20 {"},
	{"results", "FuzzPackedTrial", "internal/record/trial.go", " || t.Block < 1 || ", " || "},
	{"results", "FuzzRunFile", "results/run.go", `return nil, fmt.Errorf("open %s: schema %d: %w"`, `return r, fmt.Errorf("open %s: schema %d: %w"`},
	{"storage", "FuzzCheckpoint", "storage/checkpoint.go", "fmt.Appendln(b, line)", "fmt.Appendln(b, strings.TrimSpace(line))"},
	{"storage", "FuzzIndexFile", "storage/index.go", " || value <= lastValue || ", " || "},
	{"storage", "FuzzOffsetCheckpoint", "storage/epochs.go", " || e[i].epoch < 0", ""},
	{"storage", "FuzzSnapshot", "storage/snapshot.go", "count*snapshotEntryBytes != int64(len(entries))", "count*snapshotEntryBytes > int64(len(entries))"},
	{"storage", "FuzzTail", "storage/recover.go", "return batch.Check(r.batch)", "return batch.ReadHeader(r.batch)"},
	{"storage", "FuzzTimeIndexFile", "storage/index.go", "lastKey, lastValue = key, value", "lastKey = key"},
	{"storage", "FuzzTopicFiles", "storage/delete.go", "deletion{id, topic})", "deletion{id, strings.Fields(topic)[0]})"},
}

// texts are the file of a copy of the module as it is, and with the fault in it.
func (f fault) texts(t *testing.T, dir string) (sound, faulty []byte) {
	t.Helper()
	sound, err := os.ReadFile(filepath.Join(dir, f.file))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(sound, []byte(f.was)); n != 1 {
		t.Errorf("%s has %q %d times", f.file, f.was, n)
	}
	return sound, bytes.Replace(sound, []byte(f.was), []byte(f.is), 1)
}

func (f fault) write(t *testing.T, dir string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, f.file), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// fuzz runs a target for a time, or its seeds alone, and returns what it says.
func (f fault) fuzz(dir, forTime string) (said string, err error) {
	args := []string{"test", "./" + f.dir, "-run", "^" + f.target + "$", "-count=1"}
	if forTime != "" {
		args = append(args, "-fuzz", "^"+f.target+"$", "-fuzztime", forTime, "-fuzzminimizetime", "1s", "-timeout", "0")
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PWD="+dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

func TestEachFuzzTargetHasAFaultThatItMustFind(t *testing.T) {
	var targets, planned []string
	for _, f := range faults {
		f.texts(t, root)
		planned = append(planned, f.dir+" "+f.target)
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range fuzzTarget.FindAllStringSubmatch(string(text), -1) {
			dir, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			targets = append(targets, dir+" "+m[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(targets)
	if !slices.Equal(targets, planned) {
		t.Errorf("fuzz targets %q, faults for %q", targets, planned)
	}
}

// With C10KLAB_LONG each target runs for ten minutes, or C10KLAB_FUZZTIME, over the code as it
// is, which must be sound, and as long at most over the code with the fault, which it must find
// where its seeds do not.
func TestFuzzersFindPlantedFaults(t *testing.T) {
	if os.Getenv("C10KLAB_LONG") == "" {
		t.Skip("takes hours; C10KLAB_LONG=1 asks for it")
	}
	forTime := cmp.Or(os.Getenv("C10KLAB_FUZZTIME"), "10m")
	dir := copyModule(t)
	for _, f := range faults {
		t.Run(f.dir+"/"+f.target, func(t *testing.T) {
			if said, err := f.fuzz(dir, forTime); err != nil {
				t.Fatalf("without a fault: %v\n%s", err, said)
			}
			sound, faulty := f.texts(t, dir)
			f.write(t, dir, faulty)
			defer f.write(t, dir, sound)
			if said, err := f.fuzz(dir, ""); err != nil {
				t.Fatalf("the seeds find the fault: %v\n%s", err, said)
			}
			said, err := f.fuzz(dir, forTime)
			if err == nil || !strings.Contains(said, "Failing input written to") {
				t.Fatalf("the fault is not found within %s: %v\n%s", forTime, err, said)
			}
			t.Log(strings.TrimSpace(said[strings.Index(said, "--- FAIL"):]))
			if err := os.RemoveAll(filepath.Join(dir, f.dir, "testdata", "fuzz", f.target)); err != nil { // the input it wrote
				t.Error(err)
			}
		})
	}
}
