package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (f *fixture) deleted(version int16, topic string, index int32, before int64) kmsg.DeleteRecordsResponseTopicPartition {
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Version = version
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic,
		Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: index, Offset: before}}}}
	return f.ask(req).(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0]
}

func TestDeleteRecordsInEveryVersion(t *testing.T) {
	for version := int16(0); version <= 2; version++ {
		f := newFixture(t)
		f.create("t", 1)
		for seed := range uint64(3) {
			f.produced("t", 0, testBatch(t, 4, 50, seed))
		}
		for _, c := range []struct {
			index      int32
			topic      string
			before     int64
			low, start int64
			want       *kerr.Error
		}{
			{0, "t", 6, 6, 6, nil},
			{0, "t", 2, 6, 6, nil}, // the start does not go back
			{0, "t", 13, -1, 6, kerr.OffsetOutOfRange},
			{0, "t", -2, -1, 6, kerr.OffsetOutOfRange},
			{1, "t", 1, -1, 6, kerr.UnknownTopicOrPartition},
			{0, "nope", 1, -1, 6, kerr.UnknownTopicOrPartition},
			{0, "t", -1, 12, 12, nil},
		} {
			p := f.deleted(version, c.topic, c.index, c.before)
			wantCode(t, "delete records", p.ErrorCode, c.want)
			log, _ := f.store.Log("t", 0)
			if p.LowWatermark != c.low || log.StartOffset() != c.start {
				t.Errorf("version %d, before %d: low watermark %d, want %d; the log starts at %d", version, c.before, p.LowWatermark, c.low, log.StartOffset())
			}
		}
		wantCode(t, "fetching what is gone", f.fetched(fetchRequest(12, 0, 1, "t", from{0, 3, 1 << 20}))[0].ErrorCode, kerr.OffsetOutOfRange)
	}
}
