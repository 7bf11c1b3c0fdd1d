package broker

import (
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/storage"
)

// badNames are refused wherever a topic could be created.
var badNames = []string{"", ".", "..", "a/b", "../../etc", "a\x00b", strings.Repeat("x", 250), "ä", "a b"}

func metadataRequest(version int16, create bool, topics ...string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.Version, req.AllowAutoTopicCreation = version, create
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		req.Topics = append(req.Topics, t)
	}
	return req
}

func TestMetadataDescribesBrokerAndTopics(t *testing.T) {
	f := newFixture(t)
	f.create("a", 1)
	f.create("b", 3)
	info, _ := f.store.Topic("b")
	for version := range int16(13) {
		all := f.ask(metadataRequest(version, false)).(*kmsg.MetadataResponse)
		if len(all.Topics) != 2 {
			t.Errorf("version %d: all topics are %d, want 2", version, len(all.Topics))
		}
		resp := f.ask(metadataRequest(version, false, "b")).(*kmsg.MetadataResponse)
		if len(resp.Brokers) != 1 || resp.Brokers[0].Host != "broker.test" || resp.Brokers[0].Port != 9092 || resp.Brokers[0].NodeID != 0 {
			t.Errorf("version %d: brokers %+v", version, resp.Brokers)
		}
		if len(resp.Topics) != 1 || *resp.Topics[0].Topic != "b" || len(resp.Topics[0].Partitions) != 3 {
			t.Fatalf("version %d: topics %+v", version, resp.Topics)
		}
		if version >= 10 && resp.Topics[0].TopicID != info.ID {
			t.Errorf("version %d: topic id %v, want %v", version, resp.Topics[0].TopicID, info.ID)
		}
		for i, p := range resp.Topics[0].Partitions {
			if p.Partition != int32(i) || p.Leader != 0 || len(p.Replicas) != 1 || len(p.ISR) != 1 {
				t.Errorf("version %d: partition %+v", version, p)
			}
		}
	}
	none := metadataRequest(12, false)
	none.Topics = []kmsg.MetadataRequestTopic{}
	if resp := f.ask(none).(*kmsg.MetadataResponse); len(resp.Topics) != 0 {
		t.Errorf("no topics asked for, %d given", len(resp.Topics))
	}
}

func TestMetadataCreatesTopicsIfAllRoundAgree(t *testing.T) {
	f := newFixture(t)
	first := func(req *kmsg.MetadataRequest) kmsg.MetadataResponseTopic {
		return f.ask(req).(*kmsg.MetadataResponse).Topics[0]
	}
	wantCode(t, "not allowed by the request", first(metadataRequest(12, false, "new")).ErrorCode, kerr.UnknownTopicOrPartition)
	made := first(metadataRequest(12, true, "new"))
	wantCode(t, "allowed", made.ErrorCode, nil)
	if len(made.Partitions) != 2 {
		t.Errorf("created with %d partitions, want the default of 2", len(made.Partitions))
	}
	wantCode(t, "version without the flag", first(metadataRequest(1, false, "new1")).ErrorCode, nil)
	for _, name := range badNames {
		wantCode(t, "name "+name, first(metadataRequest(12, true, name)).ErrorCode, kerr.InvalidTopicException)
	}
	f.log.config.AutoCreateTopics = false
	wantCode(t, "not allowed by the broker", first(metadataRequest(12, true, "new2")).ErrorCode, kerr.UnknownTopicOrPartition)
	if topics := f.store.Topics(); len(topics) != 2 {
		t.Errorf("topics are %v", topics)
	}
}

func TestMetadataByTopicID(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	info, _ := f.store.Topic("t")
	ask := func(id storage.TopicID) kmsg.MetadataResponseTopic {
		req := metadataRequest(12, false)
		topic := kmsg.NewMetadataRequestTopic()
		topic.TopicID = id
		req.Topics = append(req.Topics, topic)
		return f.ask(req).(*kmsg.MetadataResponse).Topics[0]
	}
	if got := ask(info.ID); got.Topic == nil || *got.Topic != "t" {
		t.Errorf("got %+v", got)
	}
	wantCode(t, "unknown id", ask(storage.TopicID{1}).ErrorCode, kerr.UnknownTopicID)
}

func createRequest(version int16, topics ...kmsg.CreateTopicsRequestTopic) *kmsg.CreateTopicsRequest {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version, req.Topics = version, topics
	return req
}

func topicToCreate(name string, partitions int32, replication int16) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, replication
	return t
}

