package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/child"
	"c10klab/internal/kafka"
	"c10klab/internal/knob"
	"c10klab/internal/stage"
	"c10klab/models"
	"c10klab/storage"
)

// patience bounds waits for what must happen; it is no measure of speed.
const patience = 60 * time.Second

// onEveryPair runs a test against a served log of every model and send strategy.
func onEveryPair(t *testing.T, test func(t *testing.T, addr string)) { onEveryPairWith(t, nil, test) }

// onEveryPairWith is onEveryPair with further knobs set.
func onEveryPairWith(t *testing.T, knobs map[string]string, test func(t *testing.T, addr string)) {
	onEveryPairOver(t, storage.LayoutPartitionLog, knobs, test)
}

// onEveryPairOver is onEveryPairWith over a store of the given layout.
func onEveryPairOver(t *testing.T, layout string, knobs map[string]string, test func(t *testing.T, addr string)) {
	for _, model := range models.Names() {
		for _, send := range models.SendNames() {
			t.Run(model+"/"+send, func(t *testing.T) {
				values := knob.NewTable(models.Knobs).Defaults()
				settings := map[string]string{"model": model, "send": send}
				maps.Copy(settings, knobs)
				for name, text := range settings {
					if err := values.Set(name, text); err != nil {
						t.Fatal(err)
					}
				}
				config, err := models.ConfigFrom(values, false)
				if err != nil {
					t.Fatal(err)
				}
				var refused *models.RefusedError
				if err := models.Check(config); errors.As(err, &refused) {
					t.Skip(refused)
				}
				test(t, serveLog(t, config, layout))
			})
		}
	}
}

// serveLog serves a fresh log and checks at the end that it stops clean.
func serveLog(t *testing.T, config models.Config, layout string) (addr string) {
	t.Helper()
	store, err := storage.Open([]string{t.TempDir()}, storage.Config{Layout: layout, SegmentBytes: 8 << 20, IndexIntervalBytes: 4096}, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := NewLog(store, LogConfig{AutoCreateTopics: true, DefaultPartitions: 1, FetchMaxBytes: 55 << 20})
	server, err := models.Start(config, "127.0.0.1:0", log, stage.NewRecorder(log.APIs()), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		log.Close()
		if err := errors.Join(server.Stop(ctx), store.Close()); err != nil {
			t.Error(err)
		}
	})
	host, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	log.Advertise(host, int32(number))
	return server.Addr()
}

func newConsumer(t *testing.T, addr, topic string, at kgo.Offset) *kgo.Client {
	t.Helper()
	return child.Client(t, addr, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: at}}), kgo.FetchMaxWait(time.Second))
}

func produceAll(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// wantRecords consumes exactly these records, each with its offset.
func wantRecords(t *testing.T, consumer *kgo.Client, firstOffset int64, want []*kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for next := 0; next < len(want); {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", next, len(want), err)
		}
		for _, got := range fetches.Records() {
			if next == len(want) {
				t.Fatalf("more than %d records", len(want))
			}
			w := want[next]
			if got.Offset != firstOffset+int64(next) || !bytes.Equal(got.Key, w.Key) || !bytes.Equal(got.Value, w.Value) || len(got.Headers) != len(w.Headers) {
				t.Fatalf("record %d at offset %d differs from the one produced", next, got.Offset)
			}
			next++
		}
	}
}

// testRecords differ in every field; half of each value compresses.
func testRecords(topic string, n, valueBytes int, seed uint64) []*kgo.Record {
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	records := make([]*kgo.Record, n)
	for i := range records {
		value := make([]byte, valueBytes)
		random.Read(value[:valueBytes/2])
		records[i] = &kgo.Record{Topic: topic, Key: fmt.Append(nil, seed, "-", i), Value: value,
			Headers: []kgo.RecordHeader{{Key: "n", Value: fmt.Append(nil, i)}}}
	}
	return records
}

var codecs = []struct {
	name  string
	codec kgo.CompressionCodec
}{
	{"none", kgo.NoCompression()},
	{"gzip", kgo.GzipCompression()},
	{"snappy", kgo.SnappyCompression()},
	{"lz4", kgo.Lz4Compression()},
	{"zstd", kgo.ZstdCompression()},
}

func TestClientReadsBackWhatItProducedInEveryCodec(t *testing.T) {
	onEveryPair(t, func(t *testing.T, addr string) {
		for i, c := range codecs {
			producer := child.Client(t, addr, kgo.ProducerBatchCompression(c.codec))
			records := testRecords("codec-"+c.name, 300, 1000, uint64(i))
			produceAll(t, producer, records...)
			wantRecords(t, newConsumer(t, addr, "codec-"+c.name, kgo.NewOffset().AtStart()), 0, records)
		}
	})
}

