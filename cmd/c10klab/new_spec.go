package main

import (
	"errors"
	"fmt"
	"strings"

	"c10klab/experiments"

	"github.com/spf13/cobra"
)

func newNewSpecCommand() *cobra.Command {
	var axes, set []string
	cmd := &cobra.Command{
		Use:   "new-spec NAME --axis KNOB=LEVEL,LEVEL",
		Short: "Write an experiment of your own, to edit and run",
		Long: `Write an experiment as a TOML file to stdout: what it asks, its axes, a prediction to be made, and every key of such
a file with its meaning. It needs no claim of the register: it decides its own predictions. Edit it, and run it with "c10klab run --file".`,
		Example: `  c10klab new-spec my-queue --axis on-full=block,pause --set rate=50`,
		Args:    oneArgument("the name of the experiment"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := ownSpec(args[0], axes, set, true)
			if err != nil {
				return usageError(err)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&axes, "axis", nil, "KNOB=LEVEL,LEVEL: what is compared; repeatable")
	cmd.Flags().StringArrayVar(&set, "set", nil, "KNOB=VALUE for every cell; repeatable")
	completeFlag(cmd, "axis", completeSettings)
	completeFlag(cmd, "set", completeSettings)
	return cmd
}

// ownSpec is the text of an experiment over axes, as the flags have them, which a plan could be made of.
func ownSpec(id string, axisTexts, set []string, explained bool) (string, error) {
	fixed, err := settings("--set", set)
	if err != nil {
		return "", err
	}
	var axes []experiments.Axis
	for _, text := range axisTexts {
		name, levels, found := strings.Cut(text, "=")
		if !found || levels == "" {
			return "", fmt.Errorf("--axis %q is not KNOB=LEVEL,LEVEL", text)
		}
		if text, isFixed := fixed[name]; isFixed {
			return "", fmt.Errorf("knob %s is an axis, and --set gives it %q", name, text)
		}
		axes = append(axes, experiments.Axis{Knob: name, Levels: strings.Split(levels, ",")})
	}
	if len(axes) == 0 {
		return "", errors.New("an experiment compares something: --axis KNOB=LEVEL,LEVEL")
	}
	text := experiments.NewSpecText(id, axes, fixed, explained)
	spec, err := experiments.Parse("the experiment", text)
	if err == nil {
		_, err = experiments.NewPlan(experiments.PlanConfig{Specs: []*experiments.Spec{spec}, Yes: true, Tables: knobTables})
	}
	return text, err
}

// settings reads KNOB=VALUE items of a flag, each knob once.
func settings(flag string, items []string) (map[string]string, error) {
	values := map[string]string{}
	for _, s := range items {
		name, value, found := strings.Cut(s, "=")
		if !found {
			return nil, fmt.Errorf("%s %q is not KNOB=VALUE", flag, s)
		}
		if _, err := allKnobs.Lookup(name); err != nil && !strings.Contains(name, ":") {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		if earlier, twice := values[name]; twice {
			return nil, fmt.Errorf("%s %s is given twice, as %q and %q", flag, name, earlier, value)
		}
		values[name] = value
	}
	return values, nil
}
