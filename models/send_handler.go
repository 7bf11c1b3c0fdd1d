package models

// handlerSends is send strategy `handler` where it leaves the handler that handled
// the request: for a response that another thread completed, and when a full socket
// has become writable, the job goes to the handlers through the request queue. There
// it waits behind requests, and the loop waits for room as with a request.
type handlerSends struct{ handlers *handlerPool }

func sendOnHandlers(_ *env, handlers *handlerPool) (offloader, error) {
	return handlerSends{handlers}, nil
}

func (s handlerSends) submit(j *Job) {
	j.sending = true
	s.handlers.queue.put(j)
}

// close has nothing to end: the handlers end with their queue.
func (handlerSends) close() {}

// writtenByHandler reports whether handler threads write the response.
func (e *env) writtenByHandler(j *Job) bool {
	if j.response.hasRegions() {
		return e.send.onHandlers == sendRegions
	}
	return e.config.HandlersWrite
}
