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

// admin asks a server's admin port, over one connection.
type admin struct {
	Server // without an address: it has none
	client *http.Client
}

// admins are those of the servers, the broker's first even where it has none.
func admins(servers []Server) []*admin {
	client := &http.Client{Timeout: snapshotTimeout}
	all := []*admin{{Server{Name: record.Broker}, client}}
	for _, s := range servers {
		if s.Name == record.Broker {
			all[0].Server = s
		} else {
			all = append(all, &admin{s, client})
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

// ask returns the JSON that the admin port answers with.
func (a *admin) ask(ctx context.Context, method, path string) ([]byte, error) {
	if a.Admin == "" {
		return nil, nil
	}
	status, answer, err := a.do(ctx, method, path, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s of server %s: http://%s answers %d", path, a.Name, a.Admin, status)
	}
	return answer, err
}

func (a *admin) do(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+a.Admin+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("admin address %q: %w", a.Admin, err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask server %s: %w", a.Name, err)
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return 0, nil, fmt.Errorf("read the answer of server %s at %s%s: %w", a.Name, a.Admin, path, err)
	}
	return response.StatusCode, answer, nil
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
	status, _, err = a.do(ctx, http.MethodPost, record.SamplePath, body)
	return status, err
}

// samples returns the server's record.Samples as JSON.
func (a *admin) samples(ctx context.Context) ([]byte, error) {
	return a.ask(ctx, http.MethodGet, record.SamplePath)
}
