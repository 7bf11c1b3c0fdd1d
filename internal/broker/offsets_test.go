package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/batch"
)

func listRequest(version int16, topic string, index int32, timestampMs int64) *kmsg.ListOffsetsRequest {
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version = version
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp = index, timestampMs
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

func (f *fixture) listed(req *kmsg.ListOffsetsRequest) kmsg.ListOffsetsResponseTopicPartition {
	f.t.Helper()
	return f.ask(req).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
}

// stampedBatch has all its records at one time.
func stampedBatch(t *testing.T, records int, timestampMs int64) []byte {
	t.Helper()
	template, err := batch.NewTemplate(records, 20, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := template.AppendTo(nil)
	template.Stamp(b, 0, timestampMs)
	return b
}

func TestListOffsetsInEveryVersion(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	f.produced("t", 0, stampedBatch(t, 3, 1000))
	f.produced("t", 0, stampedBatch(t, 3, 2000))
	f.produced("t", 0, stampedBatch(t, 3, 1500))
	for version := int16(1); version <= 9; version++ {
		for _, c := range []struct {
			since                      int16
			asked, offset, timestampMs int64
		}{
			{1, earliestTimestamp, 0, -1},
			{1, latestTimestamp, 9, -1},
			{1, 0, 0, 1000},
			{1, 1000, 0, 1000},
			{1, 1001, 3, 2000},
			{1, 2001, -1, -1},
			{7, maxTimestamp, 3, 2000},
			{8, earliestLocalTimestamp, 0, -1},
			{9, latestTieredTimestamp, -1, -1},
			{10, -6, -1, -1},
		} {
			p := f.listed(listRequest(version, "t", 0, c.asked))
			if version < c.since {
				wantCode(t, "special time of later versions", p.ErrorCode, kerr.UnsupportedVersion)
				continue
			}
			wantCode(t, "list", p.ErrorCode, nil)
			if p.Offset != c.offset || p.Timestamp != c.timestampMs {
				t.Errorf("version %d, time %d: offset %d at %d, want %d at %d", version, c.asked, p.Offset, p.Timestamp, c.offset, c.timestampMs)
			}
		}
	}
}

func TestListOffsetsRefusals(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	wantCode(t, "unknown topic", f.listed(listRequest(6, "nope", 0, -1)).ErrorCode, kerr.UnknownTopicOrPartition)
	wantCode(t, "unknown partition", f.listed(listRequest(6, "t", 1, -1)).ErrorCode, kerr.UnknownTopicOrPartition)
	wantCode(t, "special time of later versions", f.listed(listRequest(6, "t", 0, -3)).ErrorCode, kerr.UnsupportedVersion)
	epoch := listRequest(6, "t", 0, -1)
	epoch.Topics[0].Partitions[0].CurrentLeaderEpoch = 1
	wantCode(t, "unknown epoch", f.listed(epoch).ErrorCode, kerr.UnknownLeaderEpoch)
}

func TestGroupsAndTransactionsAreDeclined(t *testing.T) {
	f := newFixture(t)
	for version := range int16(5) {
		find := kmsg.NewPtrFindCoordinatorRequest()
		find.Version, find.CoordinatorKey, find.CoordinatorKeys = version, "g", []string{"g", "h"}
		resp := f.ask(find).(*kmsg.FindCoordinatorResponse)
		if version >= 4 {
			if len(resp.Coordinators) != 2 || resp.Coordinators[1].Key != "h" {
				t.Fatalf("version %d: coordinators %+v", version, resp.Coordinators)
			}
			wantCode(t, "find", resp.Coordinators[0].ErrorCode, kerr.GroupAuthorizationFailed)
		} else {
			wantCode(t, "find", resp.ErrorCode, kerr.GroupAuthorizationFailed)
		}

		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Version, beat.Group, beat.MemberID = version, "g", "m"
		wantCode(t, "heartbeat", f.ask(beat).(*kmsg.HeartbeatResponse).ErrorCode, kerr.GroupAuthorizationFailed)

		initial := kmsg.NewPtrInitProducerIDRequest()
		initial.Version, initial.TransactionalID = version, kmsg.StringPtr("tx")
		wantCode(t, "transaction", f.ask(initial).(*kmsg.InitProducerIDResponse).ErrorCode, kerr.InvalidRequest)
	}
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.Version, find.CoordinatorType = 3, transactionCoordinator
	wantCode(t, "transaction coordinator", f.ask(find).(*kmsg.FindCoordinatorResponse).ErrorCode, kerr.InvalidRequest)
}

func TestProducerIDsDiffer(t *testing.T) {
	f := newFixture(t)
	seen := map[int64]bool{}
	for version := range int16(5) {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.Version = version
		resp := f.ask(req).(*kmsg.InitProducerIDResponse)
		wantCode(t, "producer id", resp.ErrorCode, nil)
		if resp.ProducerID <= 0 || resp.ProducerEpoch != 0 || seen[resp.ProducerID] {
			t.Errorf("version %d: id %d, epoch %d", version, resp.ProducerID, resp.ProducerEpoch)
		}
		seen[resp.ProducerID] = true
	}
}
