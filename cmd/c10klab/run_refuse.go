package main

import (
	"cmp"
	"fmt"

	"c10klab/experiments"
	"c10klab/internal/record"
	"c10klab/loadgen"
	"c10klab/models"
)

// refuseServers says why a server would refuse a cell's knobs.
func refuseServers(knobs map[string]string) error { return eachServer(knobs, checkModel) }

func checkModel(server models.Config, _ loadgen.Config) error { return models.Check(server) }

// checkRoom refuses more connections or threads than this system's limits allow.
func checkRoom(server models.Config, load loadgen.Config) error {
	connections := max(load.ConnectionCount(), server.MaxConnections)
	return cmp.Or(models.CheckRoom(server, connections), loadgen.CheckRoom(load))
}

// eachCell asks about the cells of a plan, before any trial has run, until one is refused.
func eachCell(plan *experiments.Plan, ask func(models.Config, loadgen.Config) error) error {
	for _, e := range plan.Experiments {
		for _, cell := range e.Cells {
			if err := eachServer(cell.Knobs, ask); err != nil {
				return fmt.Errorf("cell %s: %w (leave it out with --only)", cell.ID, err)
			}
		}
	}
	return nil
}

// eachServer asks about a cell's servers until one is refused.
func eachServer(knobs map[string]string, ask func(models.Config, loadgen.Config) error) error {
	for _, name := range experiments.ServersOf(knobs) {
		server, load, err := configs(record.KnobsOfServer(knobs, name))
		if name != record.Broker {
			load = loadgen.Config{} // no connection of the generator's leads there
		}
		if err == nil {
			err = ask(server, load)
		}
		if err != nil && name != record.Broker {
			err = fmt.Errorf("server %s: %w", name, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func configs(knobs map[string]string) (server models.Config, load loadgen.Config, err error) {
	v, err := serverKnobs.Values(knobs)
	if err != nil {
		return server, load, err
	}
	if server, err = modelConfig(v); err != nil {
		return server, load, err
	}
	if v, err = loadKnobs.Values(knobs); err != nil {
		return server, load, err
	}
	load, err = loadgen.ConfigFrom(v)
	return server, load, err
}
