package loadgen

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"c10klab/internal/kafka"

	"golang.org/x/sys/unix"
)

const (
	badPause        = 100 * time.Millisecond // before a bad consumer connects again
	badReceiveBytes = 4 << 10                // of buffer, so small that most of an answer stays with the target
	trickleInterval = time.Second            // between the bytes that a trickle reads
	mostBeforeDeath = 64 << 10               // bytes of an answer that a dying consumer reads
)

// misbehaviours are what a bad consumer does with an answer of which it has read
// the length. They return when the connection is of no more use.
var misbehaviours = map[string]func(ctx context.Context, conn *net.TCPConn, answerBytes int64){
	BadDies: func(_ context.Context, conn *net.TCPConn, answerBytes int64) {
		io.CopyN(io.Discard, conn, min(answerBytes/2, mostBeforeDeath))
		conn.SetLinger(0) // a reset, in the middle of the answer
	},
	BadTrickle: func(ctx context.Context, conn *net.TCPConn, answerBytes int64) {
		for range answerBytes {
			if !sleep(ctx, trickleInterval) {
				return
			}
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				return
			}
		}
	},
	BadStuck: func(ctx context.Context, _ *net.TCPConn, _ int64) { <-ctx.Done() },
}

// badConsumers are consumers that harm the target while the load runs. They are goroutines on
// blocking sockets, in no statistics, and what breaks on their connections does not end the run.
type badConsumers struct {
	end     context.CancelFunc
	running sync.WaitGroup
	answers atomic.Int64 // that began to arrive and were treated badly
}

// startBadConsumers connects all once, so that a target that takes none of them
// fails the run, and lets them go on until stop.
func (l *load) startBadConsumers() error {
	if !l.cfg.misbehaves() {
		return nil
	}
	starts, err := l.laggingTopic.offsets(l.ctx, logStart)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(l.ctx)
	l.bad.end = end
	for i := range l.cfg.badCount() {
		p := i % len(starts)
		leader := l.laggingTopic.leader(p)
		conn, err := l.dialBad(ctx, leader)
		if err != nil {
			return fmt.Errorf("bad consumer %d: %w", i, err)
		}
		request := newFetchRequest(l.cfg, l.laggingTopic.name, []int32{int32(p)}, starts[p:p+1])
		frame := kafka.AppendRequest(nil, 1, clientID, &request)
		l.bad.running.Go(func() { l.misbehave(ctx, leader, conn, frame) })
	}
	return nil
}

func (b *badConsumers) stop() {
	if b.end != nil {
		b.end()
	}
	b.running.Wait()
}

func (l *load) dialBad(ctx context.Context, addr string) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: connectTimeout, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		failed := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, badReceiveBytes)
		})
		return cmp.Or(failed, err)
	}}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to target %s: %w", addr, err)
	}
	return conn.(*net.TCPConn), nil
}

// misbehave asks, treats the answer badly and connects anew, until ctx ends.
func (l *load) misbehave(ctx context.Context, addr string, conn *net.TCPConn, frame []byte) {
	for {
		if conn != nil {
			l.askBadly(ctx, conn, frame)
		}
		if !sleep(ctx, badPause) {
			return
		}
		conn, _ = l.dialBad(ctx, addr) // a target that takes no more is asked again
	}
}

// askBadly is the life of one connection.
func (l *load) askBadly(ctx context.Context, conn *net.TCPConn, frame []byte) {
	defer conn.Close()
	atEnd := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(0, 0)) })
	defer atEnd()
	if _, err := conn.Write(frame); err != nil {
		return
	}
	var prefix [kafka.PrefixBytes]byte
	if _, err := io.ReadFull(conn, prefix[:]); err != nil {
		return
	}
	l.bad.answers.Add(1)
	misbehaviours[l.cfg.BadConsumers](ctx, conn, int64(binary.BigEndian.Uint32(prefix[:])))
}
