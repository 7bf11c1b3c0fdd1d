package runner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"c10klab/experiments"
	"c10klab/internal/record"
)

// server is one of a trial's servers: a process, with log dirs of its own, a log and
// an admin port.
type server struct {
	record.TrialServer
	other   string // the name, in records that leave that of the broker out
	knobs   map[string]string
	data    experiments.Data
	log     *os.File
	site    *site // nil: not open
	process Running

	pagesBefore []record.Residency // of its backlog, when the load starts
}

// place gives servers and load generator CPUs of their own, by the knobs of a trial
// that leave them open: the generator the second half, the servers the first, which
// they share out if it has one for each. With one CPU there is nothing to keep apart.
func place(knobs map[string]string, cpus []int) {
	if knobs[experiments.PlacementKnob] != experiments.PlacementApart || len(cpus) < 2 {
		return
	}
	half := len(cpus) / 2
	setDefault(knobs, experiments.LoadCPUsKnob, cpuList(cpus[half:]))
	names := experiments.ServersOf(knobs)
	if n := len(names); n > 1 && n <= half && knobs[experiments.ServerCPUsKnob] == "" {
		for i, name := range names {
			setDefault(knobs, experiments.KnobOf(name, experiments.ServerCPUsKnob), cpuList(cpus[i*half/n:(i+1)*half/n]))
		}
		return
	}
	setDefault(knobs, experiments.ServerCPUsKnob, cpuList(cpus[:half]))
}

func setDefault(knobs map[string]string, name, value string) {
	if knobs[name] == "" {
		knobs[name] = value
	}
}

func cpuList(cpus []int) string {
	texts := make([]string, len(cpus))
	for i, cpu := range cpus {
		texts[i] = strconv.Itoa(cpu)
	}
	return strings.Join(texts, ",")
}

// servers reads a trial's knobs. The first server's log is the trial's, which the load
// generator and disks write to as well.
func (r *runner) servers(t *record.Trial, log *os.File) ([]*server, error) {
	var all []*server
	for i, name := range experiments.ServersOf(t.Knobs) {
		s := &server{knobs: record.KnobsOfServer(t.Knobs, name), log: log}
		if s.Name, s.CPUs = name, s.knobs[experiments.ServerCPUsKnob]; name != record.Broker {
			s.other = name
		}
		var err error
		if s.data, err = r.cfg.Tables.DataOf(s.knobs); err != nil {
			return all, err
		}
		if all = append(all, s); i > 0 {
			if s.log, err = os.Create(r.run.ServerLogPath(*t, name)); err != nil {
				return all, fmt.Errorf("create the log of server %s: %w", name, err)
			}
		}
		s.Log = filepath.Base(s.log.Name())
	}
	return all, nil
}

func (s *server) start(ctx context.Context, r *runner) error {
	const anyPort = "127.0.0.1:0"
	args := []string{"serve", "--discard-data", "--listen", anyPort, "--admin", anyPort, "--data", strings.Join(s.site.dirs, ",")}
	// The broker is what is meant by "server" alone.
	p := Process{Name: strings.TrimSpace("server " + s.other), Args: append(args, experiments.Flags(r.cfg.Tables.Server, s.knobs)...), Log: s.log}
	var ready record.ServerReady
	var err error
	if s.process, err = r.cfg.Machine.Start(ctx, p, &ready); err != nil {
		if s.other != "" {
			err = withLastLine(err, tail(s.log))
		}
		return err
	}
	s.Listen, s.Admin = ready.Listen, ready.Admin
	return nil
}

// site of all servers together, for what concerns every disk.
func allSites(servers []*server) *site {
	all := new(site)
	for _, s := range servers {
		if s.site != nil {
			all.disks, all.dirs = append(all.disks, s.site.disks...), append(all.dirs, s.site.dirs...)
		}
	}
	return all
}
