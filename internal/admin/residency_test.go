package admin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"c10klab/internal/batch"
	"c10klab/internal/knob"
	"c10klab/internal/need"
	"c10klab/internal/record"
	"c10klab/storage"
)

func openStore(t *testing.T) *storage.Store {
	t.Helper()
	store, err := storage.Open([]string{t.TempDir()}, storage.ConfigFrom(knob.NewTable(storage.Knobs).Defaults()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Abandon() })
	return store
}

// askResidency asks the admin port of a store; a status other than 200 comes with the
// words of the answer.
func askResidency(t *testing.T, store *storage.Store, method, path string) (found []record.Residency, status int, text string) {
	t.Helper()
	nothing := func(*record.ServerSnapshot) {}
	answer := httptest.NewRecorder()
	Port{Mark: nothing, Snapshot: nothing, Store: store}.Handler().ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	if answer.Code == http.StatusNotImplemented {
		need.Lacking(t, "cachestat(2), Linux 6.5")
	}
	if answer.Code != http.StatusOK {
		return nil, answer.Code, answer.Body.String()
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &found); err != nil {
		t.Fatal(err)
	}
	return found, answer.Code, ""
}

func TestAdminTellsAndEndsResidency(t *testing.T) {
	store := openStore(t)
	for topic, partitions := range map[string]int{"t": 2, "empty": 1} {
		if err := store.CreateTopic(topic, partitions); err != nil {
			t.Fatal(err)
		}
	}
	template, err := batch.NewTemplate(10, 1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	log, err := store.Log("t", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(template.AppendTo(nil), 0); err != nil {
		t.Fatal(err)
	}
	all, _, _ := askResidency(t, store, http.MethodGet, record.ResidencyPath)
	if len(all) != 2 || all[0].Topic != "empty" || all[0].Pages != 0 || all[1].Topic != "t" || all[1].CachedPages != all[1].Pages {
		t.Errorf("all topics: %+v", all)
	}
	hot, _, _ := askResidency(t, store, http.MethodGet, record.ResidencyPath+"?topic=t")
	if len(hot) != 1 || hot[0] != all[1] || hot[0].Pages*hot[0].PageBytes < 10_000 {
		t.Errorf("one topic: %+v, of all %+v", hot, all)
	}
	stayed, _, _ := askResidency(t, store, http.MethodPost, record.EvictPath+"?topic=t")
	if len(stayed) != 1 || stayed[0].Pages != hot[0].Pages || stayed[0].CachedPages > hot[0].CachedPages {
		t.Errorf("evicted: %+v, before %+v", stayed, hot)
	}
}

func TestResidencyOfNoTopicIsRefused(t *testing.T) {
	store := openStore(t)
	for method, path := range map[string]string{http.MethodGet: record.ResidencyPath, http.MethodPost: record.EvictPath} {
		_, status, text := askResidency(t, store, method, path+"?topic=none")
		if status != http.StatusNotFound || !strings.Contains(text, `"none"`) {
			t.Errorf("%s: %d %q", path, status, text)
		}
	}
	if _, status, _ := askResidency(t, store, http.MethodGet, record.EvictPath); status != http.StatusMethodNotAllowed {
		t.Errorf("GET %s: %d", record.EvictPath, status)
	}
	if residencyStatus(storage.ErrNoCachestat) != http.StatusNotImplemented || residencyStatus(storage.ErrLogFailed) != http.StatusInternalServerError {
		t.Error("what the kernel lacks is not told from a failure")
	}
}
