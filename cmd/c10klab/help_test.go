package main

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"c10klab/internal/child"
)

// everyCommand visits the command and all beneath it that are ours: cobra makes help
// and completion itself.
func everyCommand(c *cobra.Command, visit func(*cobra.Command)) {
	if c.Name() == "help" || c.Name() == "completion" || c.Hidden {
		return
	}
	visit(c)
	for _, sub := range c.Commands() {
		everyCommand(sub, visit)
	}
}

func TestEveryCommandExplainsItselfWithExamplesThatParse(t *testing.T) {
	everyCommand(newRoot(), func(c *cobra.Command) {
		path := c.CommandPath()
		if len(c.Long) <= len(c.Short) {
			t.Errorf("%s has no long help", path)
		}
		examples := 0
		for line := range strings.Lines(c.Example) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "c10klab ") {
				continue
			}
			examples++
			if found := parseCommand(t, line); c.HasParent() && found != nil && !strings.HasPrefix(found.CommandPath(), path) {
				t.Errorf("%s: the example %q is one of %s", path, line, found.CommandPath())
			}
		}
		if examples == 0 {
			t.Errorf("%s has no example", path)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no meaning", path, f.Name)
			}
		})
	})
}

func TestVersionNamesProgramAndGo(t *testing.T) {
	stdout, stderr, exit := child.Run(t, "--version")
	if exit != exitOK || stderr != "" || !strings.HasPrefix(stdout, "c10klab ") || !strings.Contains(stdout, runtime.Version()) || strings.Count(stdout, "\n") != 1 {
		t.Errorf("--version ended with %d: %q %s", exit, stdout, stderr)
	}
}

// parseCommand reads a command line as the program would without carrying it out,
// and returns its command; knobs get their values checked.
func parseCommand(t *testing.T, line string) *cobra.Command {
	t.Helper()
	words := shellWords(line)
	c, rest, err := newRoot().Find(words[1:])
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil {
		err = c.ValidateArgs(c.Flags().Args())
	}
	if err != nil {
		t.Errorf("%q: %v", line, err)
		return nil
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		k, err := allKnobs.Lookup(f.Name)
		if err != nil || f.Value.Type() != "string" {
			return // no knob
		}
		if err := k.Check(f.Value.String()); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	})
	return c
}

// shellWords splits at blanks outside of single quotes.
func shellWords(line string) []string {
	var words []string
	for _, word := range regexp.MustCompile(`(?:[^\s']|'[^']*')+`).FindAllString(line, -1) {
		words = append(words, strings.ReplaceAll(word, "'", ""))
	}
	return words
}

// Commands in EXPERIMENTS.md and the experiments' pages plan what they say they ran.
func TestCommandsOfTheExperimentsDocumentRunDry(t *testing.T) {
	t.Parallel() // it measures nothing
	pages, err := filepath.Glob("../../results/reference/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands [][]string
	for _, page := range append(pages, "../../EXPERIMENTS.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		commands = append(commands, regexp.MustCompile("`(?:go run ./cmd/)?(c10klab [^`]+)`").FindAllStringSubmatch(string(text), -1)...)
	}
	if len(commands) == 0 {
		t.Fatal("the documents have no command")
	}
	var seen []string
	for _, match := range commands {
		words := shellWords(match[1])
		if slices.Contains(seen, match[1]) {
			continue
		}
		seen = append(seen, match[1])
		if c := parseCommand(t, match[1]); c == nil || c.Name() != "run" {
			continue
		}
		stdout, stderr, exit := child.Run(t, append(words[1:], "--dry-run")...)
		if exit != exitOK || !strings.Contains(stdout, "trials, about") {
			t.Errorf("%q dry: exit %d, stdout %q, stderr %q", match[1], exit, stdout, stderr)
		}
	}
}

func TestCommandsOfTheDocumentsParse(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	parsed := 0
	columns := regexp.MustCompile(`\s{2,}`)
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			for _, part := range columns.Split(strings.TrimSpace(line), -1) {
				command, found := strings.CutPrefix(part, "go run ./cmd/")
				if !found && !strings.HasPrefix(part, "c10klab ") {
					continue
				}
				command, _, _ = strings.Cut(command, " | ")                                   // alternatives of a command
				command = regexp.MustCompile(`(\w+)(\|\w+)+`).ReplaceAllString(command, "$1") // … of an argument
				if words := strings.Fields(command); len(words) < 2 || isProse(words[1]) {
					continue
				}
				parsed++
				parseCommand(t, command)
			}
		}
	}
	if parsed < 10 {
		t.Errorf("only %d commands found", parsed)
	}
}

// What the README shows of a stored run is what is printed of it.
func TestTheReadmeShowsWhatIsPrinted(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(text), "(`go run ./cmd/c10klab show results/reference/cold-reads`):\n\n```\n")
	shown, _, _ = strings.Cut(shown, "```")
	printed, _, exit := child.Run(t, "show", absolute(t, "../../results/reference/cold-reads"))
	for line := range strings.Lines(shown) {
		if !strings.Contains(printed, line) {
			t.Errorf("show, which ended with %d, does not print %q", exit, line)
		}
	}
	if strings.Count(shown, "\n") < 5 {
		t.Errorf("the README shows %q", shown)
	}
}

// isProse: a sentence that begins with the program's name goes on with no command.
func isProse(word string) bool {
	return slices.Contains([]string{"measures", "runs", "is"}, word)
}

func TestNamesAreCompletedAndSuggested(t *testing.T) {
	for typed, offered := range map[string]string{
		"run N1":                 "N15",
		"run --set mod":          "model=",
		"run --set model=re":     "model=reactor-pool",
		"run --only consumers=":  "consumers=lagging",
		"serve --send in":        "inline",
		"disk up --disk-model h": "hdd",
	} {
		stdout, _, exit := child.Run(t, append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Fields(typed)...)...)
		if exit != exitOK || !slices.Contains(strings.Fields(stdout), offered) {
			t.Errorf("after %q the shell is offered %q, want %s among it", typed, stdout, offered)
		}
	}
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/write-100mbs", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/write-100mbs/run.json", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"plot", "report"} {
		wantRefused(t, exitFailed, []string{"did you mean write-100mbs?"}, command, dir+"/write-100mb")
		wantRefused(t, exitFailed, []string{"c10klab run --out"}, command, t.TempDir())
	}
	wantRefused(t, exitUsage, []string{"run directories", "c10klab run"}, "report")
}