func TestClientReadsFromAnOffsetAndFollowsTheTail(t *testing.T) {
	onEveryPair(t, func(t *testing.T, addr string) {
		producer := child.Client(t, addr)
		old := testRecords("t", 100, 100, 1)
		for _, r := range old {
			produceAll(t, producer, r) // a batch each
		}
		wantRecords(t, newConsumer(t, addr, "t", kgo.NewOffset().At(63)), 63, old[63:])

		tail := newConsumer(t, addr, "t", kgo.NewOffset().At(100))
		for i := range 5 {
			fresh := testRecords("t", 1, 100, uint64(i))
			produceAll(t, producer, fresh...)
			wantRecords(t, tail, 100+int64(i), fresh)
		}
	})
}

// TestFetchesFromACommitLogAreManyRegions reads topics back whose batches lie between
// those of another.
func TestFetchesFromACommitLogAreManyRegions(t *testing.T) {
	onEveryPairOver(t, storage.LayoutCommitLog, nil, func(t *testing.T, addr string) {
		producer := child.Client(t, addr)
		one, other := testRecords("one", 50, 2000, 1), testRecords("other", 50, 3000, 2)
		for i := range one {
			produceAll(t, producer, one[i])
			produceAll(t, producer, other[i])
		}
		wantRecords(t, newConsumer(t, addr, "one", kgo.NewOffset().AtStart()), 0, one)
		wantRecords(t, newConsumer(t, addr, "other", kgo.NewOffset().AtStart()), 0, other)
	})
}

func TestSixteenMegabyteMessages(t *testing.T) {
	onEveryPair(t, func(t *testing.T, addr string) {
		producer := child.Client(t, addr, kgo.ProducerBatchMaxBytes(17<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
		records := testRecords("large", 2, 16<<20, 1)
		produceAll(t, producer, records...)
		wantRecords(t, newConsumer(t, addr, "large", kgo.NewOffset().AtStart()), 0, records)
	})
}

func TestEveryAcksLevel(t *testing.T) {
	onEveryPair(t, func(t *testing.T, addr string) {
		for name, acks := range map[string]kgo.Acks{"none": kgo.NoAck(), "leader": kgo.LeaderAck(), "all": kgo.AllISRAcks()} {
			producer := child.Client(t, addr, kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite())
			records := testRecords("acks-"+name, 20, 100, 1)
			produceAll(t, producer, records...)
			wantRecords(t, newConsumer(t, addr, "acks-"+name, kgo.NewOffset().AtStart()), 0, records)
		}
	})
}

// Whatever one client sends, another's requests are answered.
func TestBadClientsDisturbNobody(t *testing.T) {
	onEveryPair(t, func(t *testing.T, addr string) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		producer := child.Client(t, addr)
		produceAll(t, producer, testRecords("good", 1, 10, 0)...)
		corrupt := testBatch(t, 1, 100, 1)
		corrupt[len(corrupt)-1] ^= 1
		for name, c := range map[string]struct {
			bytes  []byte
			closes bool
		}{
			"half a frame":           {[]byte{0, 0, 1, 0, 0, 3}, false},
			"negative length":        {[]byte{0xff, 0xff, 0xff, 0xff}, true},
			"length above 100 MiB":   {[]byte{0x07, 0, 0, 0}, true},
			"empty frame":            {[]byte{0, 0, 0, 0}, true},
			"unknown API":            {framed(header(500, 0)), true},
			"unknown version":        {framed(header(3, 99)), true},
			"body that ends early":   {framed(header(3, 9)), true},
			"failed acks=0":          {framed(frameOf(produceRequest(9, 0, "good", part{0, corrupt}))), true},
			"produce to no topic":    {framed(frameOf(produceRequest(9, 1, "a/b", part{0, corrupt}))), false},
			"metadata of a bad name": {framed(frameOf(metadataRequest(9, true, "../a"))), false},
		} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			if c.closes {
				wantClosed(t, name, conn)
			}
		}
		client, err := kafka.Dial(ctx, addr)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		resp, err := client.Do(ctx, produceRequest(9, 1, "good", part{0, corrupt}))
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, "corrupt batch", resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode, kerr.CorruptMessage)
		produceAll(t, producer, testRecords("good", 1, 10, 1)...)
	})
}

func framed(frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
}

// wantClosed waits for the server to close the connection without a byte.
func wantClosed(t *testing.T, name string, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(make([]byte, 1))
	if timeout, ok := errors.AsType[net.Error](err); n != 0 || err == nil || ok && timeout.Timeout() {
		t.Errorf("%s: read %d bytes, %v; want the connection closed", name, n, err)
	} else if err != io.EOF {
		t.Logf("%s: %v", name, err)
	}
}
