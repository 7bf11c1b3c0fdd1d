package evidence

import (
	"fmt"
	"strings"

	"c10klab/experiments"
	"c10klab/results"
)

// structuralID marks the table of claims that tests decide.
const structuralID = "structural"

// structuralResult is a claim's row where no run concerns it: the tests that decide it
// in place of a figure, or open.
func structuralResult(claim experiments.Claim) (verdict, ratio, figure string) {
	if len(claim.Tests) == 0 {
		return string(results.Undecided), none, none
	}
	links := make([]string, len(claim.Tests))
	for i, test := range claim.Tests {
		links[i] = fmt.Sprintf("[%s](%s)", test.Name, test.File)
	}
	return string(results.Reproduced), none, strings.Join(links, ", ")
}

// structuralTable lists the claims that tests decide, with a command that runs them.
func structuralTable(claims []experiments.Claim) string {
	var b strings.Builder
	b.WriteString("These claims are about structure and have no ratio: they are reproduced as long as their tests pass, in every run of the tests.\n\n" +
		"| claim | question | commands |\n| --- | --- | --- |\n")
	for _, claim := range claims {
		if len(claim.Tests) > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", claim.ID, claim.Question, strings.Join(claim.Commands(), "<br>"))
		}
	}
	return b.String()
}
