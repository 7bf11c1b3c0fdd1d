package storage_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"c10klab/storage"
)

// crashDirVariable makes this test binary a process that appends for ever.
const crashDirVariable = "C10KLAB_TEST_APPEND_TO"

// crashLayoutVariable says in which layout.
const crashLayoutVariable = "C10KLAB_TEST_LAYOUT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirVariable); dir != "" {
		if err := appendForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// appendForEver prints the last offset of each append once it is acknowledged.
func appendForEver(dir string) error {
	layout = os.Getenv(crashLayoutVariable)
	s, err := storage.Open([]string{dir}, small(), nil)
	if err != nil {
		return err
	}
	l, err := s.Log("t", 0)
	if err != nil {
		return err
	}
	for {
		b, err := makeBatch(3, l.EndOffset())
		if err != nil {
			return err
		}
		info, err := l.Append(b, 0)
		if err != nil {
			return err
		}
		fmt.Println(info.LastOffset)
	}
}

func TestAckedRecordsSurviveKill9(t *testing.T) {
	dir := t.TempDir()
	s, _ := openWith(t, small(), nil, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		acked := killAppender(t, dir, 100*(round+1))
		s, l := openWith(t, small(), nil, dir)
		if l.EndOffset() <= acked {
			t.Fatalf("round %d: the log ends at %d, %d was acknowledged", round, l.EndOffset(), acked)
		}
		for offset, number := range readAll(t, l, 0) {
			if number != int64(offset-offset%3) {
				t.Fatalf("round %d: offset %d holds record %d", round, offset, number)
			}
		}
		s.Abandon()
	}
}

// killAppender runs an appending process, kills it after that many
// acknowledgements and returns the last offset acknowledged.
func killAppender(t *testing.T, dir string, acks int) (acked int64) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashDirVariable+"="+dir, crashLayoutVariable+"="+layout)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	seen := 0
	for lines.Scan() {
		if acked, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
			t.Errorf("appender printed %q", lines.Text())
		}
		if seen++; seen == acks {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if seen < acks {
		t.Fatalf("the appender stopped after %d appends: %s", seen, stderr.String())
	}
	return acked
}
