package results

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"c10klab/internal/need"
	"c10klab/internal/record"
)

func sealedRun(t *testing.T) *Run {
	t.Helper()
	cell := planned("reactor", "none")
	r := newRun(t, cell)
	commit(t, r, cell, 1, measurement(record.Valid, 10, 1e6))
	if err := errors.Join(r.WriteSummary(), r.Seal()); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestManifestNamesTheFileThatChanged(t *testing.T) {
	const trial = "trials/01-x.reactor.none"
	for name, c := range map[string]struct {
		damage func(dir string) error
		want   error
	}{
		"nothing":      {func(string) error { return nil }, nil},
		"derived file": {func(dir string) error { return os.WriteFile(filepath.Join(dir, summaryFile), nil, 0o644) }, nil},
		"edited":       {func(dir string) error { return os.WriteFile(filepath.Join(dir, trial+".json"), []byte("{}"), 0o644) }, ErrChanged},
		"truncated":    {func(dir string) error { return os.Truncate(filepath.Join(dir, trial+".hlog"), 30) }, ErrChanged},
		"removed":      {func(dir string) error { return os.Remove(filepath.Join(dir, trial+".hlog")) }, ErrMissing},
		"added":        {func(dir string) error { return os.WriteFile(filepath.Join(dir, trial+".x.json"), nil, 0o644) }, ErrUnlisted},
		"manifest cut": {func(dir string) error { return os.Truncate(filepath.Join(dir, manifestFile), 30) }, ErrGarbled},
		"unsealed":     {func(dir string) error { return os.Remove(filepath.Join(dir, manifestFile)) }, ErrNoManifest},
	} {
		r := sealedRun(t)
		if err := c.damage(r.Dir); err != nil {
			t.Fatal(err)
		}
		if err := r.CheckManifest(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestStandardToolReadsTheManifest(t *testing.T) {
	r := sealedRun(t)
	cmd := exec.Command(need.Program(t, "sha256sum", "coreutils"), "--quiet", "-c", manifestFile)
	cmd.Dir = r.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum -c: %v: %s", err, out)
	}
}

func TestResumingARunRemovesWhatWasHalfWritten(t *testing.T) {
	r := sealedRun(t)
	half := filepath.Join(r.Dir, trialsDir, partialPrefix+"1")
	if err := errors.Join(r.Close(), os.WriteFile(half, []byte("{"), 0o644)); err != nil {
		t.Fatal(err)
	}
	resumed, err := Resume(r.Dir, Resumption{CommandLine: []string{"again"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resumed.Close()
	for _, gone := range []string{half, filepath.Join(r.Dir, manifestFile)} {
		if _, err := os.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", gone, err)
		}
	}
	if reopened, err := Open(r.Dir); err != nil || len(reopened.Info.Resumed) != 1 || len(reopened.Trials) != 1 {
		t.Errorf("%+v, %v", reopened, err)
	}
	if _, err := Resume(r.Dir, Resumption{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second writer gets %v, want %v", err, ErrInUse)
	}
	if _, err := Resume(t.TempDir(), Resumption{}); !errors.Is(err, ErrNoRun) {
		t.Errorf("an empty directory gives %v, want %v", err, ErrNoRun)
	}
}

// What a run leaves that was killed before run.json was there is no obstacle.
func TestARunThatNeverBeganIsBegunAgain(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, trialsDir), 0o755), os.WriteFile(filepath.Join(dir, partialPrefix+"7"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if r, err := Create(dir, Info{}); err != nil || r.Close() != nil {
		t.Errorf("create: %v", err)
	}
}
