package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"c10klab/internal/admin"
	"c10klab/internal/broker"
	"c10klab/internal/knob"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
	"c10klab/internal/stage"
	"c10klab/models"
	"c10klab/storage"

	"github.com/spf13/cobra"
)

// Requests under way may take stopWithin at a stop, and stopEach more for each open
// connection: on a busy machine the threads of ten thousand take seconds to get a CPU.
const (
	stopWithin = 5 * time.Second
	stopEach   = time.Millisecond
)

type serveOptions struct {
	listen, admin, advertise string
	data                     []string
	discard                  bool
}

func newServeCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve one threading model",
		Long: `Serve one threading model until SIGINT or SIGTERM. When connections are accepted,
one line of JSON on stdout tells the addresses in use; the log goes to stderr. At a
stop requests under way are answered, for 5 s and a millisecond a connection at most;
then connections are closed and the exit status is 1.`,
		Example: `  c10klab serve --model reactor --data /var/tmp/log --listen 127.0.0.1:9092
  c10klab serve --service echo --model loop-per-thread --loops 2`,
		Args: noArguments,
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "127.0.0.1:9092", "address to serve on; port 0 picks a free one")
	flags.StringVar(&o.admin, "admin", "127.0.0.1:0", "address of the admin port (stages, counters, samples, metrics, residency, pprof); empty: none")
	flags.StringVar(&o.advertise, "advertise", "", "address that clients are told to connect to; empty: the one served on")
	flags.StringSliceVar(&o.data, "data", nil, "log directories, the log service's only")
	flags.BoolVar(&o.discard, "discard-data", false, "the data will be thrown away: stop without making it durable")
	knobs := bindKnobs(cmd, serverKnobs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v, err := knobs()
		if err != nil {
			return err
		}
		return serve(cmd.Context(), o, v)
	}
	return cmd
}

// service is a models.Service with what its process has to do around it.
type service interface {
	models.Service
	APIs() []string
}

func serve(ctx context.Context, o serveOptions, v *knob.Values) error {
	if err := cmp.Or(checkAddress("--listen", o.listen), checkAddress("--admin", o.admin), checkAdvertised(o.advertise)); err != nil {
		return usageError(err)
	}
	config, err := modelConfig(v)
	if err == nil {
		err = models.Check(config)
	}
	if err == nil {
		err = models.CheckRoom(config, config.MaxConnections)
	}
	if err != nil {
		return usageError(err)
	}
	if err := prepareProcess(config, v); err != nil {
		return err
	}
	b, err := openBackend(o, v)
	if err != nil {
		return err
	}
	if err := cmp.Or(models.CheckDirs(config, o.data), models.CheckService(config, b.service)); err != nil {
		return cmp.Or(usageError(err), b.close())
	}
	s, err := startServing(o, v, config, b)
	if err != nil {
		return cmp.Or(err, b.close())
	}
	if err := json.NewEncoder(os.Stdout).Encode(s.ready); err != nil {
		return cmp.Or(err, s.stop())
	}
	<-ctx.Done()
	return s.stop()
}

// modelConfig is how the server's threads are put together; kernel stamps and the
// time blocked in sends are on by default for the log alone.
func modelConfig(v *knob.Values) (models.Config, error) {
	return models.ConfigFrom(v, v.Text("service") == serviceLog)
}

// prepareProcess sets the process's CPUs, memory and Ps before any thread starts.
func prepareProcess(config models.Config, v *knob.Values) error {
	if err := pinTo("knob cpus", v.Text("cpus")); err != nil {
		return err
	}
	if v.Text("gc") == "off" {
		debug.SetGCPercent(-1)
	}
	debug.SetMemoryLimit(v.Bytes("memory-limit"))
	threads, err := models.Threads(config, 0)
	if err != nil {
		return usageError(err)
	}
	total := 0
	for _, n := range threads {
		total += n
	}
	if total > 0 {
		osthread.Reserve(total)
	}
	return nil
}

// pinTo restricts the process to the CPUs of a list, "" for all; from says where
// the list was given.
func pinTo(from, list string) error {
	if list == "" {
		return nil
	}
	cpus, err := osthread.ParseCPUs(list)
	if err != nil {
		return usageError(fmt.Errorf("%s: %w", from, err))
	}
	return usageError(osthread.PinProcess(cpus)) // which fails for CPUs that are not there
}

