package loadgen

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/kafka"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// bigAnswerBytes is the size of a fetch answer that no socket's buffers hold.
const bigAnswerBytes = 8 << 20

// badTarget is a broker whose fetches of topic "backlog" get one big answer; it
// counts how their connections end.
type badTarget struct {
	*fakeBroker
	silent   bool // gives none at all
	mu       sync.Mutex
	asked    int // fetches of the backlog
	wholly   int // answers that were taken whole
	brokenBy int // connections that broke within an answer
}

func startBadTarget(t *testing.T) *badTarget {
	target := &badTarget{fakeBroker: startFakeBroker(t)}
	target.create(t, "backlog", 2, 1)
	broker := target.handle
	target.handle = func(conn net.Conn, frame []byte) bool {
		if h, body, err := kafka.ParseRequestHeader(frame[kafka.PrefixBytes:]); err == nil && h.Key == kmsg.Fetch.Int16() {
			req := kmsg.NewPtrFetchRequest()
			req.SetVersion(h.Version)
			if req.ReadFrom(body) == nil && req.Topics[0].Topic == "backlog" {
				return target.silent || target.answerBig(conn)
			}
		}
		return broker(conn, frame)
	}
	return target
}

func (b *badTarget) answerBig(conn net.Conn) bool {
	b.count(&b.asked)
	if _, err := conn.Write(framed(make([]byte, bigAnswerBytes))); err != nil {
		b.count(&b.brokenBy)
		return false
	}
	b.count(&b.wholly)
	// Nothing more comes from a consumer that took all.
	_, _ = bufio.NewReader(conn).WriteTo(io.Discard)
	return false
}

func (b *badTarget) count(n *int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*n++
}

func TestBadConsumersHarmTheTargetAndNothingElse(t *testing.T) {
	for _, way := range []string{BadDies, BadTrickle, BadStuck} {
		before := runtime.NumGoroutine()
		b := startBadTarget(t)
		m := run(t, kafkaConfig(t, b.addr, "bad-consumers", way, "bad-connections", "4", "lagging-topic", "backlog", "window", "1s"))
		b.close()
		if m.BadAnswers < 4 || b.asked < 4 {
			t.Errorf("%s: %d fetches, %d answers began to arrive", way, b.asked, m.BadAnswers)
		}
		if b.wholly != 0 || b.brokenBy != b.asked {
			t.Errorf("%s: of %d answers %d were taken whole, %d connections broke within one", way, b.asked, b.wholly, b.brokenBy)
		}
		if m.BadAnswers > 4 && way != BadDies {
			t.Errorf("%s: %d answers for 4 connections", way, m.BadAnswers)
		}
		if m.FetchedMBps != 0 || m.Histograms[hdr.Key{Stage: "ServiceTime", API: "Fetch"}] != nil || m.Errors != 0 {
			t.Errorf("%s: bad consumers are in the statistics: %g MB/s, %v, %d errors", way, m.FetchedMBps, m.Histograms.Keys(), m.Errors)
		}
		if m.InFlightAtEnd != 0 || m.Answered == 0 {
			t.Errorf("%s: %d produce answers, %d missing", way, m.Answered, m.InFlightAtEnd)
		}
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%s: %d goroutines before, %d after", way, before, after)
		}
	}
}

func TestBadConsumersWithoutAnAnswerAreAProblem(t *testing.T) {
	b := startBadTarget(t)
	b.silent = true
	m := run(t, kafkaConfig(t, b.addr, "bad-consumers", "stuck", "bad-connections", "1", "lagging-topic", "backlog"))
	if m.BadAnswers != 0 || !hasProblem(m, "bad consumer") {
		t.Errorf("%d answers, problems %q", m.BadAnswers, m.Problems)
	}
}
