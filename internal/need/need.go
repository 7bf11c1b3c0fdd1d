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

// Root ends the test unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Lacking(t, "root")
	}
}

// Device ends the test unless the device is there and opens.
func Device(t testing.TB, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		Lacking(t, "device "+path+": "+err.Error())
	}
	f.Close()
}

// Lacking ends the test because the machine lacks what.
func Lacking(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("C10KLAB_REQUIRE") == "all" {
		t.Fatalf("required and not there: %s", what)
	}
	t.Skipf("not there: %s", what)
}
