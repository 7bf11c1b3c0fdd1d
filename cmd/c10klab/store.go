package main

import (
	"errors"

	"c10klab/internal/knob"
	"c10klab/storage"
)

// openStore opens the log dirs with the knobs of package storage and logs what
// recovery had to cut. The observer may be nil.
func openStore(dirs []string, v *knob.Values, observer storage.Observer) (*storage.Store, error) {
	store, err := storage.Open(dirs, storage.ConfigFrom(v), observer)
	if errors.Is(err, storage.ErrInvalidPlacement) {
		return nil, usageError(err)
	}
	if err != nil {
		return nil, err
	}
	for _, cut := range store.Cuts() {
		logLine("recovery: cut %s at position %d, %d bytes: %v", cut.Path, cut.PositionBytes, cut.CutBytes, cut.Reason)
	}
	return store, nil
}
