package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
)

// edge is what is known at one edge of the window. The server's answer stays
// undecoded until the window is over.
type edge struct {
	atNs    int64
	process record.Process
	threads []osthread.Entry // the generator's
	machine machineTimes
	server  []byte // JSON; nil: no admin port
	// Producers' answers right before and right after the server took its
	// snapshot, which happened in between.
	answersBefore, answersAfter int64
}

// takeEdge reads both sides, the server by mark at the beginning of the window and
// by snapshot at its end.
func (l *load) takeEdge(server func(context.Context) ([]byte, error)) (edge, error) {
	e := edge{atNs: clock.Now(), process: record.ThisProcess(), answersBefore: l.answers.Load()}
	var err error
	if e.machine, err = readMachineTimes(); err != nil {
		return e, err
	}
	if e.threads, err = l.allThreads(); err != nil {
		return e, err
	}
	e.server, err = server(l.ctx)
	e.answersAfter = l.answers.Load()
	return e, err
}

// serverSnapshot decodes the server's snapshot, nil when there is none.
func (e edge) serverSnapshot() (*record.ServerSnapshot, error) {
	if e.server == nil {
		return nil, nil
	}
	s := &record.ServerSnapshot{}
	if err := json.Unmarshal(e.server, s); err != nil {
		return nil, fmt.Errorf("decode the server's snapshot: %w", err)
	}
	return s, nil
}

// snapshotTimeout bounds one snapshot; a server that is stopped for a while
// still gives it.
const snapshotTimeout = 30 * time.Second

// admin asks a server's admin port for snapshots over one connection.
type admin struct {
	addr   string // empty: there is none
	client http.Client
}

func newAdmin(addr string) *admin {
	return &admin{addr: addr, client: http.Client{Timeout: snapshotTimeout}}
}

// mark begins a window and returns the server's counters as JSON, nil without an
// admin port.
func (a *admin) mark(ctx context.Context) ([]byte, error) {
	return a.ask(ctx, http.MethodPost, record.MarkPath)
}

// snapshot returns the server's whole state as JSON, nil without an admin port.
func (a *admin) snapshot(ctx context.Context) ([]byte, error) {
	return a.ask(ctx, http.MethodGet, record.SnapshotPath)
}

// ask returns a record.ServerSnapshot as JSON.
func (a *admin) ask(ctx context.Context, method, path string) ([]byte, error) {
	if a.addr == "" {
		return nil, nil
	}
	url := "http://" + a.addr + path
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, fmt.Errorf("admin address %q: %w", a.addr, err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("take the server's snapshot: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the server's snapshot from %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("take the server's snapshot: %s answers %s", url, response.Status)
	}
	return body, nil
}
