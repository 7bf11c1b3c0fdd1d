package clients

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"c10klab/internal/batch"
	"c10klab/internal/child"
	"c10klab/internal/need"
)

var kcatCodecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// kcat is librdkafka's command, which shares no line with franz-go.
type kcat struct{ program, broker string }

func kcatOf(t *testing.T, s *child.Server) kcat {
	t.Helper()
	return kcat{need.Program(t, "kcat", "kcat"), s.Listen}
}

// run returns what kcat prints.
func (k kcat) run(t *testing.T, args ...string) []byte {
	t.Helper()
	p := child.Start(t, k.program, append([]string{"-b", k.broker, "-q", "-X", "socket.timeout.ms=30000"}, args...)...)
	if status := p.Wait(t); status != 0 {
		t.Fatalf("kcat %q ended with %d", args, status)
	}
	return []byte(p.Stdout.String())
}

// produce sends each file as one message, all in one batch: librdkafka leaves a
// batch uncompressed that would not shrink, as one of the smallest alone.
func (k kcat) produce(t *testing.T, topic, codec string, files ...string) {
	t.Helper()
	k.run(t, slices.Concat([]string{"-P", "-t", topic, "-p", "0", "-z", codec,
		"-X", "message.max.bytes=100000000", "-X", "linger.ms=10000", "-X", "batch.num.messages=" + strconv.Itoa(len(files))}, files)...)
}

// message is a record as a consumer got it.
type message struct {
	offset int
	value  []byte
}

// consume reads from an offset in kcat's notation to the end of the log.
func (k kcat) consume(t *testing.T, topic, from string) []message {
	t.Helper()
	out := k.run(t, "-C", "-t", topic, "-p", "0", "-o", from, "-e", "-f", "%o %S %s",
		"-X", "fetch.message.max.bytes=100000000", "-X", "receive.message.max.bytes=200000000", "-X", "fetch.wait.max.ms=20")
	var messages []message
	for len(out) > 0 {
		var m message
		m.offset, out = leadingNumber(t, out)
		n, rest := leadingNumber(t, out)
		if n > len(rest) {
			t.Fatalf("kcat says that offset %d has %d bytes and shows %d", m.offset, n, len(rest))
		}
		m.value, out = rest[:n], rest[n:]
		messages = append(messages, m)
	}
	return messages
}

// leadingNumber takes a number and the space after it off the text.
func leadingNumber(t *testing.T, text []byte) (int, []byte) {
	t.Helper()
	digits, rest, _ := bytes.Cut(text, []byte(" "))
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		t.Fatalf("kcat's output: %v", err)
	}
	return n, rest
}

// writeValues makes files of random bytes, half of each compressible.
func writeValues(t *testing.T, sizes ...int) (values [][]byte, files []string) {
	t.Helper()
	dir := t.TempDir()
	random := rand.NewChaCha8([32]byte{byte(len(sizes))})
	for i, size := range sizes {
		value := make([]byte, size)
		random.Read(value[:(size+1)/2])
		file := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(file, value, 0o600); err != nil {
			t.Fatal(err)
		}
		values, files = append(values, value), append(files, file)
	}
	return values, files
}

// wantMessages compares every byte; the first message has offset first.
func wantMessages(t *testing.T, what string, got []message, first int, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d messages, want %d", what, len(got), len(want))
		return
	}
	for i, m := range got {
		if m.offset != first+i || !bytes.Equal(m.value, want[i]) {
			t.Errorf("%s: message %d has offset %d and %d bytes; it differs from the one produced, at offset %d with %d bytes",
				what, i, m.offset, len(m.value), first+i, len(want[i]))
			return
		}
	}
}

func TestKcatReadsBackWhatItProduced(t *testing.T) {
	need.Program(t, "kcat", "kcat")
	child.OnEveryPair(t, func(t *testing.T, model, send string) {
		dir := t.TempDir()
		k := kcatOf(t, child.Serve(t, "--data", dir, "--model", model, "--send", send))
		values, files := writeValues(t, 1, 10, 100, 1000, 5000, 20_000, 70_000, 300_000)
		var all [][]byte
		for _, codec := range kcatCodecs {
			k.produce(t, "t", codec, files...)
			all = append(all, values...)
		}
		if got := codecsInLog(t, filepath.Join(dir, "t-0")); !slices.Equal(got, kcatCodecs) {
			t.Errorf("the log holds batches of codecs %v, want %v: librdkafka falls back to none in silence", got, kcatCodecs)
		}
		middle := len(values) + len(values)/2 // within what one codec wrote
		wantMessages(t, "from the beginning", k.consume(t, "t", "beginning"), 0, all)
		wantMessages(t, "from an offset", k.consume(t, "t", strconv.Itoa(middle)), middle, all[middle:])
		wantMessages(t, "the tail", k.consume(t, "t", "-5"), len(all)-5, all[len(all)-5:])
	})
}

// codecsInLog names the codecs of a partition's batches, each run of one once.
func codecsInLog(t *testing.T, partition string) []string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(partition, fmt.Sprintf("%020d.log", 0)))
	if err != nil {
		t.Fatal(err)
	}
	var codecs []string
	tail, err := batch.Walk(log, func(h batch.Header, _ []byte) error {
		codecs = append(codecs, h.Compression().String())
		return nil
	})
	if err != nil || len(tail) > 0 {
		t.Fatalf("the log's last %d bytes are no batch: %v", len(tail), err)
	}
	return slices.Compact(codecs)
}

func TestKcatFollowsTheTail(t *testing.T) {
	k := kcatOf(t, child.Serve(t, "--data", t.TempDir()))
	values, files := writeValues(t, 10, 1000)
	k.produce(t, "t", "none", files[0])
	follower := child.Start(t, k.program, "-b", k.broker, "-q", "-u", "-C", "-t", "t", "-p", "0", "-o", "beginning", "-c", "2", "-f", "%o %S %s")
	child.Eventually(t, "the follower has the first message", func() bool { return follower.Stdout.String() != "" })
	k.produce(t, "t", "none", files[1])
	if status := follower.Wait(t); status != 0 {
		t.Fatalf("kcat ended with %d", status)
	}
	want := fmt.Sprintf("0 %d %s1 %d %s", len(values[0]), values[0], len(values[1]), values[1])
	if got := follower.Stdout.String(); got != want {
		t.Errorf("the follower got %d bytes that differ from the %d wanted", len(got), len(want))
	}
}

func TestKcatSendsAndReadsSixteenMegabyteMessages(t *testing.T) {
	need.Program(t, "kcat", "kcat")
	child.OnEveryPair(t, func(t *testing.T, model, send string) {
		k := kcatOf(t, child.Serve(t, "--data", t.TempDir(), "--model", model, "--send", send))
		values, files := writeValues(t, 16<<20)
		k.produce(t, "t", "none", files...)
		wantMessages(t, "one large message", k.consume(t, "t", "beginning"), 0, values)
	})
}
