package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"c10klab/internal/batch"
	"c10klab/models"
	"c10klab/storage"
)

// refusal is a Kafka error code with the words for it; code 0 is no refusal.
type refusal struct {
	code    int16
	message string
}

func (r *refusal) Error() string { return kerr.ErrorForCode(r.code).Error() + ": " + r.message }

func refuse(code *kerr.Error, message string) refusal { return refusal{code.Code, message} }

// refusals maps what storage and batch report to what Kafka calls it. The first
// match counts.
var refusals = []struct {
	is   error
	code *kerr.Error
}{
	{kerr.UnknownTopicID, kerr.UnknownTopicID},
	{storage.ErrUnknownTopicOrPartition, kerr.UnknownTopicOrPartition},
	{storage.ErrInvalidTopic, kerr.InvalidTopicException},
	{storage.ErrInvalidTopicConfig, kerr.InvalidConfig},
	{storage.ErrTopicExists, kerr.TopicAlreadyExists},
	{storage.ErrInvalidPartitions, kerr.InvalidPartitions},
	{storage.ErrOffsetOutOfRange, kerr.OffsetOutOfRange},
	{storage.ErrBatchTooLarge, kerr.MessageTooLarge},
	{storage.ErrInvalidProducer, kerr.InvalidRecord},
	{storage.ErrOutOfOrderSequence, kerr.OutOfOrderSequenceNumber},
	{storage.ErrStaleProducerEpoch, kerr.InvalidProducerEpoch},
	{batch.BadMagic, kerr.InvalidRecord},
	{batch.Truncated, kerr.CorruptMessage},
	{batch.BadLength, kerr.CorruptMessage},
	{batch.BadCRC, kerr.CorruptMessage},
	{batch.BadCount, kerr.CorruptMessage},
	{batch.BadCompression, kerr.CorruptMessage},
	{batch.BadRecord, kerr.InvalidRecord},
	{batch.BadOffset, kerr.InvalidRecord},
	{batch.BadTimestamp, kerr.InvalidTimestamp},
	{batch.TooLarge, kerr.MessageTooLarge},
}

// refusalOf translates an error; what is not the client's doing is a
// KAFKA_STORAGE_ERROR.
func refusalOf(err error) refusal {
	for _, r := range refusals {
		if errors.Is(err, r.is) {
			return refusal{r.code.Code, err.Error()}
		}
	}
	return refusal{kerr.KafkaStorageError.Code, err.Error()}
}

// overloaded is what a request is answered with that the broker has no room for.
// Kafka never refuses one for that reason, so it has no code for it. Of its
// retriable codes THROTTLING_QUOTA_EXCEEDED (KIP-599) says what is the case:
// nothing was done, and the same request may succeed later. REQUEST_TIMED_OUT would
// leave a producer in doubt whether its records were appended, and the codes about
// leaders would make clients fetch metadata from a broker that is short of room.
var overloaded = refuse(kerr.ThrottlingQuotaExceeded, "the request queue is full")

var _ models.Refuser = (*Log)(nil)

// Refuse answers a request with an error of its own API, placed where the
// getErrorResponse of Kafka's request classes puts it: in each topic or partition,
// at the top where there is a place for it, or both. Produce with acks=0, which has
// no answer to put it in, closes the connection, as any error of it does.
func (l *Log) Refuse(j *models.Job) { l.answer(jobExchange{j}, overloaded) }
