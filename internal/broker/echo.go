package broker

import (
	"encoding/binary"

	"c10klab/internal/stage"
	"c10klab/models"
)

// Echo answers every request with its own bytes. It allocates nothing and never
// blocks; any number of threads may call it.
type Echo struct{}

var _ models.Service = Echo{}

// Handle answers one request; see models.Service.
func (Echo) Handle(j *models.Job) {
	r := j.Response()
	r.Buf = append(r.Buf, j.Frame()...)
	j.Respond()
}

// Refuse answers with an empty frame, which no request is echoed by: the least
// that tells a client that it was refused and keeps its connection.
func (Echo) Refuse(j *models.Job) { j.Respond() }

// Classify puts all requests into one class.
func (Echo) Classify([]byte) stage.Class { return 1 }

// CorrelationID reads the one that the load generator begins a payload with.
func (Echo) CorrelationID(frame []byte) (int32, bool) {
	if len(frame) < 4 {
		return 0, false
	}
	return int32(binary.BigEndian.Uint32(frame)), true
}

// APIs lists the names of the classes; index 0 is "other".
func (Echo) APIs() []string { return []string{"other", "Echo"} }
