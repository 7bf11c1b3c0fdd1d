package models

import (
	"time"

	"c10klab/internal/knob"
	"c10klab/internal/stage"
)

// Knobs are what a server's threads can be tuned by.
var Knobs = []knob.Knob{
	{Name: "model", Kind: knob.Choice, Choices: Names(), Default: "loop-per-thread-pool",
		Meaning: "threading model"},
	{Name: "send", Kind: knob.Choice, Choices: SendNames(), Default: "inline",
		Meaning: "how and on which thread file bytes of a response are sent"},
	{Name: "loops", Kind: knob.Int, Unit: "threads", Default: "3", Min: 1, Max: 1024,
		Meaning: "network threads of loop-per-thread and loop-per-thread-pool (Kafka: num.network.threads)"},
	{Name: "handlers", Kind: knob.Int, Unit: "threads", Default: "8", Min: 1, Max: 4096,
		Meaning: "handler threads of reactor-pool and loop-per-thread-pool (Kafka: num.io.threads)"},
	{Name: "request-queue", Kind: knob.Int, Unit: "requests", Default: "500", Min: 1, Max: 1 << 20,
		Meaning: "bound of the request queue, and of the isolated class's own (Kafka: queued.max.requests)"},
	{Name: "on-full", Kind: knob.Choice, Choices: []string{OnFullBlock, OnFullPause, OnFullSplit, OnFullShed}, Default: OnFullBlock,
		Meaning: "what a network thread does when the request queue is full; block: wait, and send nothing meanwhile (Kafka); pause: read nothing until there is room, go on sending; split: wait on a reading thread, a writing thread sends; shed: have the service refuse the request at once"},
	{Name: "isolate", Kind: knob.Text, Default: isolateNone,
		Meaning: "class of requests, such as Fetch, that gets a request queue and handler threads of its own; none: all share one"},
	{Name: "isolated-handlers", Kind: knob.Int, Unit: "threads", Default: "2", Min: 1, Max: 4096,
		Meaning: "handler threads of the isolated class"},
	{Name: "handler-wake", Kind: knob.Choice, Choices: []string{"auto", "request", "turn"}, Default: "auto",
		Meaning: "when a network thread wakes handlers: request: as it queues each request (Kafka); turn: when it has read what there was, and then lets them run first; auto: turn where the server has one CPU, on which a woken handler could only take the network thread's place"},
	{Name: "connection-queue", Kind: knob.Int, Unit: "connections", Default: "20", Min: 1, Max: 1 << 16,
		Meaning: "bound of each network thread's queue of new connections (Kafka: 20)"},
	{Name: "response-writer", Kind: knob.Choice, Choices: []string{"loop", "handler"}, Default: "loop",
		Meaning: "which thread writes responses without file bytes where handlers have threads of their own"},
	{Name: "max-in-flight", Kind: knob.Int, Unit: "requests", Default: "1", Min: 1, Max: 1 << 16,
		Meaning: "requests of one connection under way at a time; further ones wait unread (Kafka: 1)"},
	{Name: "send-threads", Kind: knob.Int, Unit: "threads", Default: "16", Min: 1, Max: 4096,
		Meaning: "threads of send strategies pool, shared-selector, selector-pool and resident"},
	{Name: "send-queue", Kind: knob.Int, Unit: "responses", Default: "65536", Min: 1, Max: 1 << 24,
		Meaning: "bound of the send threads' work queue (nginx: 65536)"},
	{Name: "send-cap", Kind: knob.Bytes, Default: "0", Max: 64 << 20,
		Meaning: "most file bytes of one send call, and of one chunk of resident and shared-selector; 0: 256 KiB under resident (but for files hot for a second), shared-selector and mmap, else no cap, as in Kafka (nginx: sendfile_max_chunk 2 MiB)"},
	{Name: "sends-per-turn", Kind: knob.Int, Unit: "calls", Default: "0", Max: 1 << 20,
		Meaning: "send calls of file bytes after which a response takes its turn behind others; 0: none until the socket is full; always 1 under resident and shared-selector, never where a connection has its own thread"},
	{Name: "selector-timeout", Kind: knob.Duration, Default: "60s", Min: 0.001, Max: 86_400,
		Meaning: "longest wait of selector-pool for a socket that takes nothing, then the connection is closed (Hadoop DataNode: 480 s)"},
	{Name: "residency-probe", Kind: knob.Choice, Choices: []string{probeAdaptive, probeNoWait, probeCachestat}, Default: probeAdaptive,
		Meaning: "how resident asks whether a chunk is in the page cache. nowait: preadv2 with RWF_NOWAIT, right and a copy; cachestat: known to be wrong, it also counts pages still being read; adaptive: cachestat where that is certain or the file was hot for a second, else nowait"},
	{Name: "blocked-time", Kind: knob.Choice, Choices: []string{"auto", "on", "off"}, Default: "auto",
		Meaning: "measure BlockedOnDisk around each send call of file bytes, where sockets do not wait; auto: on for service log, else off"},
	{Name: "poll-timeout", Kind: knob.Duration, Default: "300ms",
		Meaning: "longest time a loop waits for events (Kafka: 300 ms)"},
	{Name: "kernel-stamps", Kind: knob.Choice, Choices: []string{"auto", "on", "off"}, Default: "auto",
		Meaning: "arrival stamps by the kernel, for SocketQueue; auto: on for service log, else off"},
	{Name: "stages", Kind: knob.Bool, Default: "true",
		Meaning: "stamp and record the stages of each request"},
	{Name: "pin-threads", Kind: knob.Bool, Default: "false",
		Meaning: "pin each thread to one CPU of the process, round robin"},
	{Name: "scheduling", Kind: knob.Choice, Choices: []string{"normal", "batch"}, Default: "normal",
		Meaning: "the kernel's policy for the server's threads; batch: a thread that wakes does not preempt the one that runs (SCHED_BATCH)"},
	{Name: "socket-buffer", Kind: knob.Bytes, Default: "100KiB",
		Meaning: "SO_SNDBUF and SO_RCVBUF of connections, 0: the kernel's own tuning (Kafka: 100 KiB)"},
	{Name: "backlog", Kind: knob.Int, Unit: "connections", Default: "1024", Min: 1, Max: 1 << 16,
		Meaning: "listen backlog, capped by net.core.somaxconn (Kafka: 50)"},
	{Name: "max-connections", Kind: knob.Int, Unit: "connections", Default: "0", Max: 1e6,
		Meaning: "connections that the server must have room for: descriptors and threads are checked when it starts, further connections are closed at once; 0: no bound but the system's (Kafka: max.connections)"},
	{Name: "max-frame", Kind: knob.Bytes, Default: "100MiB", Min: 1024, Max: 128 << 20,
		Meaning: "longest request accepted (Kafka: socket.request.max.bytes)"},
	{Name: "plant", Kind: knob.Text, Default: "",
		Meaning: "STAGE=DURATION: a delay put into one stage of every request, for known-answer tests"},
}