func logLine(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// backend is the service and what it stands on.
type backend struct {
	service  service
	log      *broker.Log // nil unless the service is the log
	store    *storage.Store
	activity *admin.Activity // the store's, nil without one
	discard  bool
}

func openBackend(o serveOptions, v *knob.Values) (*backend, error) {
	switch v.Text("service") {
	case serviceEcho:
		return &backend{service: broker.Echo{}}, nil
	case serviceSynthetic:
		return &backend{service: broker.NewSynthetic(broker.SyntheticConfigFrom(v))}, nil
	}
	if len(o.data) == 0 {
		return nil, usageError(fmt.Errorf("the log service needs a directory: --data DIR[,DIR…]"))
	}
	activity, err := admin.ActivityFrom(v)
	if err != nil {
		return nil, err
	}
	store, err := openStore(o.data, v, activity)
	if err != nil {
		activity.Close()
		return nil, err
	}
	config := broker.LogConfigFrom(v)
	config.Appended = activity.Appended
	log := broker.NewLog(store, config)
	return &backend{service: log, log: log, store: store, activity: activity, discard: o.discard}, nil
}

func (b *backend) close() error {
	if b.store == nil {
		return nil
	}
	defer b.activity.Close()
	if b.discard {
		return b.store.Abandon()
	}
	return b.store.Close()
}

type serving struct {
	backend *backend
	server  *models.Server
	admin   *admin.Listening // nil: none
	ready   record.ServerReady
}

func startServing(o serveOptions, v *knob.Values, config models.Config, b *backend) (*serving, error) {
	var stages *stage.Recorder
	if v.Bool("stages") {
		stages = stage.NewRecorder(b.service.APIs())
	}
	server, err := models.Start(config, o.listen, b.service, stages, logLine)
	if err != nil {
		return nil, err
	}
	s := &serving{backend: b, server: server, ready: record.ServerReady{Listen: server.Addr(), PID: os.Getpid()}}
	if b.log != nil {
		if err := b.advertise(cmp.Or(o.advertise, server.Addr())); err != nil {
			return nil, cmp.Or(err, s.stop())
		}
	}
	if o.admin == "" {
		return s, nil
	}
	listener, err := net.Listen("tcp", o.admin)
	if err != nil {
		return nil, cmp.Or(fmt.Errorf("admin port: %w", err), s.stop())
	}
	s.ready.Admin = listener.Addr().String()
	told := &admin.Server{Model: server, Stages: stages, KernelStamps: config.KernelStamps, Knobs: v.Map(), Store: b.store, Activity: b.activity}
	if b.log != nil {
		told.Count = b.log.Count
	}
	s.admin = admin.Serve(listener, told.Handler())
	return s, nil
}

// checkAdvertised wants an address that a client can connect to.
func checkAdvertised(address string) error {
	if err := checkAddress("--advertise", address); address == "" || err != nil {
		return err
	}
	switch host, port, _ := parseAddress(address); {
	case host == "" || isUnspecified(host):
		return fmt.Errorf("--advertise %q: nobody can connect to it, since it names no host", address)
	case port == 0:
		return fmt.Errorf("--advertise %q: nobody can connect to port 0", address)
	}
	return nil
}

func isUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}

func (b *backend) advertise(address string) error {
	host, port, err := parseAddress(address)
	if err != nil {
		return fmt.Errorf("advertise %q: %w", address, err)
	}
	if isUnspecified(host) {
		host = "127.0.0.1"
		logLine("clients are told to connect to %s, which only those on this machine can: --advertise names an address for all", net.JoinHostPort(host, strconv.Itoa(int(port))))
	}
	b.log.Advertise(host, int32(port))
	return nil
}

// stop answers what is under way and closes everything.
func (s *serving) stop() error {
	if s.backend.log != nil {
		s.backend.log.Close() // answers what is delayed
	}
	_, open := s.server.Connections()
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin+time.Duration(open)*stopEach)
	defer cancel()
	err := s.server.Stop(ctx)
	if s.admin != nil {
		err = cmp.Or(err, s.admin.Close())
	}
	return cmp.Or(err, s.backend.close())
}
