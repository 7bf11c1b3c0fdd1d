package speed

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"c10klab/internal/need"
	"c10klab/internal/record"
	"c10klab/internal/slowdisk"

	"golang.org/x/sys/unix"
)

const (
	diskBytes = 4 << 30
	// diskFileBytes is the one file that the loads run over; it lies in one piece.
	diskFileBytes = 1 << 30
	directBlock   = 4096
)

// diskLoad is a trace of requests that one thread makes one after the other.
type diskLoad struct {
	name  string
	trace []slowdisk.Request // offsets within the file
}

// diskLoads last about 12 s each on an HDD.
func diskLoads() []diskLoad {
	random := rand.New(rand.NewPCG(1, 2))
	place := func(bytes int) int64 {
		return random.Int64N((diskFileBytes-int64(bytes))/directBlock) * directBlock
	}
	loads := []diskLoad{{name: "sequential"}, {name: "random"}, {name: "mixed"}}
	const large, small = 1 << 20, 64 << 10
	for i := range int64(diskFileBytes / large) {
		loads[0].trace = append(loads[0].trace, slowdisk.Request{OffsetBytes: i * large, Bytes: large})
	}
	for i := range int64(2000) {
		read := slowdisk.Request{OffsetBytes: place(small), Bytes: small}
		loads[1].trace = append(loads[1].trace, read)
		if i%2 == 0 {
			loads[2].trace = append(loads[2].trace, read, slowdisk.Request{Write: true, OffsetBytes: i * small / 2, Bytes: small})
		}
	}
	return loads
}

// diskRun is what one load did on one model.
type diskRun struct {
	Model, Image, Load    string
	Requests              int
	ElapsedNs, ModelNs    int64
	Ratio                 float64 // elapsed / model
	LateShare             float64
	MBps, Cores, CoresPer float64 // CoresPer: the server's, at 100 MB/s
}

// BenchmarkDiskAgainstItsModel runs sequential, random and mixed loads with
// direct I/O on emulated disks and compares the time they take with the model's
// own prediction for the trace; and it tells the server's CPU time.
func BenchmarkDiskAgainstItsModel(b *testing.B) {
	need.Root(b)
	need.Device(b, "/dev/fuse")
	need.Device(b, "/dev/loop-control")
	binary := buildC10klab(b)
	var all []diskRun
	for _, d := range []benchDisk{
		{slowdisk.HDD, "on disk", "/var/tmp"}, {slowdisk.HDD, "in memory", "/dev/shm"},
		{slowdisk.SSDSATA, "on disk", "/var/tmp"}, {slowdisk.SSDSATA, "in memory", "/dev/shm"},
	} {
		all = append(all, d.run(b, binary)...)
	}
	for _, r := range all {
		fmt.Printf("%-9s %-9s %-10s %5d requests in %6.3f s, model %6.3f s, ratio %.3f; late %.2f %%; %.1f MB/s, server %.3f cores at 100 MB/s\n",
			r.Model, r.Image, r.Load, r.Requests, float64(r.ElapsedNs)/1e9, float64(r.ModelNs)/1e9, r.Ratio, 100*r.LateShare, r.MBps, r.CoresPer)
		b.ReportMetric(r.Ratio, strings.ReplaceAll(r.Model+"/"+r.Image+"/"+r.Load+"/ratio", " ", "-"))
	}
	keep(b, "disk-against-its-model", all)
}

// benchDisk is an emulated disk with its image in a directory on the machine's disk or
// in memory: what the machine's own disk does no faster can be emulated from memory only.
type benchDisk struct{ model, image, dir string }

func (d benchDisk) run(b *testing.B, binary string) []diskRun {
	b.Helper()
	// A control socket's path is short; the benchmark's own directory may not be.
	dir, err := os.MkdirTemp("/var/tmp", "disk")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	images, err := os.MkdirTemp(d.dir, "c10klab-image-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(images)
	mount := filepath.Join(dir, "mnt")
	line, stop := start(b, binary, "disk", "up", "--foreground", "--no-delay", "--state", filepath.Join(dir, "state"),
		"--mount", mount, "--image", filepath.Join(images, "image"), "--disk-model", d.model, "--disk-size", fmt.Sprint(diskBytes))
	defer stop()
	var ready record.DiskReady
	if err := json.Unmarshal([]byte(line), &ready); err != nil {
		b.Fatalf("ready line %q: %v", line, err)
	}
	fd := openDiskFile(b, filepath.Join(mount, "file"))
	defer unix.Close(fd)
	control := slowdisk.NewClient(ready.Control)
	if err := control.SetDelay(true); err != nil {
		b.Fatal(err)
	}
	var runs []diskRun
	for _, load := range diskLoads() {
		runs = append(runs, load.run(b, fd, d, control))
	}
	return runs
}

// openDiskFile writes the file and opens it for direct I/O.
func openDiskFile(b *testing.B, path string) int {
	b.Helper()
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_DIRECT, 0o600)
	if err == nil {
		err = unix.Fallocate(fd, 0, 0, diskFileBytes)
	}
	buffer := directBuffer(1 << 20)
	for at := int64(0); at < diskFileBytes && err == nil; at += int64(len(buffer)) {
		_, err = unix.Pwrite(fd, buffer, at)
	}
	if err != nil {
		b.Fatalf("write %s: %v", path, err)
	}
	return fd
}

// directBuffer is page-aligned: memory of its own mapping.
func directBuffer(bytes int) []byte {
	buffer, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANONYMOUS|unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err != nil {
		panic(fmt.Sprintf("map %d bytes: %v", bytes, err))
	}
	return buffer
}

func (l diskLoad) run(b *testing.B, fd int, d benchDisk, control *slowdisk.Client) diskRun {
	b.Helper()
	buffer := directBuffer(1 << 20)
	defer unix.Munmap(buffer)
	if err := control.Mark(); err != nil {
		b.Fatal(err)
	}
	began, bytes := time.Now(), int64(0)
	for _, r := range l.trace {
		move := unix.Pread
		if r.Write {
			move = unix.Pwrite
		}
		n, err := move(fd, buffer[:r.Bytes], r.OffsetBytes)
		if err != nil || n != r.Bytes {
			b.Fatalf("%s: %+v moved %d bytes: %v", l.name, r, n, err)
		}
		bytes += int64(n)
	}
	elapsed := time.Since(began)
	status, err := control.Status()
	if err != nil {
		b.Fatal(err)
	}
	modelNs := l.predict(b, d.model)
	run := diskRun{
		Model: d.model, Image: d.image, Load: l.name, Requests: len(l.trace), ElapsedNs: int64(elapsed), ModelNs: modelNs,
		Ratio: float64(elapsed) / float64(modelNs), LateShare: status.Counts.LateShare,
		MBps: float64(bytes) / 1e6 / elapsed.Seconds(), Cores: float64(status.CPUNs) / float64(elapsed),
	}
	run.CoresPer = run.Cores / run.MBps * 100
	return run
}

// predict returns the model's time for the trace, each request waiting for the
// one before it.
func (l diskLoad) predict(b *testing.B, modelName string) int64 {
	b.Helper()
	model, err := slowdisk.ModelNamed(modelName)
	if err != nil {
		b.Fatal(err)
	}
	timeline := slowdisk.NewTimeline(model, diskBytes)
	var last slowdisk.Plan
	for _, r := range l.trace {
		last = timeline.Plan(last.FinishNs, r)
	}
	return last.FinishNs
}
