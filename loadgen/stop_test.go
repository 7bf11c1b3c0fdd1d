package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/record"
)

// targetVariable makes the test binary a generator process of its own, against
// the target it names.
const targetVariable = "LOADGEN_TEST_TARGET"

func TestGeneratorProcess(t *testing.T) {
	target := os.Getenv(targetVariable)
	if target == "" {
		t.Skip("runs as the child of another test")
	}
	m, err := Run(context.Background(), echoConfig(t, target, "rate-requests", "400", "window", "3500ms", "drain", "5s"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(os.NewFile(3, "measurement")).Encode(m); err != nil {
		t.Fatal(err)
	}
}

// TestGeneratorThatWasStoppedSaysSo stops a generator process for 2 s within its
// window.
func TestGeneratorThatWasStoppedSaysSo(t *testing.T) {
	const stopAtFrame = 100 // well within the window
	var frames atomic.Int64
	reached := make(chan struct{})
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		if frames.Add(1) == stopAtFrame {
			close(reached)
		}
		return echoFrame(conn, frame)
	})
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	var output bytes.Buffer
	child := exec.Command(os.Args[0], "-test.run=^TestGeneratorProcess$")
	child.Env = append(os.Environ(), targetVariable+"="+s.addr)
	child.ExtraFiles = []*os.File{write}
	child.Stdout, child.Stderr = &output, &output
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	<-reached
	child.Process.Signal(syscall.SIGSTOP)
	time.Sleep(2 * time.Second) // the length of the stop, not a synchronisation
	child.Process.Signal(syscall.SIGCONT)
	var m record.Measurement
	failure := json.NewDecoder(read).Decode(&m)
	if err := child.Wait(); err != nil || failure != nil {
		t.Fatalf("generator process: %v, %v\n%s", err, failure, &output)
	}
	wantFailed(t, &m, "Lateness")
	if !m.Outcome.Limited() { // a busy machine limits too
		t.Errorf("outcome %s", m.Outcome)
	}
	if late := time.Duration(echoSpan(&m, "Lateness").MaxNs()); late < 1500*time.Millisecond {
		t.Errorf("Lateness of at most %v shows no stop of 2 s", late)
	}
}
