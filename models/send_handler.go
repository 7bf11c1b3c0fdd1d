package models

var sendHandler = Send{
	Name: "handler", Meaning: "sendfile on the io-N that handled the request; after a full socket, or when another thread completed the response, on any io-N, by way of the request queue",
	Stage: "Send; the first SendWait is nil", Blocks: "a handler, and requests behind it in the queue",
	Calls: map[FileCall]string{SendfileToSocket: sharedHandlers},
	mover: newSendfileMover, offload: sendOnHandlers, onHandlers: sendRegions,
}

// handlerSends is send strategy `handler` where it leaves the handler that handled
// the request: for a response that another thread completed, and when a full socket
// has become writable, the job goes to the handlers through the request queue. There
// it waits behind requests. When the queue is full, the loop waits for room as with a
// request (on-full=block); otherwise the job does so on no thread, and is the next to
// get room.
type handlerSends struct {
	handlers *handlers
	blocks   bool
}

func sendOnHandlers(e *env, handlers *handlers) (offloader, error) {
	return handlerSends{handlers, e.config.OnFull == OnFullBlock}, nil
}

func (s handlerSends) submit(j *Job) {
	j.sending = true
	queue := s.handlers.poolOf(j).queue
	if s.blocks {
		queue.put(j)
		return
	}
	queue.offerOrWait(j, func() {})
}

// writtenByHandler reports whether handler threads write the response.
func (e *env) writtenByHandler(j *Job) bool {
	if j.response.hasRegions() {
		return e.send.onHandlers == sendRegions
	}
	return e.config.HandlersWrite
}
