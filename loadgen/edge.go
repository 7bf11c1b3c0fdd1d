package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
)

// edge is what is known at one edge of the window. The server's snapshot stays
// undecoded until the window is over.
type edge struct {
	atNs    int64
	process record.Process
	machine machineTimes
	server  []byte // JSON; nil: no admin port
	// Producers' answers right before and right after the server took its
	// snapshot, which happened in between.
	answersBefore, answersAfter int64
	// outstandingArea is the integral of the requests due and not answered.
	outstandingArea int64
}

func (l *load) takeEdge(a *admin) (edge, error) {
	e := edge{atNs: clock.Now(), process: record.ThisProcess(), answersBefore: l.answers.Load()}
	e.outstandingArea = l.outstanding.integral(e.atNs)
	var err error
	if e.machine, err = readMachineTimes(); err != nil {
		return e, err
	}
	e.server, err = a.snapshot(l.ctx)
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

// snapshot returns a record.ServerSnapshot as JSON, nil without an admin port.
func (a *admin) snapshot(ctx context.Context) ([]byte, error) {
	if a.addr == "" {
		return nil, nil
	}
	url := "http://" + a.addr + record.SnapshotPath
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
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
