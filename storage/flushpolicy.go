package storage

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// flushPolicy says when records are forced to the device.
type flushPolicy struct {
	everyRequest bool          // before an append returns
	messages     int64         // 0: never by number
	interval     time.Duration // 0: never by time
}

// parseFlushPolicy reads the knob log-flush. It fails with ErrInvalidFlush.
func parseFlushPolicy(text string) (p flushPolicy, err error) {
	kind, value, valued := strings.Cut(text, ":")
	switch {
	case text == "" || text == "none":
	case text == "request":
		p.everyRequest = true
	case kind == "messages" && valued:
		p.messages, err = strconv.ParseInt(value, 10, 64)
		if err == nil && (p.messages < 1 || p.messages > math.MaxInt32) {
			err = strconv.ErrRange
		}
	case kind == "interval" && valued:
		p.interval, err = time.ParseDuration(value)
		if err == nil && p.interval < time.Millisecond {
			err = strconv.ErrRange
		}
	default:
		err = strconv.ErrSyntax
	}
	if err != nil {
		return flushPolicy{}, fmt.Errorf("%w: %q: want none, request, messages:N with N from 1, or interval:T with T from 1ms", ErrInvalidFlush, text)
	}
	return p, nil
}
