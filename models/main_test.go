package models

import (
	"os"
	"testing"
)

// Everything that belongs to one loop's thread says so if another one does it.
func TestMain(m *testing.M) {
	assertsThreads = true
	os.Exit(m.Run())
}
