// Package models holds the threading models of a server, and the ways of sending file
// bytes from it. It never learns what a request means: that is a Service's.
//
// A request goes through the files in this order:
//
//	accept.go         a connection is accepted and given to the thread that will own it
//	frames.go         its bytes are cut into frames, each of which becomes a Job (job.go)
//	read.go           a loop takes requests in turn from the connections that it may read
//	request_queue.go  a request is queued for handlers, or finds the queue full (queue.go)
//	handle.go         a handler, or the thread that read it, runs the service
//	respond.go        its response goes out in the order of requests, on the thread that sends
//	send.go           bytes go into the socket; send_*.go are the ways of file bytes
//	stamps.go         on the way its boundaries are stamped, and in the end recorded
//
// A loop (loop.go) is a network thread that does this for many connections; other threads
// reach it by the mailbox of its poller (poller.go). An executor (executor.go) is a thread
// or goroutine that does it for one connection. A model is a page that composes these, and
// a line in the registry (registry.go), which shows all of them.
package models
