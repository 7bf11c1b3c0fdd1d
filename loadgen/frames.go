package loadgen

import "c10klab/internal/poll"

// togetherBytes bounds the frames that go out in one send call: small ones, for which the
// call costs more than the bytes.
const togetherBytes = 16 << 10

// framePool lends buffers of request frames of one size, one to each connection that is
// sending, so that idle connections hold none. Any thread may use it.
type framePool struct {
	frameBytes int
	mu         poll.Mutex
	free       [][]byte
	// newBuffer makes one more, a whole number of frames.
	newBuffer func() []byte
}

// newFramePool makes one for connections that have up to so many requests in flight.
func newFramePool(p protocol, inFlight int) *framePool {
	frame := p.newFrame()
	together := max(1, min(togetherBytes/len(frame), inFlight))
	return &framePool{frameBytes: len(frame), free: [][]byte{sideBySide(p, frame, together)}, newBuffer: func() []byte {
		return sideBySide(p, p.newFrame(), together)
	}}
}

// sideBySide adds frames to a first one.
func sideBySide(p protocol, frame []byte, frames int) []byte {
	for range frames - 1 {
		frame = append(frame, p.newFrame()...)
	}
	return frame
}

func (p *framePool) take() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.free) - 1; last >= 0 {
		buffer := p.free[last]
		p.free = p.free[:last]
		return buffer
	}
	return p.newBuffer()
}

func (p *framePool) give(buffer []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, buffer)
}
