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
	{Name: "send", Group: knob.Send, Kind: knob.Choice, Choices: SendNames(), Default: "inline",
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
	{Name: "connection-queue", Group: knob.Connection, Kind: knob.Int, Unit: "connections", Default: "20", Min: 1, Max: 1 << 16,
		Meaning: "bound of each network thread's queue of new connections (Kafka: 20)"},
	{Name: "response-writer", Kind: knob.Choice, Choices: []string{"loop", "handler"}, Default: "loop",
		Meaning: "which thread writes responses without file bytes where handlers have threads of their own"},
	{Name: "max-in-flight", Group: knob.Connection, Kind: knob.Int, Unit: "requests", Default: "1", Min: 1, Max: 1 << 16,
		Meaning: "requests of one connection under way at a time; further ones wait unread (Kafka: 1)"},
	{Name: "send-threads", Group: knob.Send, Kind: knob.Int, Unit: "threads", Default: "16", Min: 1, Max: 4096,
		Meaning: "threads of send strategies pool, shared-selector, selector-pool and resident"},
	{Name: "send-queue", Group: knob.Send, Kind: knob.Int, Unit: "responses", Default: "65536", Min: 1, Max: 1 << 24,
		Meaning: "bound of the send threads' work queue (nginx: 65536)"},
	{Name: "send-cap", Group: knob.Send, Kind: knob.Bytes, Default: "0", Max: 64 << 20,
		Meaning: "most file bytes of one send call, and of one chunk of resident and shared-selector; 0: 256 KiB under resident (but for files hot for a second), shared-selector and mmap, else no cap, as in Kafka (nginx: sendfile_max_chunk 2 MiB)"},
	{Name: "sends-per-turn", Group: knob.Send, Kind: knob.Int, Unit: "calls", Default: "0", Max: 1 << 20,
		Meaning: "send calls of file bytes after which a response takes its turn behind others; 0: none until the socket is full; always 1 under resident and shared-selector, never where a connection has its own thread"},
	{Name: "selector-timeout", Group: knob.Send, Kind: knob.Duration, Default: "60s", Min: 0.001, Max: 86_400,
		Meaning: "longest wait of selector-pool for a socket that takes nothing, then the connection is closed (Hadoop DataNode: 480 s)"},
	{Name: "residency-probe", Group: knob.Send, Kind: knob.Choice, Choices: []string{probeAdaptive, probeNoWait, probeCachestat}, Default: probeAdaptive,
		Meaning: "how resident asks whether a chunk is in the page cache. nowait: preadv2 with RWF_NOWAIT, right and a copy; cachestat: known to be wrong, it also counts pages still being read; adaptive: cachestat where that is certain or the file was hot for a second, else nowait"},
	{Name: knob.SwitchbackName, Kind: knob.Text, Default: "",
		Meaning: "KNOB=VALUE,VALUE of send (inline, pool, resident) or on-full (block, pause), in the place of that knob: the server is ready for each and changes from one to another when the admin port is told to, which the load generator does at random within its window; the same value twice measures what chance does; empty: nothing changes"},
	{Name: "blocked-time", Group: knob.Instrument, Kind: knob.Choice, Choices: []string{"auto", "on", "off"}, Default: "auto",
		Meaning: "measure BlockedOnDisk around each send call of file bytes, where sockets do not wait; auto: on for service log, else off"},
	{Name: "poll-timeout", Kind: knob.Duration, Default: "300ms",
		Meaning: "longest time a loop waits for events (Kafka: 300 ms)"},
	{Name: "kernel-stamps", Group: knob.Instrument, Kind: knob.Choice, Choices: []string{"auto", "on", "off"}, Default: "auto",
		Meaning: "arrival stamps by the kernel, for SocketQueue; auto: on for service log, else off"},
	{Name: "stages", Group: knob.Instrument, Kind: knob.Bool, Default: "true",
		Meaning: "stamp and record the stages of each request"},
	{Name: "pin-threads", Kind: knob.Bool, Default: "false",
		Meaning: "pin each thread to one CPU of the process, round robin"},
	{Name: "scheduling", Kind: knob.Choice, Choices: []string{"normal", "batch"}, Default: "normal",
		Meaning: "the kernel's policy for the server's threads; batch: a thread that wakes does not preempt the one that runs (SCHED_BATCH)"},
	{Name: "socket-buffer", Group: knob.Connection, Kind: knob.Bytes, Default: "100KiB",
		Meaning: "SO_SNDBUF and SO_RCVBUF of connections, 0: the kernel's own tuning (Kafka: 100 KiB)"},
	{Name: "listen-backlog", Group: knob.Connection, Kind: knob.Int, Unit: "connections", Default: "1024", Min: 1, Max: 1 << 16,
		Meaning: "listen backlog, capped by net.core.somaxconn (Kafka: 50)"},
	{Name: "max-connections", Group: knob.Connection, Kind: knob.Int, Unit: "connections", Default: "0", Max: 1e6,
		Meaning: "connections that the server must have room for: descriptors and threads are checked when it starts, further connections are closed at once; 0: no bound but the system's (Kafka: max.connections)"},
	{Name: "max-idle", Group: knob.Connection, Kind: knob.Duration, Default: "10m",
		Meaning: "time after which a connection is closed on which nothing comes or goes, at most a quarter later; 0s: never (Kafka: connections.max.idle.ms)"},
	{Name: "request-memory", Group: knob.Connection, Kind: knob.Bytes, Default: "1GiB",
		Meaning: "most memory of requests longer than 1 MiB, from when their length is known until they are answered; a connection whose next one does not fit is not read until others have ended; 0: no bound (Kafka: queued.max.request.bytes, there for requests of any length, and off)"},
	{Name: "max-frame", Group: knob.Connection, Kind: knob.Bytes, Default: "100MiB", Min: 1024, Max: 128 << 20,
		Meaning: "longest request accepted (Kafka: socket.request.max.bytes)"},
	{Name: "plant", Group: knob.Instrument, Kind: knob.Text, Default: "",
		Meaning: "STAGE=DURATION: a delay put into one stage of every request, for known-answer tests"},
}

