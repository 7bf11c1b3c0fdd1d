package runner

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/experiments"
	"c10klab/internal/record"
)

// twoServers makes one trial of a broker and a follower that differ in a knob.
const twoServers = `
id = "two"
title = "two servers"
claims = ["N1"]
question = "does it run?"
seed = 7
[fixed]
rate = 100
loops = 2
[axes]
model = ["reactor"]
[[servers]]
name = "broker"
[[servers]]
name = "follower-1"
model = "loop-per-thread"
[quick]
repeats = 1
[full]
repeats = 8
`

func TestEachServerOfATrialHasItsOwnProcessLogAndPort(t *testing.T) {
	cfg, pids := fakeRun(t, "ok")
	cfg.Specs = []*experiments.Spec{parsed(t, twoServers)}
	run, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	trial := run.Trials[0]
	if trial.Outcome != record.Valid || len(trial.Servers) != 2 {
		t.Fatalf("outcome %s (%s), servers %+v", trial.Outcome, trial.Error, trial.Servers)
	}
	broker, follower := trial.Servers[0], trial.Servers[1]
	if broker.Name != record.Broker || follower.Name != "follower-1" || broker.Admin == follower.Admin || broker.Log == follower.Log || follower.Admin == "" {
		t.Errorf("servers %+v", trial.Servers)
	}
	for _, s := range trial.Servers {
		if _, err := os.Stat(filepath.Join(filepath.Dir(run.LogPath(trial)), s.Log)); err != nil {
			t.Error(err)
		}
		if use := trial.Measurement.Server(s.Name); use.Process == nil || use.Process.CPUNs == 0 {
			t.Errorf("%s: %+v", s.Name, use)
		}
	}
	var models, data []string
	for _, line := range children(t, pids) {
		args := strings.Fields(line)
		switch args[0] {
		case "serve":
			models, data = append(models, argument(args, "--model")), append(data, filepath.Base(argument(args, "--data")))
			if argument(args, "--loops") != "2" {
				t.Errorf("a shared knob is missing: %s", line)
			}
		case "load":
			if !strings.Contains(line, "--admin broker="+broker.Admin+" --admin follower-1="+follower.Admin) {
				t.Errorf("the generator does not know both admin ports: %s", line)
			}
		}
	}
	slices.Sort(models)
	slices.Sort(data)
	if !slices.Equal(models, []string{"loop-per-thread", "reactor"}) || !slices.Equal(data, []string{"broker", "follower-1"}) {
		t.Errorf("models %v, data in %v", models, data)
	}
}

// fakeMachine starts nothing and writes down what it was asked.
type fakeMachine struct {
	asked  []string
	refuse string // the process that does not start
}

func (m *fakeMachine) Start(_ context.Context, p Process, ready any) (Running, error) {
	m.asked = append(m.asked, "start "+p.Name)
	if p.Name == m.refuse {
		return nil, errors.New(p.Name + " is refused")
	}
	return fakeProcess{m, p.Name}, json.Unmarshal([]byte(`{"listen":"`+p.Name+`","admin":"`+p.Name+`"}`), ready)
}

func (m *fakeMachine) Run(_ context.Context, p Process, stdout io.Writer) error {
	m.asked = append(m.asked, "run "+p.Name)
	return json.NewEncoder(stdout).Encode(record.Measurement{Outcome: record.Valid, WindowNs: 1})
}

type fakeProcess struct {
	m    *fakeMachine
	name string
}

func (p fakeProcess) Stop() error { p.m.asked = append(p.m.asked, "stop "+p.name); return nil }
func (p fakeProcess) Kill() error { return nil }

func TestWhatStartsProcessesIsOneSeam(t *testing.T) {
	for refused, want := range map[string][]string{
		"":                  {"start server", "start server follower-1", "run load generator", "stop server follower-1", "stop server"},
		"server follower-1": {"start server", "start server follower-1", "stop server"},
	} {
		machine := &fakeMachine{refuse: refused}
		cfg := configOf(parsed(t, twoServers))
		cfg.Out, cfg.Machine = filepath.Join(diskDir(t), "run"), machine
		run, err := Run(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := machine.asked[:len(want)]; !slices.Equal(got, want) {
			t.Errorf("asked %v, want %v", machine.asked, want)
		}
		if trial := run.Trials[0]; (trial.Outcome == record.Failed) != (refused != "") || refused != "" && !strings.Contains(trial.Error, refused) {
			t.Errorf("outcome %s: %s", trial.Outcome, trial.Error)
		}
	}
}
