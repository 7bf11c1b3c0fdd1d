package runner

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"c10klab/experiments"
	"c10klab/internal/record"
)

// hotPasses bounds how often a backlog is read that shall be wholly in the page cache:
// the kernel may take pages back that nobody has asked for again.
const hotPasses = 3

// setPages brings the backlog's pages into the state that the layout asks for, and
// returns what the page cache then holds of it.
func setPages(d experiments.Data, s *site, admin string) (pages []record.Residency, err error) {
	if d.Backlog.Bytes == 0 {
		return nil, nil
	}
	if !d.Backlog.Hot {
		if err := exchange(adminClient, http.MethodPost, "http://"+admin+record.EvictPath+"?topic="+experiments.BacklogTopic, nil); err != nil {
			return nil, fmt.Errorf("make the backlog cold: %w", err)
		}
		return residency(d, admin)
	}
	for range hotPasses {
		if err := readAll(s); err != nil {
			return nil, fmt.Errorf("make the backlog hot: %w", err)
		}
		if pages, err = residency(d, admin); err != nil || pagesCheck(d, pages).OK {
			return pages, err
		}
	}
	return pages, nil
}

// adminTimeout bounds one request to the server's admin port; an eviction writes what is
// dirty first.
const adminTimeout = 20 * time.Second

var adminClient = &http.Client{Timeout: adminTimeout}

// residency asks the server what the page cache holds of the backlog.
func residency(d experiments.Data, admin string) (pages []record.Residency, err error) {
	if d.Backlog.Bytes > 0 {
		err = exchange(adminClient, http.MethodGet, "http://"+admin+record.ResidencyPath+"?topic="+experiments.BacklogTopic, &pages)
	}
	return pages, err
}

// readAll reads the backlog's segments once.
func readAll(s *site) error {
	for _, dir := range s.dirs {
		segments, err := filepath.Glob(filepath.Join(dir, experiments.BacklogTopic+"-*", "*.log"))
		if err != nil {
			return err
		}
		for _, segment := range segments {
			if err := readFile(segment); err != nil {
				return err
			}
		}
	}
	return nil
}

func readFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(discarding{}, f)
	return err
}

// discarding reads in large pieces, where io.Discard asks for small ones.
type discarding struct{}

func (discarding) Write(p []byte) (int, error) { return len(p), nil }

func (discarding) ReadFrom(r io.Reader) (n int64, err error) {
	buffer := make([]byte, 1<<20)
	for {
		got, err := r.Read(buffer)
		n += int64(got)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// wrongPagesShare is how much of the backlog may be cached though it should be
// cold, or missing though it should be hot, when the load starts.
const wrongPagesShare = 0.01

// pagesCheck says whether the backlog began as the layout asks for.
func pagesCheck(d experiments.Data, before []record.Residency) record.Check {
	var pages, cached int64
	for _, r := range before {
		pages, cached = pages+r.Pages, cached+r.CachedPages
	}
	name, wrong := "backlog in the page cache before the load", cached
	if d.Backlog.Hot {
		name, wrong = "backlog missing in the page cache before the load", pages-cached
	}
	value := 100 * float64(wrong) / float64(max(1, pages))
	return record.Check{Name: name, Value: value, Limit: 100 * wrongPagesShare, Unit: "%",
		OK: value <= 100*wrongPagesShare && pages > 0, Else: record.EnvironmentLimited}
}

// addCheck adds a rule that the generator could not judge.
func addCheck(m *record.Measurement, c record.Check) {
	m.Checks = append(m.Checks, c)
	if !c.OK && slices.Contains([]record.Outcome{record.Valid, record.Saturated}, m.Outcome) && c.Else != record.Valid {
		m.Outcome = c.Else
	}
}
