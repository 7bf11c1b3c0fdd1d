package broker

import (
	"errors"
	"math"
	"reflect"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/kafka"
)

// What this broker lacks of Kafka's.
var (
	// noGroups is an error that no client retries. There is none for a broker without
	// groups; COORDINATOR_NOT_AVAILABLE, which comes nearest, is asked again for ever.
	noGroups       = refuse(kerr.GroupAuthorizationFailed, "this broker has no consumer groups: consume by partition")
	noTransactions = refuse(kerr.InvalidRequest, "this broker has no transactions")
	noSASL         = refuse(kerr.IllegalSaslState, "this broker has no SASL")
	noACLs         = refuse(kerr.SecurityDisabled, "this broker has no access control")
	noTokens       = refuse(kerr.DelegationTokenAuthDisabled, "this broker has no delegation tokens")
	noUse          = refuse(kerr.UnsupportedVersion, "this broker does not serve this request")
)

// notServed are the APIs of a Kafka broker that the log does not serve, and how each is
// refused. ApiVersions does not name them, so that clients which ask it say at once what
// is missing; others get an answer and no closed connection. APIs that a Kafka broker
// does not serve either, those between brokers and controllers, close it as there.
//
// write writes a response's body, in which each thing that is asked for has the error, as
// the getErrorResponse of Kafka's request classes has it; nil: the error is the response's
// own, and nothing of the request is read.
var notServed = map[kmsg.Key]struct {
	refusal
	write func(q *request, r refusal) error
}{
	kmsg.JoinGroup:              {noGroups, nil},
	kmsg.SyncGroup:              {noGroups, nil},
	kmsg.LeaveGroup:             {noGroups, nil},
	kmsg.ListGroups:             {noGroups, nil},
	kmsg.OffsetDelete:           {noGroups, nil},
	kmsg.ConsumerGroupHeartbeat: {noGroups, nil},
	kmsg.OffsetCommit:           {noGroups, refuseOffsetCommit},
	kmsg.OffsetFetch:            {noGroups, refuseOffsetFetch},
	kmsg.DescribeGroups:         {noGroups, refuseDescribeGroups},
	kmsg.ConsumerGroupDescribe:  {noGroups, refuseConsumerGroupDescribe},
	kmsg.DeleteGroups:           {noGroups, refuseDeleteGroups},

	kmsg.AddOffsetsToTxn:      {noTransactions, nil},
	kmsg.EndTxn:               {noTransactions, nil},
	kmsg.ListTransactions:     {noTransactions, nil},
	kmsg.AddPartitionsToTxn:   {noTransactions, refuseAddPartitionsToTxn},
	kmsg.TxnOffsetCommit:      {noTransactions, refuseTxnOffsetCommit},
	kmsg.DescribeTransactions: {noTransactions, refuseDescribeTransactions},

	kmsg.SASLHandshake:                {noSASL, nil},
	kmsg.SASLAuthenticate:             {noSASL, nil},
	kmsg.DescribeUserSCRAMCredentials: {noSASL, nil},
	kmsg.DescribeACLs:                 {noACLs, nil},
	kmsg.CreateACLs:                   {noACLs, refuseCreateACLs},
	kmsg.DeleteACLs:                   {noACLs, refuseDeleteACLs},
	kmsg.CreateDelegationToken:        {noTokens, nil},
	kmsg.RenewDelegationToken:         {noTokens, nil},
	kmsg.ExpireDelegationToken:        {noTokens, nil},
	kmsg.DescribeDelegationToken:      {noTokens, nil},

	kmsg.DescribeLogDirs:            {noUse, nil},
	kmsg.ElectLeaders:               {noUse, nil},
	kmsg.AlterPartitionAssignments:  {noUse, nil},
	kmsg.ListPartitionReassignments: {noUse, nil},
	kmsg.DescribeClientQuotas:       {noUse, nil},
	kmsg.DescribeQuorum:             {noUse, nil},
	kmsg.UpdateFeatures:             {noUse, nil},
	kmsg.UnregisterBroker:           {noUse, nil},
	kmsg.GetTelemetrySubscriptions:  {noUse, nil},
	kmsg.PushTelemetry:              {noUse, nil},
}

// errNoAnswer is a request that a Kafka broker does not answer either.
var errNoAnswer = errors.New("a Kafka broker answers no client's")

