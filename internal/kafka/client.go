package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Client sends control requests, one at a time. Any goroutine may call its
// methods.
type Client struct {
	// ID is the client id of all requests; set it before the first Do.
	ID string

	mu            sync.Mutex // held for a whole exchange
	conn          net.Conn
	correlationID int32
	buf           []byte
	broken        error // why the connection was given up
}

// Dial connects to a broker; the error names the address.
func Dial(ctx context.Context, addr string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to the Kafka broker at %s: %w", addr, err)
	}
	return &Client{ID: "c10klab", conn: conn}, nil
}

// Do sends req in the version set in it and waits for the answer until ctx ends.
// After an error the connection is out of step and closed; further calls report
// that error. Kafka error codes inside the response are the caller's to look at.
func (c *Client) Do(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return nil, c.broken
	}
	resp, err := c.exchange(ctx, req)
	if err == nil {
		return resp, nil
	}
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	c.broken = fmt.Errorf("%s to %s: %w", kmsg.NameForKey(req.Key()), c.conn.RemoteAddr(), err)
	c.conn.Close()
	return nil, c.broken
}

func (c *Client) exchange(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	resp, err := c.roundTrip(req)
	if !stop() && err == nil {
		err = ctx.Err() // the deadline stays behind on the connection
	}
	return resp, err
}

func (c *Client) roundTrip(req kmsg.Request) (kmsg.Response, error) {
	c.correlationID++
	c.buf = AppendRequest(c.buf[:0], c.correlationID, c.ID, req)
	if _, err := c.conn.Write(c.buf); err != nil {
		return nil, err
	}
	frame, err := c.readFrame()
	if err != nil {
		return nil, err
	}
	id, resp, err := ParseResponse(frame, req)
	if err != nil {
		return nil, err
	}
	if id != c.correlationID {
		return nil, fmt.Errorf("answered with correlation id %d, asked with %d", id, c.correlationID)
	}
	return resp, nil
}

func (c *Client) readFrame() ([]byte, error) {
	var prefix [PrefixBytes]byte
	if _, err := io.ReadFull(c.conn, prefix[:]); err != nil {
		if err == io.EOF {
			err = fmt.Errorf("%w: closed without an answer, as ports for TLS or SASL do, which are not supported", err)
		}
		return nil, fmt.Errorf("read response: %w", err)
	}
	n, err := FrameLength(prefix[:])
	if err != nil {
		return nil, err
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(c.conn, frame); err != nil {
		return nil, fmt.Errorf("read response of %d bytes: %w", n, err)
	}
	return frame, nil
}

// Close closes the connection; an exchange under way ends with an error.
func (c *Client) Close() error { return c.conn.Close() }
