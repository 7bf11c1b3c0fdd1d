package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"c10klab/experiments"
)

// bases holds what trials start from: an image for each emulated disk, or the log
// dirs themselves on a real disk. Cells of the same layout share theirs.
type bases struct {
	dir   string            // of all of them; empty: none made yet
	ready map[string]string // by layout, the directory
}

// base returns the directory with what trials of the layout start from; it is made
// on first use.
func (r *runner) base(ctx context.Context, d experiments.Data, knobs map[string]string, log *os.File) (string, error) {
	key := r.baseKey(d, knobs)
	if dir, found := r.bases.ready[key]; found {
		return dir, nil
	}
	if r.bases.dir == "" {
		dir, err := newDataDir(r.cfg.DataDir)
		if err != nil {
			return "", err
		}
		r.bases = bases{dir: dir, ready: map[string]string{}}
	}
	dir := filepath.Join(r.bases.dir, key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make directory of bases: %w", err)
	}
	if err := r.makeBase(ctx, d, dir, knobs, log); err != nil {
		return "", fmt.Errorf("prepare the backlog: %w", err)
	}
	r.bases.ready[key] = dir
	return dir, nil
}

// baseKey covers what a base depends on.
func (r *runner) baseKey(d experiments.Data, knobs map[string]string) string {
	b := d.Backlog
	text := fmt.Sprintf("%d %v %d %d %d %v %s", len(d.DiskModels), r.emulates(d), b.Bytes, b.BatchBytes, b.Partitions, b.LogDirs, b.StoreLayout)
	sum := sha256.Sum256([]byte(text + strings.Join(experiments.Flags(r.cfg.Tables.Disk, knobs), " ")))
	return hex.EncodeToString(sum[:8])
}

// makeBase writes the backlog with the disks' delays off.
func (r *runner) makeBase(ctx context.Context, d experiments.Data, dir string, knobs map[string]string, log *os.File) error {
	s := r.realSite(d, dir)
	if r.emulates(d) {
		image := func(i int) []string { return []string{"--image", baseImage(dir, i)} }
		var err error
		if s, err = r.mount(ctx, d, dir, knobs, image, log); err != nil {
			return err
		}
	}
	err := r.prepare(ctx, d, s, log)
	if closeErr := s.close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	return err
}

func baseImage(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("base-%d.img", i)) }

// prepare fills the backlog's log dirs; an empty backlog needs nothing.
func (r *runner) prepare(ctx context.Context, d experiments.Data, s *site, log *os.File) error {
	if d.Backlog.Bytes == 0 {
		return nil
	}
	dirs := make([]string, len(d.Backlog.LogDirs))
	for i, position := range d.Backlog.LogDirs {
		dirs[i] = s.dirs[position]
	}
	args := []string{
		"prepare", "--topic", experiments.BacklogTopic, "--data", strings.Join(dirs, ","),
		"--partitions", strconv.Itoa(d.Backlog.Partitions), "--bytes", strconv.FormatInt(d.Backlog.Bytes, 10),
		"--batch-bytes", strconv.FormatInt(d.Backlog.BatchBytes, 10),
	}
	if d.Backlog.StoreLayout != "" {
		args = append(args, "--"+experiments.StoreLayoutKnob, d.Backlog.StoreLayout)
	}
	return runToEnd(ctx, r.cfg.Binary, args, log)
}

// emulates reports whether the layout's disks are emulated here.
func (r *runner) emulates(d experiments.Data) bool { return len(d.DiskModels) > 0 && r.realDisk == "" }

// realSite has the layout's log dirs as directories on the run's own disk.
func (r *runner) realSite(d experiments.Data, dir string) *site {
	if len(d.DiskModels) == 0 {
		return &site{dirs: []string{dir}}
	}
	s := new(site)
	for i := range d.DiskModels {
		s.dirs = append(s.dirs, filepath.Join(dir, fmt.Sprintf("log-%d", i)))
	}
	return s
}

// openSite makes a trial's site in dir, from the layout's base where it needs one.
func (r *runner) openSite(ctx context.Context, d experiments.Data, dir string, knobs map[string]string, log *os.File) (*site, error) {
	emulated := r.emulates(d)
	if !emulated && d.Backlog.Bytes == 0 {
		return r.realSite(d, dir), nil
	}
	base, err := r.base(ctx, d, knobs, log)
	if err != nil {
		return nil, err
	}
	if emulated {
		return r.mount(ctx, d, dir, knobs, func(i int) []string { return []string{"--base", baseImage(base, i)} }, log)
	}
	s := r.realSite(d, dir)
	for i, from := range r.realSite(d, base).dirs {
		if err := cloneLogDir(from, s.dirs[i]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// cloneLogDir copies a log dir that no server uses. Segments are linked instead:
// the backlog's are never written again.
func cloneLogDir(from, to string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case filepath.Ext(path) == ".log":
			return os.Link(path, target)
		}
		return copyFile(path, target)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clone the backlog: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// discardBases removes what trials started from.
func (r *runner) discardBases() error {
	if r.bases.dir == "" {
		return nil
	}
	return discard(r.bases.dir)
}