// refuseAPI answers a request of an API that is not served.
func refuseAPI(q *request) error {
	not, found := notServed[kmsg.Key(q.Key)]
	if !found {
		return errNoAnswer
	}
	q.in.flexible = kafka.Flexible(q.Key, q.Version)
	if not.write != nil {
		return not.write(q, not.refusal)
	}
	resp := kmsg.ResponseForKey(q.Key)
	fields := reflect.ValueOf(resp).Elem()
	if code := fields.FieldByName("ErrorCode"); code.IsValid() { // a few have it in later versions only
		code.SetInt(int64(not.code))
	}
	if message := fields.FieldByName("ErrorMessage"); message.IsValid() {
		message.Set(reflect.ValueOf(&not.message))
	}
	return q.respond(resp)
}

// refusePartitions answers with an error in each partition asked for; one writes its other
// fields, throttled is the first version with a throttle time.
func refusePartitions[P any](q *request, asked *byTopic[P], throttled int16, one func(w writer, p *P)) error {
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	w := q.out()
	if q.Version >= throttled {
		w.int32(0)
	}
	asked.write(w, one)
	w.tags()
	q.Respond()
	return nil
}

// byTopicID and txnByTopicID are the first versions of OffsetCommit and OffsetFetch, and of
// TxnOffsetCommit, that name topics by id, which neither Produce nor Fetch does here.
const byTopicID, txnByTopicID = 10, 6

func refuseOffsetCommit(q *request, r refusal) error {
	if q.Version >= byTopicID {
		return errNoAnswer
	}
	q.in.text() // group
	if q.Version >= 1 {
		q.in.Int32() // generation
		q.in.text()  // member
	}
	if q.Version >= 7 {
		q.in.nullableText() // instance
	}
	if q.Version >= 2 && q.Version <= 4 {
		q.in.Int64() // retention
	}
	var asked byTopic[int32]
	asked.read(&q.in, 4+8+1, func(in *reader, partition *int32) {
		*partition = in.Int32()
		in.Int64() // offset
		switch {
		case in.version == 1:
			in.Int64() // timestamp
		case in.version >= 6:
			in.Int32() // leader epoch
		}
		in.nullableText() // metadata
	})
	return refusePartitions(q, &asked, 3, partitionError(r))
}

func partitionError(r refusal) func(w writer, partition *int32) {
	return func(w writer, partition *int32) {
		w.int32(*partition)
		w.int16(r.code)
	}
}

func readPartitions(asked *byTopic[int32], in *reader) {
	for range in.array(leastTopicBytes) {
		name, count := in.text(), max(in.array(4), 0)
		asked.topics = append(asked.topics, topicSpan{name, count})
		for range count {
			asked.partitions = append(asked.partitions, in.Int32())
		}
		in.tags()
		if !in.Ok() {
			return
		}
	}
}

// refuseOffsetFetch: version 8 asks for several groups, and from version 2 on an error is not
// of the partitions but of the group.
func refuseOffsetFetch(q *request, r refusal) error {
	switch {
	case q.Version >= byTopicID:
		return errNoAnswer
	case q.Version < 2:
		q.in.text() // group
		var asked byTopic[int32]
		readPartitions(&asked, &q.in)
		return refusePartitions(q, &asked, math.MaxInt16, func(w writer, partition *int32) {
			w.int32(*partition)
			w.int64(-1) // offset
			w.text("")  // metadata
			w.int16(r.code)
		})
	}
	resp := kmsg.NewPtrOffsetFetchResponse()
	resp.ErrorCode = r.code
	if q.Version >= 8 {
		for range q.in.array(1) {
			g := kmsg.NewOffsetFetchResponseGroup()
			g.Group, g.ErrorCode = q.in.text(), r.code
			if q.Version >= 9 {
				q.in.nullableText() // member
				q.in.Int32()        // its epoch
			}
			var asked byTopic[int32]
			readPartitions(&asked, &q.in)
			q.in.tags()
			if !q.in.Ok() {
				return q.in.err()
			}
			resp.Groups = append(resp.Groups, g)
		}
	}
	return q.respond(resp)
}

// names reads an array of names.
func (r *reader) names() (all []string) {
	for range r.array(1) {
		if name := r.text(); r.Ok() {
			all = append(all, name)
		}
	}
	return all
}

