package broker

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/storage"
)

func TestProduceInEveryVersionAndAcks(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	next := int64(0)
	for version := int16(3); version <= 12; version++ {
		for _, acks := range []int16{acksLeader, acksAll} {
			resp := f.ask(produceRequest(version, acks, "t", part{0, testBatch(t, 3, 50, uint64(next))})).(*kmsg.ProduceResponse)
			if len(resp.Topics) != 1 || resp.Topics[0].Topic != "t" || len(resp.Topics[0].Partitions) != 1 {
				t.Fatalf("version %d: answer %+v", version, resp)
			}
			p := resp.Topics[0].Partitions[0]
			wantCode(t, "produce", p.ErrorCode, nil)
			if p.BaseOffset != next || p.LogAppendTime != -1 {
				t.Errorf("version %d, acks %d: base offset %d, append time %d; want %d, -1", version, acks, p.BaseOffset, p.LogAppendTime, next)
			}
			next += 3
		}
	}
	if got := f.log.appendedBytes.Load(); got != next/3*int64(len(testBatch(t, 3, 50, 1))) {
		t.Errorf("appended %d bytes", got)
	}
}

func TestProduceWithoutAcksIsNotAnswered(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	e := f.start(produceRequest(9, acksNone, "t", part{0, testBatch(t, 1, 20, 1)}))
	if !e.silent || len(e.buf) != 4 {
		t.Errorf("silent %v, %d bytes of answer", e.silent, len(e.buf))
	}
	log, _ := f.store.Log("t", 0)
	if log.HighWatermark() != 1 {
		t.Errorf("high watermark %d, want 1", log.HighWatermark())
	}
	if e = f.start(produceRequest(9, acksNone, "t", part{5, testBatch(t, 1, 20, 1)})); e.hungUp == nil {
		t.Error("a failed produce with acks=0 did not close the connection")
	}
}

// withCRC computes the checksum anew after a test changed what it covers.
func withCRC(b []byte) []byte {
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func TestBadRecordsAreRefusedAloneAndNotAppended(t *testing.T) {
	good := func() []byte { return testBatch(t, 4, 100, 9) }
	changed := func(at int, value byte) []byte {
		b := good()
		b[at] = value
		return b
	}
	for name, c := range map[string]struct {
		version int16
		records []byte
		want    *kerr.Error
	}{
		"flipped value byte":  {9, changed(90, good()[90]^1), kerr.CorruptMessage},
		"flipped CRC":         {9, changed(17, good()[17]^1), kerr.CorruptMessage},
		"cut short":           {9, good()[:len(good())-1], kerr.CorruptMessage},
		"half a header":       {9, good()[:30], kerr.CorruptMessage},
		"garbage behind":      {9, append(good(), 1, 2, 3), kerr.CorruptMessage},
		"huge batch length":   {9, changed(8, 0x7f), kerr.CorruptMessage},
		"negative length":     {9, changed(8, 0xff), kerr.CorruptMessage},
		"two batches":         {9, append(good(), good()...), kerr.InvalidRecord},
		"none":                {9, []byte{}, kerr.InvalidRecord},
		"null":                {9, nil, kerr.InvalidRecord},
		"old format":          {9, changed(16, 1), kerr.InvalidRecord},
		"transactional batch": {9, withCRC(changed(22, attributeTransactional)), kerr.InvalidRecord},
		"control batch":       {9, withCRC(changed(22, attributeControl)), kerr.InvalidRecord},
		"zstd in version 6":   {6, withCRC(changed(22, 4)), kerr.UnsupportedCompressionType},
		"unknown codec":       {9, withCRC(changed(22, 5)), kerr.UnsupportedCompressionType},
		"too large":           {9, testBatch(t, 1, 5000, 1), kerr.MessageTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(c *storage.Config) { c.MaxBatchBytes = 4096 })
			f.create("t", 2)
			resp := f.ask(produceRequest(c.version, acksAll, "t", part{0, c.records}, part{1, good()})).(*kmsg.ProduceResponse)
			parts := resp.Topics[0].Partitions
			wantCode(t, "bad partition", parts[0].ErrorCode, c.want)
			wantCode(t, "good partition", parts[1].ErrorCode, nil)
			if parts[0].BaseOffset != -1 {
				t.Errorf("a refused partition has base offset %d", parts[0].BaseOffset)
			}
			if c.version >= 8 && (parts[0].ErrorMessage == nil || *parts[0].ErrorMessage == "") {
				t.Error("no message says what is wrong")
			}
			for index, want := range []int64{0, 4} {
				log, err := f.store.Log("t", int32(index))
				if err != nil {
					t.Fatal(err)
				}
				if log.EndOffset() != want {
					t.Errorf("partition %d ends at %d, want %d", index, log.EndOffset(), want)
				}
			}
		})
	}
}

func TestProduceRefusals(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	transactional := produceRequest(9, acksAll, "t", part{0, testBatch(t, 1, 20, 1)})
	transactional.TransactionID = kmsg.StringPtr("tx")
	for name, c := range map[string]struct {
		req  *kmsg.ProduceRequest
		want *kerr.Error
	}{
		"acks 2":             {produceRequest(9, 2, "t", part{0, testBatch(t, 1, 20, 1)}), kerr.InvalidRequiredAcks},
		"unknown topic":      {produceRequest(9, 1, "nope", part{0, testBatch(t, 1, 20, 1)}), kerr.UnknownTopicOrPartition},
		"unknown partition":  {produceRequest(9, 1, "t", part{1, testBatch(t, 1, 20, 1)}), kerr.UnknownTopicOrPartition},
		"negative partition": {produceRequest(9, 1, "t", part{-1, testBatch(t, 1, 20, 1)}), kerr.UnknownTopicOrPartition},
		"path as topic":      {produceRequest(9, 1, "../t", part{0, testBatch(t, 1, 20, 1)}), kerr.UnknownTopicOrPartition},
		"transaction":        {transactional, kerr.InvalidTxnState},
	} {
		resp := f.ask(c.req).(*kmsg.ProduceResponse)
		wantCode(t, name, resp.Topics[0].Partitions[0].ErrorCode, c.want)
	}
	if log, _ := f.store.Log("t", 0); log.EndOffset() != 0 {
		t.Errorf("%d records were appended", log.EndOffset())
	}
}

func TestMalformedProduceAppendsNothing(t *testing.T) {
	f := newFixture(t)
	f.create("t", 2)
	whole := produceRequest(9, 1, "t", part{0, testBatch(t, 1, 20, 1)}, part{1, testBatch(t, 1, 20, 1)}).AppendTo(nil)
	for length := range whole {
		e := newExchange(t, append(header(0, 9), whole[:length]...))
		f.log.serve(e)
		if e.hungUp == nil {
			t.Fatalf("a body cut to %d of %d bytes was answered", length, len(whole))
		}
	}
	for index := range int32(2) {
		if log, _ := f.store.Log("t", index); log.EndOffset() != 0 {
			t.Errorf("partition %d has %d records", index, log.EndOffset())
		}
	}
}

func TestProducedBytesAreStoredAsSent(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	var want []byte
	for seed := range uint64(5) {
		want = append(want, f.produced("t", 0, testBatch(t, 10, 700, seed))...)
	}
	got := f.fetched(fetchRequest(12, 0, 1, "t", from{0, 0, 1 << 20}))[0].RecordBatches
	if !bytes.Equal(got, want) {
		t.Errorf("fetched %d bytes that differ from the %d produced", len(got), len(want))
	}
}
