package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"c10klab/experiments"
	"c10klab/internal/record"
	"c10klab/results"
)

// openSite makes a server's site in dir, from a base where it needs one.
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

// emulates reports whether the data's disks are emulated here.
func (r *runner) emulates(d experiments.Data) bool { return len(d.DiskModels) > 0 && r.realDisk == "" }

// realSite has the data's log dirs as directories on the run's own disk.
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

// base returns the directory with what trials with the data start from: an image for
// each emulated disk, or the log dirs themselves on a real disk. It is made on first use.
// Servers whose data is the same share theirs.
func (r *runner) base(ctx context.Context, d experiments.Data, knobs map[string]string, log *os.File) (string, error) {
	key := r.baseKey(d, knobs)
	if dir, found := r.bases[key]; found {
		return dir, nil
	}
	if r.basesDir.path == "" {
		var err error
		if r.basesDir, err = newDataDir(r.cfg.DataDir); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(r.basesDir.path, key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make directory of bases: %w", err)
	}
	if err := r.makeBase(ctx, d, dir, knobs, log); err != nil {
		return "", fmt.Errorf("prepare the backlog: %w", err)
	}
	r.bases[key] = dir
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
	return errors.Join(r.prepare(ctx, d, s, log), s.close())
}

func baseImage(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("base-%d.img", i)) }

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
	return r.cfg.Machine.Run(ctx, Process{Name: "prepare", Args: args, Log: log}, log)
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
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(target, text, 0o644)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clone the backlog: %w", err)
	}
	return nil
}

func (r *runner) discardBases() error {
	if r.basesDir.path == "" {
		return nil
	}
	return r.basesDir.discard()
}

// hotPasses bounds how often a backlog is read that shall be wholly in the page cache:
// the kernel may take pages back that nobody has asked for again.
const hotPasses = 3

// setPages brings the pages of a server's backlog into the state that its knobs ask
// for, and returns what the page cache then holds of it.
func (s *server) setPages() (pages []record.Residency, err error) {
	if s.data.Backlog.Bytes == 0 {
		return nil, nil
	}
	if !s.data.Backlog.Hot {
		if err := exchange(adminClient, http.MethodPost, "http://"+s.Admin+record.EvictPath+"?topic="+experiments.BacklogTopic, nil); err != nil {
			return nil, fmt.Errorf("make the backlog cold: %w", err)
		}
		return s.residency()
	}
	for range hotPasses {
		if err := readAll(s.site); err != nil {
			return nil, fmt.Errorf("make the backlog hot: %w", err)
		}
		if pages, err = s.residency(); err != nil || s.pagesCheck(pages).OK {
			return pages, err
		}
	}
	return pages, nil
}

// adminTimeout bounds one request to the server's admin port; an eviction writes what is
// dirty first.
const adminTimeout = 20 * time.Second

var adminClient = &http.Client{Timeout: adminTimeout}

// residency asks the server what the page cache holds of the backlog.
func (s *server) residency() (pages []record.Residency, err error) {
	if s.data.Backlog.Bytes > 0 {
		err = exchange(adminClient, http.MethodGet, "http://"+s.Admin+record.ResidencyPath+"?topic="+experiments.BacklogTopic, &pages)
	}
	for i := range pages {
		pages[i].Server = s.other
	}
	return pages, err
}

// readAll reads the backlog's segments once.
func readAll(s *site) error {
	buffer := make([]byte, 1<<20)
	for _, dir := range s.dirs {
		segments, err := results.FilesIn(dir, experiments.BacklogTopic+"-*/*.log")
		if err != nil {
			return err
		}
		for _, segment := range segments {
			f, err := os.Open(segment)
			if err != nil {
				return err
			}
			// In pieces of the buffer's size, where either end by itself would copy in small ones.
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buffer)
			if f.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}
