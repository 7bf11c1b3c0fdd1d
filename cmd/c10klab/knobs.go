package main

import (
	"fmt"
	"net"
	"strconv"

	"c10klab/experiments"
	"c10klab/internal/admin"
	"c10klab/internal/broker"
	"c10klab/internal/knob"
	"c10klab/internal/slowdisk"
	"c10klab/loadgen"
	"c10klab/models"
	"c10klab/storage"

	"github.com/spf13/cobra"
)

// The one table of knobs, by the process that obeys them; a name that two of
// them claim panics.
var (
	serverKnobs = knob.NewTable(knob.In("process", processKnobs), knob.In("model", models.Knobs), knob.In("service", broker.Knobs),
		knob.In("storage", storage.Knobs), admin.Knobs)
	loadKnobs  = knob.NewTable(knob.In("load", loadgen.Knobs))
	diskKnobs  = knob.NewTable(knob.In("disk", slowdisk.Knobs))
	allKnobs   = knob.NewTable(serverKnobs.Knobs(), loadKnobs.Knobs(), diskKnobs.Knobs(), knob.In("run", experiments.Knobs))
	knobTables = experiments.KnobTables{Server: serverKnobs, Load: loadKnobs, Disk: diskKnobs, Refuses: refuseServers}
)

const (
	serviceLog       = "log"
	serviceEcho      = "echo"
	serviceSynthetic = "synthetic"
)

// processKnobs are those of a serve process as a whole.
var processKnobs = []knob.Knob{
	{Name: "service", Kind: knob.Choice, Choices: []string{serviceLog, serviceEcho, serviceSynthetic}, Default: serviceLog,
		Meaning: "what requests ask for: the Kafka-protocol log, an echo, or a synthetic cost"},
	{Name: "cpus", Kind: knob.Text, Default: "",
		Meaning: "CPUs that the server may run on, such as 0,2-3; empty: all"},
	{Name: "gc", Kind: knob.Choice, Choices: []string{"off", "on"}, Default: "off",
		Meaning: "garbage collection; off: only when memory-limit is reached"},
	{Name: "memory-limit", Kind: knob.Bytes, Default: "4GiB", Min: 64 << 20,
		Meaning: "soft limit of the server's Go memory"},
}

// bindKnobs binds every knob of a table to a flag of the same name. Its result reads the
// flags; an error is the user's.
func bindKnobs(cmd *cobra.Command, table *knob.Table) func() (*knob.Values, error) {
	flags := cmd.Flags()
	for _, k := range table.Knobs() {
		flags.String(k.Name, k.Default, usageText(k))
		if k.Kind == knob.Choice {
			completeFlag(cmd, k.Name, cobra.FixedCompletions(k.Choices, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	return func() (*knob.Values, error) {
		v := table.Defaults()
		for _, k := range table.Knobs() {
			if err := v.Set(k.Name, flags.Lookup(k.Name).Value.String()); err != nil {
				return nil, usageError(err)
			}
		}
		return v, nil
	}
}

func usageText(k knob.Knob) string {
	text := k.Meaning
	switch {
	case k.Kind == knob.Choice:
		text += fmt.Sprintf(" %v", k.Choices)
	case k.Unit != "":
		text += " [" + k.Unit + "]"
	}
	return text
}

// owner says which process obeys a knob.
func owner(name string) string {
	switch {
	case serverKnobs.Has(name):
		return "serve"
	case loadKnobs.Has(name):
		return "load"
	case diskKnobs.Has(name):
		return "disk"
	}
	return "run"
}

// checkAddress refuses a flag's value that is not HOST:PORT; an empty one is a
// matter of the flag.
func checkAddress(flag, address string) error {
	if address == "" {
		return nil
	}
	if _, _, err := parseAddress(address); err != nil {
		return fmt.Errorf("%s %q: %w", flag, address, err)
	}
	return nil
}

func parseAddress(address string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no port", text)
	}
	return host, uint16(number), nil
}
