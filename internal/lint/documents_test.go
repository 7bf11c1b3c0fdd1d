package lint

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the module's, from here.
const root = "../.."

// documents are all Markdown files of the module, by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "runs"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil || len(texts) < 5 {
		t.Fatalf("%d documents: %v", len(texts), err)
	}
	return texts
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	goFile  = regexp.MustCompile("`((?:[a-z0-9-]+/)+[a-z0-9_-]+\\.go)`")
)

// anchors are those that GitHub gives a document's headings.
func anchors(text string) []string {
	var all []string
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(h[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

func TestLinksOfTheDocumentsLead(t *testing.T) {
	texts := documents(t)
	for path, text := range texts {
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(l[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), filepath.FromSlash(target))
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s: %v", path, l[1], err)
			} else if anchor != "" && !slices.Contains(anchors(texts[file]), anchor) {
				t.Errorf("%s links to %s, which has no such heading", path, l[1])
			}
		}
		if filepath.Base(path) == "changes.md" {
			continue // makes files
		}
		for _, f := range goFile.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(f[1]))); err != nil {
				t.Errorf("%s names %s: %v", path, f[1], err)
			}
		}
	}
}

// A newcomer reads these two first.
func TestOverviewsStayShort(t *testing.T) {
	for name, most := range map[string]int{"ARCHITECTURE.md": 15 << 10, "EXPERIMENTS.md": 40 << 10, "README.md": 10 << 10} {
		if text := documents(t)[filepath.Join(root, name)]; len(text) == 0 || len(text) > most {
			t.Errorf("%s has %d bytes, want some and at most %d", name, len(text), most)
		}
	}
}

func TestTheTableOfDependenciesIsThatOfTheModule(t *testing.T) {
	required, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	modules := func(pattern, text string) []string {
		var all []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		slices.Sort(all)
		return all
	}
	direct := modules(`(?m)^\t(\S+) v\S+$`, string(required))
	told := modules("(?m)^\\| `(\\S+)` \\|", documents(t)[filepath.Join(root, "docs", "dependencies.md")])
	if len(direct) == 0 || !slices.Equal(direct, told) {
		t.Errorf("go.mod requires %q, docs/dependencies.md tells of %q", direct, told)
	}
}
