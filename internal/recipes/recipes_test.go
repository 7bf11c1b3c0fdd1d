// Package recipes executes the changes that docs/changes.md describes.
package recipes

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root = "../.."
	page = "docs/changes.md"
)

// limits are how many files a change of each kind may touch.
var limits = map[string]int{
	"A model": 2, "A send strategy": 2, "An experiment": 1, "A stage": 3, "A number that the server counts": 3,
	"A number that the client measures": 2, "A figure": 2, "A knob": 2, "A Kafka request": 2,
}

// recipe is one change of the page.
type recipe struct {
	title  string
	edits  []edit
	proofs []string // shell commands
}

// edit is one block of code with where it goes.
type edit struct {
	file   string
	how    string // new, behind, before or instead of
	anchor string // a line of the file
	text   string
}

var (
	heading = regexp.MustCompile(`(?m)^## (.*?): `)
	block   = regexp.MustCompile("(?ms)^(?:`([^`]+)`, (?:(new)|(behind|before|instead of) `([^\n]+)`):|(Proof):)\n\n```[a-z]+\n(.*?)^```")
)

// recipes reads the page.
func recipes(t *testing.T) (all []recipe) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	starts := heading.FindAllStringSubmatchIndex(string(text), -1)
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		section := string(text[start[0]:end])
		r := recipe{title: string(text[start[2]:start[3]])}
		for _, m := range block.FindAllStringSubmatch(section, -1) {
			if m[5] != "" {
				r.proofs = append(r.proofs, strings.Split(strings.TrimSpace(m[6]), "\n")...)
				continue
			}
			r.edits = append(r.edits, edit{m[1], m[2] + m[3], m[4], m[6]})
		}
		if blocks := strings.Count(section, "```") / 2; blocks != len(block.FindAllString(section, -1)) {
			t.Errorf("%s: not all of %d blocks say where they go", r.title, blocks)
		}
		all = append(all, r)
	}
	return all
}

// copyModule copies the module without its history and its evidence, but for one run.
func copyModule(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if name == ".git" || name == "results/runs" || filepath.Dir(name) == "results/reference" && filepath.Base(name) != storedRun {
			return fs.SkipDir
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(dir, name), 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// storedRun is the run that proofs may read, as RUN.
const storedRun = "write-100mbs"

// apply makes an edit in a copy of the module.
func (e edit) apply(dir string) error {
	path := filepath.Join(dir, e.file)
	content, err := os.ReadFile(path)
	if e.how == "new" {
		if err == nil {
			return fmt.Errorf("%s is there already", e.file)
		}
		return os.WriteFile(path, []byte(e.text), 0o644)
	}
	if err != nil {
		return err
	}
	anchor := e.anchor + "\n"
	at := strings.Index("\n"+string(content), "\n"+anchor)
	if at < 0 {
		return fmt.Errorf("%s has no line %q", e.file, e.anchor)
	}
	before, behind := string(content[:at]), string(content[at+len(anchor):])
	switch e.how {
	case "before":
		behind = anchor + behind
	case "behind":
		before += anchor
	}
	return os.WriteFile(path, []byte(before+e.text+behind), 0o644)
}

// makeChanges makes every change of the page in one copy of the module, and counts the files
// that each touches.
func makeChanges(t *testing.T, all []recipe) (dir string) {
	t.Helper()
	dir = copyModule(t)
	var kinds []string
	for _, r := range all {
		kinds = append(kinds, r.title)
		files := map[string]bool{}
		for _, e := range r.edits {
			files[e.file] = true
			if err := e.apply(dir); err != nil {
				t.Fatalf("%s: %v", r.title, err)
			}
		}
		if most, known := limits[r.title]; !known || len(files) == 0 || len(files) > most {
			t.Errorf("%s touches %d files, at most %d: %v", r.title, len(files), most, files)
		}
	}
	for kind := range limits {
		if !slices.Contains(kinds, kind) {
			t.Errorf("%s is not on the page", kind)
		}
	}
	return dir
}

func TestChangesGoWhereThePageSaysAndTouchFewFiles(t *testing.T) { makeChanges(t, recipes(t)) }

// With all changes made the copy builds and does what the page says.
func TestChangesDoWhatThePageSays(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a copy of the module")
	}
	all := recipes(t)
	dir := makeChanges(t, all)
	if out := run(t, dir, "gofmt -l cmd internal models loadgen plots storage experiments results"); strings.TrimSpace(out) != "" {
		t.Errorf("not in gofmt's form: %s", out)
	}
	run(t, dir, "go vet ./cmd/c10klab ./models ./plots ./internal/broker ./internal/stage ./internal/measure ./loadgen/judge")
	for _, r := range all {
		if len(r.proofs) == 0 {
			t.Errorf("%s has no proof", r.title)
		}
		for _, command := range r.proofs {
			run(t, dir, strings.ReplaceAll(command, "RUN", "results/reference/"+storedRun))
		}
	}
}

// run runs a shell command in a copy of the module; a test command must find a test.
func run(t *testing.T, dir, command string) string {
	t.Helper()
	cmd := exec.Command("bash", "-o", "pipefail", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PWD="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
	if strings.Contains(string(out), "no tests to run") {
		t.Errorf("%s: %s", command, out)
	}
	return string(out)
}
