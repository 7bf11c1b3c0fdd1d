package report

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"c10klab/internal/need"
)

var screenshots = flag.String("screenshots", "", "keep pictures of the page in this directory, to look at them")

// findings are what the probe saw in the browser.
type findings struct {
	Errors     []string
	Resources  []string // that the page asked for
	Background string
	Ascending  []float64 // a column after one click on its head
	Descending []float64 // after two
	Matching   int       // rows that stay after filtering by the first row's first cell
	Others     int       // rows that stay though they lack it
	Tip        string    // what a mark tells
	Overflow   float64   // by how much the page is wider than the window, px
}

const browserPatience = 60 * time.Second

// browse opens a page from a file in headless Chromium, runs the probe in it, and
// returns what that saw.
func browse(t *testing.T, content []byte, flags ...string) findings {
	t.Helper()
	probe, err := os.ReadFile("testdata/probe.js")
	if err != nil {
		t.Fatal(err)
	}
	start, end := "<script>"+string(probe)+"</script>", "</body>"
	text := strings.Replace(string(content), "<style>", start+"<style>", 1)
	text = strings.Replace(text, end, "<script>probe()</script>"+end, 1)
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	dom := chromium(t, dir, append(flags, "--dump-dom", "file://"+file)...)
	const begin = `<pre id="findings">`
	_, rest, found := strings.Cut(dom, begin)
	if !found {
		t.Fatalf("the probe left nothing in the page: %.2000s", dom)
	}
	rest, _, _ = strings.Cut(rest, "</pre>")
	var f findings
	if err := json.Unmarshal([]byte(html.UnescapeString(rest)), &f); err != nil {
		t.Fatalf("%v in %q", err, rest)
	}
	return f
}

// chromium runs the browser and returns what it prints.
func chromium(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	program := need.Program(t, "chromium", "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), browserPatience)
	defer cancel()
	common := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--user-data-dir=" + filepath.Join(dir, "profile")}
	cmd := exec.CommandContext(ctx, program, append(common, flags...)...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("%s: %v", program, err)
	}
	return string(out)
}

func TestThePageWorksInABrowser(t *testing.T) {
	need.Program(t, "chromium", "chromium")
	content, err := HTML([]string{filepath.Join(reference, "cold-reads")}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, background string
		flags            []string
	}{
		{"phone", "rgb(255, 255, 255)", []string{"--window-size=390,844", "--blink-settings=preferredColorScheme=1"}},
		{"wide-dark", "rgb(21, 24, 28)", []string{"--window-size=2200,1200", "--blink-settings=preferredColorScheme=0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := browse(t, content, c.flags...)
			if len(f.Errors) > 0 || len(f.Resources) > 0 {
				t.Errorf("errors %q, requests %q", f.Errors, f.Resources)
			}
			if f.Background != c.background {
				t.Errorf("background %s, want %s", f.Background, c.background)
			}
			if len(f.Ascending) < 2 || !monotone(f.Ascending, 1) || !monotone(f.Descending, -1) {
				t.Errorf("sorted columns: %v and %v", f.Ascending, f.Descending)
			}
			if f.Matching == 0 || f.Others != 0 {
				t.Errorf("the filter keeps %d rows that match and %d that do not", f.Matching, f.Others)
			}
			if !strings.Contains(f.Tip, "p99") {
				t.Errorf("a mark of the first figure tells %q", f.Tip)
			}
			if f.Overflow > 0 {
				t.Errorf("the page is %g px wider than the window", f.Overflow)
			}
			if *screenshots != "" {
				screenshot(t, content, c.name, c.flags)
			}
		})
	}
}

func monotone(values []float64, sign float64) bool {
	for i := 1; i < len(values); i++ {
		if sign*(values[i]-values[i-1]) < 0 {
			return false
		}
	}
	return true
}

func screenshot(t *testing.T, content []byte, name string, flags []string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	picture := filepath.Join(*screenshots, name+".png")
	chromium(t, dir, append(flags, fmt.Sprintf("--screenshot=%s", picture), "file://"+file)...)
	if _, err := os.Stat(picture); err != nil {
		t.Error(err)
	}
}