// Config is how a server is put together. Times and bounds as in Knobs.
type Config struct {
	Model, Send       string
	Loops             int
	Handlers          int
	RequestQueue      int
	OnFull            string // one of OnFullBlock and its like
	Isolate           string // name of a class with handlers of its own, "none" or empty: none
	IsolatedHandlers  int
	HandlerWake       string // auto (or empty), request or turn
	ConnectionQueue   int
	HandlersWrite     bool // response-writer = handler
	InFlight          int
	SendThreads       int
	SendQueueBound    int
	SendCapBytes      int // 0: the strategy's own
	SendsPerTurn      int // 0: no bound
	SelectorTimeout   time.Duration
	ResidencyProbe    string
	BlockedTime       bool
	PollTimeout       time.Duration
	KernelStamps      bool
	PinThreads        bool
	Batch             bool // scheduling = batch
	SocketBufferBytes int
	Backlog           int
	MaxConnections    int // 0: no bound
	MaxFrameBytes     int
	Plant             stage.Plant
}

// ConfigFrom reads the knobs; auto is what `auto` means for the service.
func ConfigFrom(v *knob.Values, auto bool) (Config, error) {
	plant, err := stage.ParsePlant(v.Text("plant"))
	if err != nil {
		return Config{}, err
	}
	onOff := func(knob string) bool {
		text := v.Text(knob)
		return text == "on" || text == "auto" && auto
	}
	return Config{
		Model: v.Text("model"), Send: v.Text("send"),
		Loops: v.Int("loops"), Handlers: v.Int("handlers"),
		RequestQueue: v.Int("request-queue"), OnFull: v.Text("on-full"),
		Isolate: v.Text("isolate"), IsolatedHandlers: v.Int("isolated-handlers"),
		HandlerWake: v.Text("handler-wake"), ConnectionQueue: v.Int("connection-queue"),
		HandlersWrite: v.Text("response-writer") == "handler", InFlight: v.Int("max-in-flight"),
		SendThreads: v.Int("send-threads"), SendQueueBound: v.Int("send-queue"),
		SendCapBytes: int(v.Bytes("send-cap")), SendsPerTurn: v.Int("sends-per-turn"),
		SelectorTimeout: v.Duration("selector-timeout"), ResidencyProbe: v.Text("residency-probe"),
		BlockedTime: onOff("blocked-time"),
		PollTimeout: v.Duration("poll-timeout"), KernelStamps: onOff("kernel-stamps"),
		PinThreads: v.Bool("pin-threads"), Batch: v.Text("scheduling") == "batch",
		SocketBufferBytes: int(v.Bytes("socket-buffer")),
		Backlog:           v.Int("backlog"), MaxConnections: v.Int("max-connections"), MaxFrameBytes: int(v.Bytes("max-frame")), Plant: plant,
	}, nil
}
