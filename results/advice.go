package results

import "errors"

// advice is what to do about a stored run that is not as it should be.
var advice = []struct {
	about error
	text  string
}{
	{ErrNoRun, "name a directory that has a run.json; c10klab run --out DIR makes one"},
	{ErrNewerSchema, "read it with the version that wrote it, whose revision run.json names, or with a newer one"},
	{ErrOlderSchema, "compare, report and export read it as it is; evidence has to be measured anew"},
	{ErrPacked, "measure anew into a directory of its own, and c10klab adopt --replace puts that in its place"},
	{ErrNoManifest, "c10klab run --resume --out DIR completes an interrupted run"},
	{ErrUnlisted, "move it away: evidence is what the run wrote"},
	{ErrChanged, "restore it from a copy or by git; sha256sum -c manifest.sha256 lists all files that differ"},
	{ErrMissing, restore},
	{ErrGarbled, restore},
}

const restore = "restore it from a copy or by git, or, if it is a trial's, remove all files of that trial and measure it again by c10klab run --resume --out DIR"

// Advised is an error's text and what to do about it, where this package knows.
func Advised(err error) string {
	for _, a := range advice {
		if errors.Is(err, a.about) {
			return err.Error() + "; " + a.text
		}
	}
	return err.Error()
}
