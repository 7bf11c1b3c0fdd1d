package broker

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refused sends a request that the models found no room for.
func (f *fixture) refused(req kmsg.Request) *fakeExchange {
	e := newExchange(f.t, frameOf(req))
	f.log.answer(e, overloaded)
	return e
}

// Every version of every API has a refusal that decodes.
func TestEveryAPIRefusesInItsOwnForm(t *testing.T) {
	f := newFixture(t)
	for _, a := range servedAPIs() {
		for version := a.min; version <= a.max; version++ {
			req := a.key.Request()
			req.SetVersion(version)
			if p, ok := req.(*kmsg.ProduceRequest); ok {
				p.Acks = 1
			}
			f.answer(f.refused(req), req)
		}
	}
}

func TestRefusalsCarryARetriableCode(t *testing.T) {
	if !kerr.IsRetriable(kerr.ErrorForCode(overloaded.code)) {
		t.Errorf("%v is not retriable", &overloaded)
	}
	f := newFixture(t)
	f.create("t", 1)
	want := kerr.ThrottlingQuotaExceeded

	for _, version := range []int16{3, 8, 12} {
		req := produceRequest(version, 1, "t", part{0, testBatch(t, 1, 10, 1)})
		p := f.answer(f.refused(req), req).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		wantCode(t, "produce", p.ErrorCode, want)
	}
	for _, version := range []int16{4, 7, 12} {
		req := fetchRequest(version, 0, 1, "t", from{0, 0, 100})
		resp := f.answer(f.refused(req), req).(*kmsg.FetchResponse)
		wantCode(t, "fetch of the partition", resp.Topics[0].Partitions[0].ErrorCode, want)
		if version >= 7 {
			wantCode(t, "fetch", resp.ErrorCode, want)
		}
	}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version = 9
	name := "t"
	metadata.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	wantCode(t, "metadata", f.answer(f.refused(metadata), metadata).(*kmsg.MetadataResponse).Topics[0].ErrorCode, want)
	heartbeat := kmsg.NewPtrHeartbeatRequest()
	wantCode(t, "heartbeat", f.answer(f.refused(heartbeat), heartbeat).(*kmsg.HeartbeatResponse).ErrorCode, want)

	if got := f.fetched(fetchRequest(12, 0, 1, "t", from{0, 0, 100}))[0]; got.HighWatermark != 0 {
		t.Errorf("a refused produce was appended: high watermark %d", got.HighWatermark)
	}
}

func TestRefusedProduceWithoutAnswerClosesTheConnection(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	e := f.refused(produceRequest(9, 0, "t", part{0, testBatch(t, 1, 10, 1)}))
	if e.hungUp == nil || !strings.Contains(e.hungUp.Error(), "request queue is full") {
		t.Errorf("ended with %v", e.hungUp)
	}
}
