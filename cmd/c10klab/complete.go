package main

import (
	"path/filepath"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/internal/knob"
	"c10klab/internal/measure"

	"github.com/spf13/cobra"
)

// completeFlag says how a flag's values are completed; the flag must be there.
func completeFlag(cmd *cobra.Command, name string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err)
	}
}

// completeExperiments offers experiments and the claims that have one, each with
// its title or question.
func completeExperiments(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	specs, err := experiments.Specs()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	claims, err := experiments.Claims()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, s := range specs {
		names = append(names, cobra.CompletionWithDesc(s.ID, s.Title))
	}
	for _, claim := range claims {
		if slices.ContainsFunc(specs, func(s *experiments.Spec) bool { return slices.Contains(s.Claims, claim.ID) }) {
			names = append(names, cobra.CompletionWithDesc(claim.ID, claim.Question))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeSettings offers KNOB= and, after it, the knob's choices.
func completeSettings(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	name, _, valued := strings.Cut(typed, "=")
	var offered []string
	for _, k := range allKnobs.Knobs() {
		switch {
		case !valued:
			offered = append(offered, cobra.CompletionWithDesc(k.Name+"=", k.Meaning))
		case k.Name == name && k.Kind == knob.Choice:
			for _, choice := range k.Choices {
				offered = append(offered, name+"="+choice)
			}
		}
	}
	if valued {
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
	return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeMetrics offers numbers, SPAN/ and after it the APIs that code names, and after
// those the percentiles.
func completeMetrics(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var offered []string
	span, _, named := strings.Cut(typed, "/")
	if !named {
		for _, n := range measure.Numbers(0) {
			offered = append(offered, cobra.CompletionWithDesc(n.Name, n.Meaning))
		}
		for _, s := range measure.Spans((*measure.Span).Recorded) {
			offered = append(offered, cobra.CompletionWithDesc(s.Name+"/", s.Meaning))
		}
		return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, api := range []string{measure.Produce, measure.Fetch, measure.LaggingFetch, measure.Echo, measure.AllLoops} {
		for _, q := range measure.Quantiles {
			offered = append(offered, span+"/"+api+" "+q.Name)
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}

// runPlaces are where run directories are kept unless told otherwise.
var runPlaces = []string{"results/runs/*/run.json", "results/reference/*/run.json"}

// completeRuns offers run directories, the newest runs first; others are completed
// as files.
func completeRuns(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var dirs []string
	for _, pattern := range runPlaces {
		files, _ := filepath.Glob(pattern)
		slices.Reverse(files)
		for _, file := range files {
			dirs = append(dirs, filepath.Dir(file))
		}
	}
	return dirs, cobra.ShellCompDirectiveDefault
}
