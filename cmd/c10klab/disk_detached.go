package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// startDetachedDisk starts this very command with --foreground in a session of
// its own and returns when the disk is mounted.
func startDetachedDisk() error {
	log, err := os.CreateTemp("", "c10klab-disk-*")
	if err != nil {
		return fmt.Errorf("start the disk's process: %w", err)
	}
	defer log.Close()
	if err := os.Remove(log.Name()); err != nil {
		return fmt.Errorf("start the disk's process: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", append(os.Args[1:], "--foreground")...)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the disk's process: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the disk's process: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		_, err = io.WriteString(os.Stdout, line)
		return err
	}
	// It ended without the line; its stderr says why.
	ended := cmd.Wait()
	said, err := readFromStart(log)
	if err != nil {
		return errors.Join(ended, err)
	}
	if text := strings.TrimSpace(strings.TrimPrefix(said, "c10klab: ")); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("the disk's process ended without a word: %w", ended)
}

func readFromStart(f *os.File) (string, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	text, err := io.ReadAll(f)
	return string(text), err
}
