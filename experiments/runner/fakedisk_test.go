package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"c10klab/experiments"
	"c10klab/internal/record"
)

// fakeAdmin answers as a server's admin port does; in mode "warm" eviction fails to
// make the backlog cold.
func fakeAdmin(mode string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /evict", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /residency", func(w http.ResponseWriter, r *http.Request) {
		pages := record.Residency{Topic: r.URL.Query().Get("topic"), Pages: 100}
		if mode == "warm" {
			pages.CachedPages = 50
		}
		json.NewEncoder(w).Encode([]record.Residency{pages})
	})
	return mux
}

// fakePrepare leaves a segment and an index in each log dir.
func fakePrepare(args []string) int {
	for dir := range strings.SplitSeq(argument(args, "--data"), ",") {
		partition := filepath.Join(dir, experiments.BacklogTopic+"-0")
		if os.MkdirAll(partition, 0o755) != nil {
			return 1
		}
		for _, name := range []string{"00.log", "00.index"} {
			if os.WriteFile(filepath.Join(partition, name), []byte(name), 0o600) != nil {
				return 1
			}
		}
	}
	return 0
}

// fakeDisk mounts nothing: its directory is a directory. It writes down what its
// control socket is told, in the place for process ids.
func fakeDisk(ctx context.Context, mode string, args []string) int {
	if args[0] == "down" {
		return 0
	}
	mount, name := argument(args, "--mount"), argument(args, "--name")
	socket := filepath.Join(os.Getenv(fakePIDs), "..", name+".sock")
	listener, err := net.Listen("unix", socket)
	if err != nil || os.MkdirAll(filepath.Join(mount, "log"), 0o755) != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(_ http.ResponseWriter, r *http.Request) {
		f, err := os.OpenFile(filepath.Join(os.Getenv(fakePIDs), "..", "told"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			fmt.Fprintln(f, r.URL.RequestURI())
			f.Close()
		}
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		status := record.DiskStatus{DiskReady: record.DiskReady{Model: argument(args, "--disk-model")}}
		if mode == "late-disk" {
			status.Counts.Delayed, status.Counts.LateShare = leastDelayed, 0.5
		}
		json.NewEncoder(w).Encode(status)
	})
	go http.Serve(listener, mux)
	line, _ := json.Marshal(record.DiskReady{Name: name, Control: socket})
	fmt.Println(string(line))
	<-ctx.Done()
	return 0
}
