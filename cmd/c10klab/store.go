package main

import (
	"errors"

	"c10klab/internal/knob"
	"c10klab/storage"
)

// openStore opens the log dirs with the knobs of package storage and logs what
// recovery had to cut and what fails later.
func openStore(dirs []string, v *knob.Values, observer storage.Observer) (*storage.Store, error) {
	store, err := storage.Open(dirs, storage.ConfigFrom(v), tellingObserver{observer})
	if errors.Is(err, storage.ErrInvalidPlacement) || errors.Is(err, storage.ErrInvalidFlush) {
		return nil, usageError(err)
	}
	if err != nil {
		return nil, err
	}
	for _, cut := range store.Cuts() {
		logLine("recovery: cut %s at position %d, offset %d, %d bytes: %v", cut.Path, cut.PositionBytes, cut.Offset, cut.CutBytes, cut.Reason)
	}
	return store, nil
}

// tellingObserver logs the failures that nobody is there to be answered with.
type tellingObserver struct{ storage.Observer }

func (o tellingObserver) Failed(dir string, err error) {
	logLine("storage: %v", err)
	o.Observer.Failed(dir, err)
}

func (o tellingObserver) HousekeepingFailed(err error) {
	logLine("storage: housekeeping: %v", err)
	o.Observer.HousekeepingFailed(err)
}
