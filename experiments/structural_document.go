package experiments

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"c10klab/results"
)

// structuralID marks the table of claims that tests decide.
const structuralID = "structural"

// structuralResult is a claim's row where no run concerns it: the tests that decide it
// in place of a figure, or open.
func structuralResult(claim string) (verdict, ratio, figure string) {
	i := slices.IndexFunc(StructuralClaims, func(s StructuralClaim) bool { return s.ID == claim })
	if i < 0 {
		return string(results.Undecided), none, none
	}
	return string(results.Reproduced), none, StructuralClaims[i].links()
}

func (s StructuralClaim) links() string {
	links := make([]string, len(s.Tests))
	for i, test := range s.Tests {
		links[i] = fmt.Sprintf("[%s](%s)", test.Name, test.File)
	}
	return strings.Join(links, ", ")
}

// structuralTable lists the claims that tests decide, with a command that runs them.
func structuralTable(claims []Claim) string {
	var b strings.Builder
	b.WriteString("These claims are about structure and have no ratio: they are reproduced as long as their tests pass, in every run of the tests.\n\n" +
		"| claim | question | commands |\n| --- | --- | --- |\n")
	for _, claim := range claims {
		i := slices.IndexFunc(StructuralClaims, func(s StructuralClaim) bool { return s.ID == claim.ID })
		if i >= 0 {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", claim.ID, claim.Question, strings.Join(StructuralClaims[i].commands(), "<br>"))
		}
	}
	return b.String()
}

// commands run the tests one by one.
func (s StructuralClaim) commands() []string {
	commands := make([]string, len(s.Tests))
	for i, test := range s.Tests {
		commands[i] = fmt.Sprintf("`go test ./%s -run '^%s$'`", path.Dir(test.File), test.Name)
	}
	return commands
}
