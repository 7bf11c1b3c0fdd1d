package models

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// connectionThread is all that one connection's thread uses for a small request, in
// one piece of memory: after each switch a thread finds its own memory beyond the cache
// that a thousand others went through since, and what lies together comes together.
type connectionThread struct {
	serial
	socket   warmingSocket
	waiting  futexCompletion
	counters threadCounters
	conn     conn
	spares   spares
	first    Job
	warmed   byte // keeps the compiler from leaving warm out
	answer   [smallAnswerBytes]byte
	scratch  [scratchBytes]byte
}

// smallAnswerBytes is what an answer may have that needs no memory of its own.
const smallAnswerBytes = 256

// warmBytes is the part of a connectionThread that nearly every request uses.
const warmBytes = unsafe.Offsetof(connectionThread{}.answer) + 2*cacheLineBytes

func newConnectionThread(e *env, a accepted) *connectionThread {
	t := new(connectionThread)
	t.socket = warmingSocket{blockingSocket{descriptor{a.fd}}, t}
	t.conn.open(e, &t.socket, a.fd, a.peer, &t.waiting, &t.spares)
	t.first.response.Buf = t.answer[:0]
	t.spares.push(&t.first)
	e.count(&t.counters, "conn")
	t.serial = serial{
		env: e, conn: &t.conn,
		waiting:  &t.waiting,
		wake:     func() { unix.Shutdown(a.fd, unix.SHUT_RD) },
		unsent:   func() int { return unsentBytes(a.fd) },
		receiver: e.newReceiver(&t.counters, t.scratch[:]),
		transmit: e.newTransmitter(&t.counters),
	}
	return t
}

// warmingSocket is a blockingSocket whose thread warms its memory when it runs again.
type warmingSocket struct {
	blockingSocket
	thread *connectionThread
}

func (s *warmingSocket) receive(r *receiver, p []byte) (int, int64, unix.Errno) {
	n, arrivedNs, errno := s.blockingSocket.receive(r, p)
	s.thread.warm()
	return n, arrivedNs, errno
}

const cacheLineBytes = 64

// warm reads a byte of each cache line that the next request will use, whoever may write it. The
// loads do not wait for each other, as those of the code that comes next do.
//
//go:norace
func (t *connectionThread) warm() {
	memory := (*[warmBytes / cacheLineBytes][cacheLineBytes]byte)(unsafe.Pointer(t))
	sum := byte(0)
	for i := range memory {
		sum += memory[i][0]
	}
	t.warmed = sum
}
