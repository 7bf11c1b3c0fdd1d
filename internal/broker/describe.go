package broker

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/storage"
)

// describeCluster names this broker (KIP-700). Controllers, which version 1 may ask for, have
// no address of their own.
func (l *Log) describeCluster(q *request) error {
	q.in.Bool() // operations that the client may do
	brokers := int8(1)
	if q.Version >= 1 {
		brokers = q.in.Int8() // kind of address
	}
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	resp := kmsg.NewPtrDescribeClusterResponse()
	resp.EndpointType, resp.ClusterID, resp.ControllerID = brokers, clusterID, nodeID
	r := q.refused
	if brokers != 1 && r.code == 0 {
		r = refuse(kerr.UnsupportedEndpointType, "there are addresses of brokers only")
	}
	if r.code != 0 {
		resp.ErrorCode, resp.ErrorMessage = r.code, &r.message
		return q.respond(resp)
	}
	self := l.self()
	resp.Brokers = []kmsg.DescribeClusterResponseBroker{{NodeID: self.NodeID, Host: self.Host, Port: self.Port}}
	return q.respond(resp)
}

// configResource is what configurations are asked of.
type configResource struct {
	kind  kmsg.ConfigResourceType
	name  string
	names []string // null: all
	all   bool
}

// describeConfigsOf describes the configurations of topics, and that the broker itself has none
// that can be asked for: its knobs are on its command line.
func (l *Log) describeConfigsOf(q *request) error {
	asked := elements(&q.in, q.in.array(1+1+1), func(r *reader) (c configResource) {
		c.kind, c.name = kmsg.ConfigResourceType(r.Int8()), r.text()
		count := r.array(1)
		c.all = count < 0
		for range count {
			c.names = append(c.names, r.text())
		}
		return c
	})
	if q.Version >= 1 {
		q.in.Bool() // synonyms
	}
	if q.Version >= 3 {
		q.in.Bool() // documentation
	}
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	resp := kmsg.NewPtrDescribeConfigsResponse()
	for _, c := range asked {
		resp.Resources = append(resp.Resources, l.describeResource(c, q.refused))
	}
	return q.respond(resp)
}

func (l *Log) describeResource(asked configResource, r refusal) kmsg.DescribeConfigsResponseResource {
	d := kmsg.NewDescribeConfigsResponseResource()
	d.ResourceType, d.ResourceName = asked.kind, asked.name
	d.Configs = []kmsg.DescribeConfigsResponseResourceConfig{}
	info, found := l.store.Topic(asked.name)
	switch {
	case r.code != 0:
	case asked.kind == kmsg.ConfigResourceTypeBroker && (asked.name == "" || asked.name == strconv.Itoa(nodeID)):
		return d
	case asked.kind != kmsg.ConfigResourceTypeTopic:
		r = refuse(kerr.InvalidRequest, fmt.Sprintf("resources of kind %d have no configurations here", asked.kind))
	case storage.CheckTopicName(asked.name) != nil:
		r = refusalOf(storage.CheckTopicName(asked.name))
	case !found:
		r = refuse(kerr.UnknownTopicOrPartition, fmt.Sprintf("topic %q", asked.name))
	default:
		d.Configs = slices.DeleteFunc(l.describeConfigs(info.Configs), func(c kmsg.DescribeConfigsResponseResourceConfig) bool {
			return !asked.all && !slices.Contains(asked.names, c.Name)
		})
		return d
	}
	d.ErrorCode, d.ErrorMessage = r.code, &r.message
	return d
}

// describeConfigs lists all configurations of a topic that was given some.
func (l *Log) describeConfigs(given map[string]string) (all []kmsg.DescribeConfigsResponseResourceConfig) {
	kinds := map[storage.TopicConfigKind]kmsg.ConfigType{
		storage.ConfigText: kmsg.ConfigTypeString, storage.ConfigBool: kmsg.ConfigTypeBoolean, storage.ConfigInt: kmsg.ConfigTypeInt,
		storage.ConfigLong: kmsg.ConfigTypeLong, storage.ConfigDouble: kmsg.ConfigTypeDouble, storage.ConfigList: kmsg.ConfigTypeList,
	}
	for _, t := range l.store.TopicConfigs() {
		c := kmsg.NewDescribeConfigsResponseResourceConfig()
		c.Name, c.ConfigType, c.Source, c.IsDefault = t.Name, kinds[t.Kind], kmsg.ConfigSourceDefaultConfig, true
		value, own := given[t.Name]
		if own {
			c.Source, c.IsDefault = kmsg.ConfigSourceDynamicTopicConfig, false
		} else {
			value = t.Default
		}
		c.Value = &value
		all = append(all, c)
	}
	return all
}
