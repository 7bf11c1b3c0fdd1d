package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"c10klab/internal/record"
	"c10klab/internal/sample"
)

// snapshotTimeout bounds one snapshot; a server that is stopped for a while
// still gives it.
const snapshotTimeout = 30 * time.Second

// admin asks a server's admin port for snapshots over one connection.
type admin struct {
	name   string // of the server
	addr   string // empty: there is none
	client http.Client
}

// admins are those of the servers, the broker's first even where it has none.
func admins(servers []Server) []*admin {
	broker := &admin{name: record.Broker, client: http.Client{Timeout: snapshotTimeout}}
	all := []*admin{broker}
	for _, s := range servers {
		if s.Name == record.Broker {
			broker.addr = s.Admin
		} else {
			all = append(all, &admin{name: s.Name, addr: s.Admin, client: http.Client{Timeout: snapshotTimeout}})
		}
	}
	return all
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
		return nil, fmt.Errorf("take the snapshot of server %s: %w", a.name, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the server's snapshot from %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("take the snapshot of server %s: %s answers %s", a.name, url, response.Status)
	}
	return body, nil
}

// memory returns what the server occupies, nil without an admin port.
func (a *admin) memory(ctx context.Context) (*record.Memory, error) {
	text, err := a.ask(ctx, http.MethodGet, record.MemoryPath)
	if err != nil || text == nil {
		return nil, err
	}
	m := &record.Memory{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("decode the server's memory: %w", err)
	}
	return m, nil
}

// startSampling has the server follow a rule; the status says whether it does.
func (a *admin) startSampling(ctx context.Context, rule sample.Rule) (status int, err error) {
	body, err := json.Marshal(rule)
	if err != nil {
		return 0, fmt.Errorf("encode the rule for samples: %w", err)
	}
	url := "http://" + a.addr + record.SamplePath
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("admin address %q: %w", a.addr, err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("start to sample: %w", err)
	}
	response.Body.Close()
	return response.StatusCode, nil
}

// samples returns the server's record.Samples as JSON.
func (a *admin) samples(ctx context.Context) ([]byte, error) {
	return a.ask(ctx, http.MethodGet, record.SamplePath)
}
