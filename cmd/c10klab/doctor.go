package main

import (
	"os"

	"github.com/spf13/cobra"
)

// capability is one thing a machine may offer to measurements.
type capability struct {
	Name  string `json:"name"`
	There bool   `json:"there"`
	Found string `json:"found"` // what was found
	Get   string `json:"get"`   // how to get it, where it is missing
	Lost  string `json:"lost"`  // what cannot be measured without it
}

func newDoctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can measure, and how to get what is missing",
		Long: `Say what this machine can measure: cores, limits, clocks, emulated disks, tools. For each thing that is missing it
says how to get it, and what cannot be measured without it. It changes nothing.`,
		Example: `  c10klab doctor
  c10klab doctor --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return present(os.Stdout, asJSON, examine(), printCapabilities)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printCapabilities(p *printer, found []capability) {
	missing := 0
	for _, c := range found {
		mark := "there  "
		if !c.There {
			mark = "MISSING"
			missing++
		}
		p.line("%s  %-28s %s", mark, c.Name, c.Found)
		if !c.There {
			p.line("         to get it: %s", c.Get)
			p.line("         without it: %s", c.Lost)
		}
	}
	p.line("\n%d of %d capabilities are there.", len(found)-missing, len(found))
}
