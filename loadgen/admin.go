package loadgen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"c10klab/internal/record"
)

// Server is one whose stages can be asked for.
type Server struct {
	Name  string // as records and histograms tell it
	Admin string // host:port of its admin port; empty: it has none
}

// adminClient asks admin ports; a server that is stopped for a while still answers.
var adminClient = &http.Client{Timeout: 30 * time.Second}

// brokerFirst lists the servers with the broker at the head, even where it has no admin port.
func brokerFirst(servers []Server) []Server {
	all := []Server{{Name: record.Broker}}
	for _, s := range servers {
		if s.Name == record.Broker {
			all[0] = s
		} else {
			all = append(all, s)
		}
	}
	return all
}

// ask returns the JSON that the admin port answers with, nil without one.
func (s Server) ask(ctx context.Context, method, path string) ([]byte, error) {
	if s.Admin == "" {
		return nil, nil
	}
	status, answer, err := s.do(ctx, method, path, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s of server %s: http://%s answers %d", path, s.Name, s.Admin, status)
	}
	return answer, err
}

func (s Server) do(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.Admin+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("admin address %q: %w", s.Admin, err)
	}
	response, err := adminClient.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask server %s: %w", s.Name, err)
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return 0, nil, fmt.Errorf("read the answer of server %s at %s%s: %w", s.Name, s.Admin, path, err)
	}
	return response.StatusCode, answer, nil
}
