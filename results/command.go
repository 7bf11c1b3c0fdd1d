package results

import "strings"

// CommandLine is the command that made a run, quoted for a POSIX shell and without
// the path of the program, which `go run` makes up.
func CommandLine(info Info) string {
	words := []string{"c10klab"}
	for _, argument := range info.CommandLine[min(1, len(info.CommandLine)):] {
		words = append(words, ShellQuote(argument))
	}
	return strings.Join(words, " ")
}

// ShellQuote quotes an argument for a POSIX shell where it needs it.
func ShellQuote(argument string) string {
	const plain = "-_=./:,+@%"
	special := func(r rune) bool {
		return !strings.ContainsRune(plain, r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if argument != "" && !strings.ContainsFunc(argument, special) {
		return argument
	}
	return "'" + strings.ReplaceAll(argument, "'", `'\''`) + "'"
}
