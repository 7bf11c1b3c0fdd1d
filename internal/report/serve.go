package report

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"c10klab/results"
)

// Handler serves the page of runs that may still grow: "/" is the page, made anew
// when a run has changed, and "/version" a text that changes with the runs.
func Handler(dirs []string) http.Handler {
	p := &livePage{dirs: dirs}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.servePage)
	mux.HandleFunc("GET /version", p.serveVersion)
	return mux
}

// livePage keeps the last rendered page. Any goroutine may use it.
type livePage struct {
	dirs []string

	mu      sync.Mutex
	version string
	content []byte
}

func (p *livePage) servePage(w http.ResponseWriter, _ *http.Request) {
	content, err := p.render()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(content) // the reader went away
}

func (p *livePage) serveVersion(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, version(p.dirs))
}

// render makes the page if a run has changed since it was last made.
func (p *livePage) render() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := version(p.dirs)
	if now == p.version && p.content != nil {
		return p.content, nil
	}
	content, err := HTML(p.dirs, true)
	if err != nil {
		return nil, err
	}
	p.version, p.content = now, content
	return content, nil
}

// version tells states of the runs apart: how many trials each holds, and when the
// last was added. A directory that cannot be read is part of the text, too.
func version(dirs []string) string {
	text := ""
	for _, dir := range dirs {
		trials := results.TrialsDir(dir)
		files, _ := filepath.Glob(filepath.Join(trials, "*.json"))
		info, err := os.Stat(trials)
		if err != nil {
			text += err.Error() + "\n"
			continue
		}
		text += fmt.Sprintf("%d %d\n", len(files), info.ModTime().UnixNano())
	}
	return text
}