func assigned(name string, replicas ...[]int32) kmsg.CreateTopicsRequestTopic {
	t := topicToCreate(name, -1, -1)
	for i, r := range replicas {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(i), r
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	return t
}

func TestCreateTopicsInEveryVersion(t *testing.T) {
	f := newFixture(t)
	for version := range int16(8) {
		name := "t" + string(rune('0'+version))
		resp := f.ask(createRequest(version, topicToCreate(name, 3, 1), topicToCreate(name+"-default", -1, -1),
			assigned(name+"-assigned", []int32{0}, []int32{0}))).(*kmsg.CreateTopicsResponse)
		for i, want := range []int{3, 2, 2} {
			c := resp.Topics[i]
			wantCode(t, c.Topic, c.ErrorCode, nil)
			info, found := f.store.Topic(c.Topic)
			if !found || info.Partitions != want {
				t.Errorf("version %d: %s has %d partitions, want %d", version, c.Topic, info.Partitions, want)
			}
			if version >= 5 && (c.NumPartitions != int32(want) || c.ReplicationFactor != 1) {
				t.Errorf("version %d: told %d partitions, %d replicas", version, c.NumPartitions, c.ReplicationFactor)
			}
			if version >= 7 && c.TopicID != info.ID {
				t.Errorf("version %d: told another id", version)
			}
		}
	}
}

func TestCreateTopicsRefusals(t *testing.T) {
	f := newFixture(t)
	f.create("there", 1)
	configured := topicToCreate("c", 1, 1)
	config := kmsg.NewCreateTopicsRequestTopicConfig()
	config.Name, config.Value = "retention.ms", kmsg.StringPtr("1")
	configured.Configs = append(configured.Configs, config)
	contradictory := assigned("c", []int32{0})
	contradictory.NumPartitions = 1

	type refused struct {
		topic kmsg.CreateTopicsRequestTopic
		want  *kerr.Error
	}
	cases := []refused{
		{topicToCreate("there", 1, 1), kerr.TopicAlreadyExists},
		{topicToCreate("c", 0, 1), kerr.InvalidPartitions},
		{topicToCreate("c", -2, 1), kerr.InvalidPartitions},
		{topicToCreate("c", 1<<31-1, 1), kerr.InvalidPartitions},
		{topicToCreate("c", 1, 3), kerr.InvalidReplicationFactor},
		{topicToCreate("c", 1, 0), kerr.InvalidReplicationFactor},
		{configured, kerr.InvalidConfig},
		{contradictory, kerr.InvalidRequest},
		{assigned("c", []int32{0}, []int32{1}), kerr.InvalidReplicaAssignment},
		{assigned("c", []int32{0, 1}), kerr.InvalidReplicaAssignment},
	}
	for _, name := range badNames {
		cases = append(cases, refused{topicToCreate(name, 1, 1), kerr.InvalidTopicException})
	}
	for _, c := range cases {
		got := f.ask(createRequest(7, c.topic)).(*kmsg.CreateTopicsResponse).Topics[0]
		wantCode(t, "create "+c.topic.Topic, got.ErrorCode, c.want)
		if got.ErrorMessage == nil || *got.ErrorMessage == "" {
			t.Errorf("create %q: no message", c.topic.Topic)
		}
	}
	if topics := f.store.Topics(); len(topics) != 1 {
		t.Errorf("topics are %v", topics)
	}
}

func TestARefusedTopicDoesNotStopTheOthers(t *testing.T) {
	f := newFixture(t)
	resp := f.ask(createRequest(7, topicToCreate("a/b", 1, 1), topicToCreate("ok", 1, 1), topicToCreate("ok", 1, 1))).(*kmsg.CreateTopicsResponse)
	wantCode(t, "bad name", resp.Topics[0].ErrorCode, kerr.InvalidTopicException)
	wantCode(t, "good name", resp.Topics[1].ErrorCode, nil)
	wantCode(t, "the same again", resp.Topics[2].ErrorCode, kerr.InvalidRequest)
}

func TestValidateOnlyCreatesNothing(t *testing.T) {
	f := newFixture(t)
	req := createRequest(7, topicToCreate("t", 4, 1))
	req.ValidateOnly = true
	c := f.ask(req).(*kmsg.CreateTopicsResponse).Topics[0]
	wantCode(t, "validate only", c.ErrorCode, nil)
	if c.NumPartitions != 4 || len(f.store.Topics()) != 0 {
		t.Errorf("told %d partitions; topics are %v", c.NumPartitions, f.store.Topics())
	}
}

// Names come from frames whose memory is used again.
func TestTopicNamesOutliveTheirRequest(t *testing.T) {
	f := newFixture(t)
	f.ask(metadataRequest(12, true, "auto"))
	f.ask(createRequest(7, topicToCreate("made", 1, 1)))
	for _, name := range []string{"auto", "made"} {
		if info, found := f.store.Topic(name); !found || info.Name != name {
			t.Errorf("%s became %q", name, info.Name)
		}
	}
}

func TestRefusalIsStoredNowhere(t *testing.T) {
	dir := t.TempDir()
	store, err := storage.Open([]string{dir}, storage.Config{SegmentBytes: 1 << 20, IndexIntervalBytes: 4096}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	f := &fixture{t: t, store: store}
	f.log = newLog(store, LogConfig{AutoCreateTopics: true, DefaultPartitions: 1}, f.nowNs.Load)
	f.ask(metadataRequest(12, true, badNames...))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			t.Errorf("directory %s was made", e.Name())
		}
	}
}
