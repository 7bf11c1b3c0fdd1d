package models

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"c10klab/internal/record"
)

// await returns once something is so that must become so.
func (b *bench) await(what string, is func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !is(); runtime.Gosched() {
		if time.Now().After(deadline) {
			b.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// What clients sent and got is what the server's threads say they moved, whichever
// thread did it.
func TestThreadsCountEveryByteTheyMove(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		c := b.dial()
		var sent, got int64
		for tag := range uint32(5) {
			echo, file := request(opEcho, tag, []byte("hello")), request(opFile, tag, number(0), number(200_000))
			c.send(echo)
			c.expect(tag, []byte("hello"))
			c.send(file)
			c.expect(tag, b.fileAnswer(0, 200_000))
			sent += int64(len(echo) + len(file))
			got += lengthBytes + 4 + 5 + lengthBytes + 4 + 200_002
		}
		c.Close()
		b.awaitNoConnections()
		b.stop()
		var received, written int64
		for _, io := range b.server.ThreadIO() {
			received, written = received+io.ReceivedBytes, written+io.SentBytes
			if io.SentBytes > 0 && (io.SendCalls == 0 || io.SendNs <= 0) || io.ReceivedBytes > 0 && (io.ReceiveCalls == 0 || io.ReceiveNs < 0) {
				t.Errorf("bytes were moved in no call or no time: %+v", io)
			}
			if io.BlockedNs > io.SendNs {
				t.Errorf("blocked for longer than the sends took: %+v", io)
			}
		}
		if received != sent || written != got {
			t.Errorf("clients sent %d bytes and got %d, the server counts %d and %d", sent, got, received, written)
		}
	})
}

func TestQueueLengthsArePublished(t *testing.T) {
	b := startBench(t, defaultConfig(t, "handlers=1", "loops=1"))
	const waiting = 5
	var clients []client
	for i := range uint32(1 + waiting) {
		c := b.dial()
		c.send(request(opGate, i))
		clients = append(clients, c)
	}
	requests := func() record.QueueLength {
		for _, q := range b.server.QueueLengths() {
			if q.Name == "requests" {
				return q
			}
		}
		t.Fatal("the request queue is not published")
		return record.QueueLength{}
	}
	b.await("the queue to fill", func() bool { return requests().Now == waiting })
	if q := requests(); q.Longest < waiting {
		t.Errorf("%d wait and the longest was %d", q.Now, q.Longest)
	}
	close(b.service.gate)
	for i, c := range clients {
		c.expect(uint32(i), nil)
	}
	if q := requests(); q.Now != 0 || q.Longest < waiting {
		t.Errorf("after all answers %d wait and the longest was %d", q.Now, q.Longest)
	}
	b.server.MarkQueues()
	if q := requests(); q.Longest != 0 {
		t.Errorf("right after a mark the longest is %d", q.Longest)
	}
	var names []string
	for _, q := range b.server.QueueLengths() {
		names = append(names, q.Name)
	}
	if got, want := strings.Join(names, " "), "requests responses/net-0 connections/net-0"; got != want {
		t.Errorf("queues %s, want %s", got, want)
	}
}

func TestIdleHandlersAreCounted(t *testing.T) {
	b := startBench(t, defaultConfig(t, "handlers=2"))
	idle := func() record.HandlerIdle { return b.server.HandlerIdle()[0] }
	b.await("sleeping handlers to be counted as idle", func() bool { return idle().IdleNs > 0 })
	if got := idle(); got.Pool != sharedHandlers || got.Threads != 2 {
		t.Errorf("the pool is published as %+v", got)
	}
	before := idle()
	b.await("time without requests to count", func() bool { return idle().IdleNs > before.IdleNs })
}
