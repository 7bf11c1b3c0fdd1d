package models

var sendHandler = Send{
	Name: "handler", Meaning: "sendfile on the io-N that handled the request; after a full socket, or when another thread completed the response, on any io-N, by way of the request queue",
	Stage: "Send; the first SendWait is nil", Blocks: "a handler, and requests behind it in the queue",
	Calls: map[FileCall]string{SendfileToSocket: sharedHandlers},
	mover: newSendfileMover, onHandlers: sendRegions,
	offload: func(_ *env, h *handlers) (offloader, error) { return h, nil },
}

// submit is for responses that left the handler which handled the request. They go to the
// handlers through the request queue. When that is full, the loop waits for room as with a
// request (on-full=block); otherwise the job does so on no thread, and is the next to get
// room.
func (h *handlers) submit(j *Job) {
	j.sending = true
	p := h.poolOf(j)
	if p.env.config.OnFull == OnFullBlock {
		p.queue.put(j)
		return
	}
	p.queue.offerOrWait(j, func() {})
}

// writtenByHandler reports whether handler threads write the response.
func (e *env) writtenByHandler(j *Job) bool {
	if j.response.hasRegions() {
		return e.send.onHandlers == sendRegions
	}
	return e.config.HandlersWrite
}
