package broker

import (
	"os"
	"strings"
	"testing"
	"time"

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
	config.Name, config.Value = "retention.ms", kmsg.StringPtr("soon")
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

func deleteRequest(version int16, info storage.TopicInfo) *kmsg.DeleteTopicsRequest {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version = version
	if version < 6 {
		req.TopicNames = []string{info.Name}
		return req
	}
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.TopicID = info.ID
	req.Topics = append(req.Topics, topic)
	return req
}

// TestDeleteTopics deletes by name and by id; a fetch that waits for records of the topic ends.
func TestDeleteTopics(t *testing.T) {
	f := newFixture(t)
	for version := range int16(7) {
		f.create("t", 2)
		f.produced("t", 0, testBatch(t, 2, 20, 1))
		info, _ := f.store.Topic("t")
		fetching := fetchRequest(11, time.Minute, 1, "t", from{0, 2, 1000})
		waits := f.start(fetching)
		if waits.isDone() {
			t.Fatal("the fetch does not wait")
		}
		d := f.ask(deleteRequest(version, info)).(*kmsg.DeleteTopicsResponse).Topics[0]
		wantCode(t, "delete", d.ErrorCode, nil)
		if d.Topic == nil || *d.Topic != "t" || version >= 6 && d.TopicID != info.ID {
			t.Errorf("version %d: told %+v", version, d)
		}
		p := f.answer(waits, fetching).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		wantCode(t, "the fetch that waited", p.ErrorCode, kerr.UnknownTopicOrPartition)
		d = f.ask(deleteRequest(version, info)).(*kmsg.DeleteTopicsResponse).Topics[0]
		want := kerr.UnknownTopicOrPartition
		if version >= 6 {
			want = kerr.UnknownTopicID
		}
		wantCode(t, "delete again", d.ErrorCode, want)
	}
	if topics := f.store.Topics(); len(topics) != 0 {
		t.Errorf("topics are %v", topics)
	}
}

// TestTopicConfigurationsAreKeptAndDescribed: what a topic was given is described as its own, the
// rest as it is by default.
func TestTopicConfigurationsAreKeptAndDescribed(t *testing.T) {
	f := newFixture(t)
	asked := topicToCreate("t", 1, 1)
	for name, value := range map[string]string{"retention.ms": "3600000", "min.insync.replicas": "1"} {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, &value
		asked.Configs = append(asked.Configs, config)
	}
	created := f.ask(createRequest(7, asked)).(*kmsg.CreateTopicsResponse).Topics[0]
	wantCode(t, "create", created.ErrorCode, nil)
	if created.Configs == nil {
		t.Error("the configurations are null, which Kafka's clients do not expect")
	}
	for version := range int16(5) {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.Version = version
		for _, name := range []string{"t", "none", "a/b"} {
			resource := kmsg.NewDescribeConfigsRequestResource()
			resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, name
			req.Resources = append(req.Resources, resource)
		}
		resp := f.ask(req).(*kmsg.DescribeConfigsResponse)
		wantCode(t, "describe", resp.Resources[0].ErrorCode, nil)
		wantCode(t, "describe nothing", resp.Resources[1].ErrorCode, kerr.UnknownTopicOrPartition)
		wantCode(t, "describe a bad name", resp.Resources[2].ErrorCode, kerr.InvalidTopicException)
		got := map[string]string{}
		for _, c := range resp.Resources[0].Configs {
			got[c.Name] = *c.Value
			own := c.Name == "retention.ms" || c.Name == "min.insync.replicas"
			if version == 0 && c.IsDefault == own || version > 0 && (c.Source == kmsg.ConfigSourceDynamicTopicConfig) != own {
				t.Errorf("version %d: %+v, the topic's own: %v", version, c, own)
			}
		}
		if got["retention.ms"] != "3600000" || got["segment.bytes"] != "1048576" || got["cleanup.policy"] != "delete" {
			t.Errorf("version %d: described %v", version, got)
		}
		req.Resources = req.Resources[:1]
		req.Resources[0].ConfigNames = []string{"cleanup.policy"}
		if some := f.ask(req).(*kmsg.DescribeConfigsResponse).Resources[0].Configs; len(some) != 1 || some[0].Name != "cleanup.policy" {
			t.Errorf("version %d: one was asked for, described are %+v", version, some)
		}
	}
}

func TestDescribeClusterNamesTheBroker(t *testing.T) {
	f := newFixture(t)
	for version := range int16(2) {
		req := kmsg.NewPtrDescribeClusterRequest()
		req.Version, req.EndpointType = version, 1
		resp := f.ask(req).(*kmsg.DescribeClusterResponse)
		wantCode(t, "describe", resp.ErrorCode, nil)
		if len(resp.Brokers) != 1 || resp.Brokers[0].Host != "broker.test" || resp.Brokers[0].Port != 9092 || resp.ControllerID != 0 {
			t.Errorf("version %d: %+v", version, resp)
		}
	}
}
