package broker

import (
	"encoding/json"
	"errors"
	"net/http"

	"c10klab/internal/record"
	"c10klab/storage"
)

// handleResidency serves record.ResidencyPath and record.EvictPath from a store.
func handleResidency(mux *http.ServeMux, store *storage.Store) {
	mux.HandleFunc("GET "+record.ResidencyPath, answerResidency(store.Residency))
	mux.HandleFunc("POST "+record.EvictPath, answerResidency(store.Evict))
}

// answerResidency passes the topic asked about on; an empty one is all.
func answerResidency(ask func(topic string) ([]storage.Residency, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, err := ask(r.URL.Query().Get("topic"))
		if err != nil {
			http.Error(w, err.Error(), residencyStatus(err))
			return
		}
		answer := make([]record.Residency, len(found))
		for i, f := range found {
			answer[i] = record.Residency(f)
		}
		w.Header().Set("Content-Type", "application/json")
		// A client that went away is no error of the server's.
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func residencyStatus(err error) int {
	switch {
	case errors.Is(err, storage.ErrUnknownTopicOrPartition):
		return http.StatusNotFound
	case errors.Is(err, storage.ErrNoCachestat):
		return http.StatusNotImplemented
	}
	return http.StatusInternalServerError
}