// Config is how a server is put together. Times and bounds as in Knobs.
type Config struct {
	Model              string        `knob:"model"`
	Send               string        `knob:"send"`
	Loops              int           `knob:"loops"`
	Handlers           int           `knob:"handlers"`
	RequestQueue       int           `knob:"request-queue"`
	OnFull             string        `knob:"on-full"` // one of OnFullBlock and its like
	Isolate            string        `knob:"isolate"` // name of a class with handlers of its own, "none" or empty: none
	IsolatedHandlers   int           `knob:"isolated-handlers"`
	HandlerWake        string        `knob:"handler-wake"` // auto (or empty), request or turn
	ConnectionQueue    int           `knob:"connection-queue"`
	HandlersWrite      bool          `knob:"response-writer=handler"`
	InFlight           int           `knob:"max-in-flight"`
	SendThreads        int           `knob:"send-threads"`
	SendQueueBound     int           `knob:"send-queue"`
	SendCapBytes       int           `knob:"send-cap"`       // 0: the strategy's own
	SendsPerTurn       int           `knob:"sends-per-turn"` // 0: no bound
	SelectorTimeout    time.Duration `knob:"selector-timeout"`
	ResidencyProbe     string        `knob:"residency-probe"`
	Switchback         string        `knob:"switchback"` // a knob.Switchback; empty: none
	BlockedTime        bool
	PollTimeout        time.Duration `knob:"poll-timeout"`
	KernelStamps       bool
	PinThreads         bool          `knob:"pin-threads"`
	Batch              bool          `knob:"scheduling=batch"`
	SocketBufferBytes  int           `knob:"socket-buffer"`
	ListenBacklog      int           `knob:"listen-backlog"`
	MaxConnections     int           `knob:"max-connections"` // 0: no bound
	MaxIdle            time.Duration `knob:"max-idle"`        // 0: for ever
	RequestMemoryBytes int           `knob:"request-memory"`  // 0: no bound
	MaxFrameBytes      int           `knob:"max-frame"`
	Plant              stage.Plant
}

// ConfigFrom reads the knobs; auto is what `auto` means for the service.
func ConfigFrom(v *knob.Values, auto bool) (Config, error) {
	onOff := func(knob string) bool {
		text := v.Text(knob)
		return text == "on" || text == "auto" && auto
	}
	c := Config{BlockedTime: onOff("blocked-time"), KernelStamps: onOff("kernel-stamps")}
	v.Fill(&c)
	var err error
	c.Plant, err = stage.ParsePlant(v.Text("plant"))
	return c, err
}