func refuseDescribeGroups(q *request, r refusal) error {
	resp := kmsg.NewPtrDescribeGroupsResponse()
	for _, name := range q.in.names() {
		g := kmsg.NewDescribeGroupsResponseGroup()
		g.Group, g.ErrorCode, g.ErrorMessage = name, r.code, &r.message
		resp.Groups = append(resp.Groups, g)
	}
	return q.respondIfRead(resp)
}

func refuseConsumerGroupDescribe(q *request, r refusal) error {
	resp := kmsg.NewPtrConsumerGroupDescribeResponse()
	for _, name := range q.in.names() {
		g := kmsg.NewConsumerGroupDescribeResponseGroup()
		g.Group, g.ErrorCode, g.ErrorMessage = name, r.code, &r.message
		resp.Groups = append(resp.Groups, g)
	}
	return q.respondIfRead(resp)
}

func refuseDeleteGroups(q *request, r refusal) error {
	resp := kmsg.NewPtrDeleteGroupsResponse()
	for _, name := range q.in.names() {
		g := kmsg.NewDeleteGroupsResponseGroup()
		g.Group, g.ErrorCode, g.ErrorMessage = name, r.code, &r.message
		resp.Groups = append(resp.Groups, g)
	}
	return q.respondIfRead(resp)
}

func refuseDescribeTransactions(q *request, r refusal) error {
	resp := kmsg.NewPtrDescribeTransactionsResponse()
	for _, id := range q.in.names() {
		state := kmsg.NewDescribeTransactionsResponseTransactionState()
		state.TransactionalID, state.ErrorCode = id, r.code
		resp.TransactionStates = append(resp.TransactionStates, state)
	}
	return q.respondIfRead(resp)
}

// refuseAddPartitionsToTxn: from version 4 on, which is for brokers, the error is the response's.
func refuseAddPartitionsToTxn(q *request, r refusal) error {
	if q.Version >= 4 {
		resp := kmsg.NewPtrAddPartitionsToTxnResponse()
		resp.ErrorCode = r.code
		return q.respond(resp)
	}
	q.in.text()  // transactional id
	q.in.Int64() // producer id
	q.in.Int16() // its epoch
	var asked byTopic[int32]
	readPartitions(&asked, &q.in)
	return refusePartitions(q, &asked, 0, partitionError(r))
}

func refuseTxnOffsetCommit(q *request, r refusal) error {
	if q.Version >= txnByTopicID {
		return errNoAnswer
	}
	q.in.text()  // transactional id
	q.in.text()  // group
	q.in.Int64() // producer id
	q.in.Int16() // its epoch
	if q.Version >= 3 {
		q.in.Int32()        // generation
		q.in.text()         // member
		q.in.nullableText() // instance
	}
	var asked byTopic[int32]
	asked.read(&q.in, 4+8+1, func(in *reader, partition *int32) {
		*partition = in.Int32()
		in.Int64() // offset
		if in.version >= 2 {
			in.Int32() // leader epoch
		}
		in.nullableText() // metadata
	})
	return refusePartitions(q, &asked, 0, partitionError(r))
}

// leastACLBytes: of a creation type, name, principal, host, operation and permission; of a
// filter as many.
const leastACLBytes = 1 + 1 + 1 + 1 + 1 + 1

// refuseCreateACLs answers each creation; nothing but their number is read.
func refuseCreateACLs(q *request, r refusal) error {
	resp := kmsg.NewPtrCreateACLsResponse()
	for range q.in.array(leastACLBytes) {
		result := kmsg.NewCreateACLsResponseResult()
		result.ErrorCode, result.ErrorMessage = r.code, &r.message
		resp.Results = append(resp.Results, result)
	}
	return q.respondIfRead(resp)
}

// refuseDeleteACLs answers each filter; nothing but their number is read.
func refuseDeleteACLs(q *request, r refusal) error {
	resp := kmsg.NewPtrDeleteACLsResponse()
	for range q.in.array(leastACLBytes) {
		result := kmsg.NewDeleteACLsResponseResult()
		result.ErrorCode, result.ErrorMessage = r.code, &r.message
		resp.Results = append(resp.Results, result)
	}
	return q.respondIfRead(resp)
}

// respondIfRead answers unless what was read of the request does not follow its layout.
func (q *request) respondIfRead(resp kmsg.Response) error {
	if err := q.in.err(); err != nil {
		return err
	}
	return q.respond(resp)
}
