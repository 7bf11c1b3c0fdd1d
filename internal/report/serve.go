package report

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"c10klab/results"
)

// Handler serves the page of runs that may still grow: "/" is the page, made anew
// when a run has changed, and "/version" a text that changes with the runs.
func Handler(dirs []string) http.Handler {
	var mu sync.Mutex
	var made string // the version of content, which was rendered last
	var content []byte
	render := func() ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if now := version(dirs); now != made || content == nil {
			fresh, err := HTML(dirs, true)
			if err != nil {
				return nil, err
			}
			made, content = now, fresh
		}
		return content, nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		page, err := render()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(page) // the reader went away
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, version(dirs))
	})
	return mux
}

// version tells states of the runs apart: how many trials each holds, and when the
// last was added. A directory that cannot be read is part of the text, too.
func version(dirs []string) string {
	text := ""
	for _, dir := range dirs {
		trials := results.TrialsDir(dir)
		files, _ := results.FilesIn(trials, "*.json")
		info, err := os.Stat(trials)
		if err != nil {
			text += err.Error() + "\n"
			continue
		}
		text += fmt.Sprintf("%d %d\n", len(files), info.ModTime().UnixNano())
	}
	return text
}
