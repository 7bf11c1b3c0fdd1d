// Package need skips tests whose machine lacks something, by name and with the
// reason. With C10KLAB_REQUIRE=all in the environment such a skip is a failure,
// so that a machine which is meant to have everything cannot pass by skipping.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of a program, or ends the test. debian is the package
// that brings it.
func Program(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Lacking(t, "program "+name+" (Debian package "+debian+")")
	}
	return path
}

// Lacking ends the test because the machine lacks what.
func Lacking(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("C10KLAB_REQUIRE") == "all" {
		t.Fatalf("required and not there: %s", what)
	}
	t.Skipf("not there: %s", what)
}
