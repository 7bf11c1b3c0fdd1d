package evidence

import (
	"fmt"
	"strings"

	"c10klab/experiments"
)

// structuralID marks the table of claims that tests decide.
const structuralID = "structural"

// structuralTable lists the claims that tests decide, with a command that runs them.
func structuralTable(claims []experiments.Claim) string {
	var b strings.Builder
	b.WriteString("These claims are about structure and have no ratio: they conform as long as their tests pass, in every run of the tests.\n\n" +
		"| claim | question | commands |\n| --- | --- | --- |\n")
	for _, claim := range claims {
		if len(claim.Tests) > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", claim.ID, claim.Question, strings.Join(claim.Commands(), "<br>"))
		}
	}
	return b.String()
}
