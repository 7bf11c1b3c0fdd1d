package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"c10klab/internal/child"
)

// What new-spec writes can be run as it is, and its example prediction too, once it is taken in.
func TestNewSpecWritesWhatRunTakes(t *testing.T) {
	text, stderr, exit := child.Run(t, "new-spec", "my1", "--axis", "on-full=block,pause", "--set", "rate=50")
	if exit != exitOK {
		t.Fatal(stderr)
	}
	for name, content := range map[string]string{
		"as it is":          text,
		"with a prediction": text[:strings.Index(text, "# Every key")] + uncommented(text),
	} {
		file := filepath.Join(t.TempDir(), "my1.toml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		stdout, stderr, exit := child.Run(t, "run", "--file", file, "--full", "--dry-run")
		if exit != exitOK || !strings.Contains(stdout, "my1.block") || !strings.Contains(stdout, "my1.pause") {
			t.Errorf("%s: ended with %d: %s%s", name, exit, stdout, stderr)
		}
		if predicts := strings.Contains(stdout, "ResponseTime/Produce p99 of (on-full=block) ÷ (on-full=pause) >= 1.5"); predicts != (name != "as it is") {
			t.Errorf("%s: the plan predicts: %v\n%s", name, predicts, stdout)
		}
	}
	for _, key := range []string{"refuted-by", "planted", "evidence", "repeats", "exclude"} {
		if !strings.Contains(text, "# "+key+" ") {
			t.Errorf("key %s is not explained", key)
		}
	}
}

// uncommented is the example prediction without its comment signs.
func uncommented(text string) string {
	_, text, _ = strings.Cut(text, "# [[predictions]]\n")
	text, _, _ = strings.Cut(text, "\n\n")
	return "[[predictions]]\n" + strings.ReplaceAll("\n"+text, "\n# ", "\n") + "\n"
}

func TestAxisIsAnExperimentWithoutAFile(t *testing.T) {
	stdout, stderr, exit := child.Run(t, "run", "--axis", "on-full=block,pause", "--axis", "model=reactor-pool,loop-per-thread-pool", "--set", "rate=50", "--dry-run")
	if exit != exitOK || !strings.Contains(stdout, "4 cells") {
		t.Errorf("ended with %d: %s%s", exit, stdout, stderr)
	}
	for args, says := range map[string]string{
		"run N2 --axis on-full=block,pause":                  "goes with no other",
		"run --axis on-full":                                 "KNOB=LEVEL,LEVEL",
		"run --axis on-ful=block,pause":                      "did you mean on-full?",
		"run --axis on-full=block,paus":                      "did you mean pause?",
		"run --axis on-full=block,pause --set on-full=block": "on-full is an axis",
		"new-spec x": "--axis",
		"new-spec a/b --axis on-full=block,pause": "only letters",
	} {
		wantRefused(t, exitUsage, []string{says}, strings.Fields(args)...)
	}
}

func TestKeysAndClaimsThatAreNoneAreNamed(t *testing.T) {
	const own = "id = \"own\"\ntitle = \"own\"\nquestion = \"?\"\n%s\n[axes]\non-full = [\"block\", \"pause\"]\n%s"
	for says, lines := range map[string][2]string{
		"own.toml:10: unknown key \"predictions.in\"; there are claim, part, metric": {"", "[[predictions]]\nmetric = \"requests_per_s\"\neach = true\nin = \"x\""},
		"without claims an experiment decides its own predictions":                   {`claims = ["my1"]`, ""},
	} {
		file := filepath.Join(t.TempDir(), "own.toml")
		if err := os.WriteFile(file, fmt.Appendf(nil, own, lines[0], lines[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, exitUsage, []string{says}, "run", "--file", file, "--dry-run")
	}
}
