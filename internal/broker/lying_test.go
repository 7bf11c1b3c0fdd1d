package broker

import (
	"bytes"
	"encoding/binary"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/vfs"
	"c10klab/storage"
)

// checking lets the store look into batches, as its knobs' defaults do.
func checking(c *storage.Config) {
	c.CheckRecords, c.MaxDecompressedBytes = true, 1<<20
}

// produceOne produces a batch to partition 0 of "t".
func (f *fixture) produceOne(records []byte) kmsg.ProduceResponseTopicPartition {
	resp := f.ask(produceRequest(9, acksAll, "t", part{0, records})).(*kmsg.ProduceResponse)
	return resp.Topics[0].Partitions[0]
}

func TestBatchesThatLieAreRefused(t *testing.T) {
	packed := func(codec byte, body []byte) []byte {
		b := append(testBatch(t, 1, 20, 1)[:61:61], body...)
		b[22] = codec
		binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
		return withCRC(b)
	}
	changed := func(change func(b []byte)) []byte {
		b := testBatch(t, 4, 100, 9)
		change(b)
		return withCRC(b)
	}
	f := newFixture(t, checking)
	f.create("t", 1)
	for name, c := range map[string]struct {
		records []byte
		want    *kerr.Error
	}{
		"an offset twice":         {changed(func(b []byte) { b[61+2+2] = 1 }), kerr.InvalidRecord},
		"a record less than said": {changed(func(b []byte) { b[26]++; b[60]++ }), kerr.InvalidRecord},
		"an impossible time":      {changed(func(b []byte) { b[27] = 0xff }), kerr.InvalidTimestamp},
		"log append time":         {changed(func(b []byte) { b[22] |= 8 }), kerr.InvalidTimestamp},
		"no compressed data":      {packed(1, []byte("not gzip at all")), kerr.CorruptMessage},
		"a bomb":                  {packed(2, snappy.Encode(nil, make([]byte, 2<<20))), kerr.MessageTooLarge},
	} {
		p := f.produceOne(c.records)
		wantCode(t, name, p.ErrorCode, c.want)
		if p.ErrorMessage == nil || *p.ErrorMessage == "" {
			t.Errorf("%s: no message says what is wrong", name)
		}
	}
	if log, _ := f.store.Log("t", 0); log.EndOffset() != 0 {
		t.Errorf("%d records were appended", log.EndOffset())
	}
	good := testBatch(t, 1, 20, 1)
	wantCode(t, "a sound compressed batch", f.produceOne(packed(2, snappy.Encode(nil, good[61:]))).ErrorCode, nil)
}

// TestAFailedFsyncIsAStorageErrorFromThenOn fails the device once: what waited for it
// and all that follows is refused, and readers see nothing of it.
func TestAFailedFsyncIsAStorageErrorFromThenOn(t *testing.T) {
	var failing atomic.Bool
	f := newFixture(t, func(c *storage.Config) {
		c.LogFlush = "request"
		c.FS = vfs.Faulty{FS: vfs.OS, Fault: func(op vfs.Op, path string) error {
			if op == vfs.OpSync && failing.Load() {
				return syscall.EIO
			}
			return nil
		}}
	})
	f.create("t", 1)
	wantCode(t, "before", f.produceOne(testBatch(t, 1, 20, 1)).ErrorCode, nil)
	failing.Store(true)
	p := f.produceOne(testBatch(t, 1, 20, 2))
	wantCode(t, "while the device fails", p.ErrorCode, kerr.KafkaStorageError)
	if p.ErrorMessage == nil || !strings.Contains(*p.ErrorMessage, syscall.EIO.Error()) {
		t.Errorf("the message does not say why: %v", p.ErrorMessage)
	}
	failing.Store(false)
	wantCode(t, "afterwards", f.produceOne(testBatch(t, 1, 20, 3)).ErrorCode, kerr.KafkaStorageError)
	if log, _ := f.store.Log("t", 0); log.HighWatermark() != 1 {
		t.Errorf("readers see up to %d", log.HighWatermark())
	}
}

func TestIdempotentProducers(t *testing.T) {
	f := newFixture(t, checking)
	f.create("t", 1)
	from := func(epoch int16, sequence int32) []byte {
		b := testBatch(t, 3, 50, 1)
		binary.BigEndian.PutUint64(b[43:], 77)
		binary.BigEndian.PutUint16(b[51:], uint16(epoch))
		binary.BigEndian.PutUint32(b[53:], uint32(sequence))
		return withCRC(b)
	}
	for _, c := range []struct {
		name    string
		records []byte
		want    *kerr.Error
		base    int64
	}{
		{"the first", from(1, 0), nil, 0},
		{"the next", from(1, 3), nil, 3},
		{"the first again", from(1, 0), nil, 0},
		{"the next again", from(1, 3), nil, 3},
		{"a gap", from(1, 9), kerr.OutOfOrderSequenceNumber, -1},
		{"an old epoch", from(0, 6), kerr.InvalidProducerEpoch, -1},
		{"no sequence", from(1, -1), kerr.InvalidRecord, -1},
		{"one after all that", from(1, 6), nil, 6},
	} {
		p := f.produceOne(bytes.Clone(c.records))
		wantCode(t, c.name, p.ErrorCode, c.want)
		if p.BaseOffset != c.base {
			t.Errorf("%s: base offset %d, want %d", c.name, p.BaseOffset, c.base)
		}
	}
	if log, _ := f.store.Log("t", 0); log.EndOffset() != 9 {
		t.Errorf("the log ends at %d", log.EndOffset())
	}
	if got := f.log.appendedBytes.Load(); got != 3*int64(len(from(1, 0))) {
		t.Errorf("appended %d bytes", got)
	}
}
