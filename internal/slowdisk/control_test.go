package slowdisk

import (
	"os"
	"strings"
	"testing"
	"time"

	"c10klab/internal/knob"
)

// controlled is a disk of which only the control socket is up.
func controlled(t *testing.T) (*Disk, *Client) {
	t.Helper()
	// A socket's path is short; the test's own directory may not be.
	dir, err := os.MkdirTemp("", "disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &Disk{config: Config{Name: "d", Model: models[HDD]}, places: places{dir}, pacer: newPacer(models[HDD])}
	stop, err := d.listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop() })
	return d, NewClient(d.places.control())
}

func TestControlSocketObeys(t *testing.T) {
	d, client := controlled(t)
	if err := client.SetDelay(true); err != nil {
		t.Fatal(err)
	}
	d.pacer.sleep = func(int64) { d.pacer.release() }
	if err := d.pacer.do(Request{OffsetBytes: blockBytes, Bytes: 1e6}, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := client.SetDelay(true); err != nil {
		t.Fatal(err)
	}
	status, err := client.Status()
	if err != nil {
		t.Fatal(err)
	}
	if status.Ready || !status.Delay || status.Name != "d" || status.Counts.Reads != 1 || status.Counts.ReadBytes != 1e6 {
		t.Errorf("status %+v", status)
	}
	if status.Parameters.SeekNs != 8e6 || status.Parameters.ReadMBps != 125 || status.Counts.ModelBusyNs < 8e6 {
		t.Errorf("parameters %+v, busy %d ns", status.Parameters, status.Counts.ModelBusyNs)
	}
	if err := client.Mark(); err != nil {
		t.Fatal(err)
	}
	if status, err = client.Status(); err != nil || status.Counts.Reads != 0 || status.MarkNs == 0 || status.MarkNs > status.MonotonicNs {
		t.Errorf("after the mark (%v): %+v", err, status)
	}
	if err := client.Stall(time.Minute); err != nil || d.pacer.stallNs < d.pacer.now() {
		t.Errorf("no stall (%v)", err)
	}
}

func TestControlSocketRefusesBadValues(t *testing.T) {
	_, client := controlled(t)
	if err := client.Stall(time.Hour); err == nil || !strings.Contains(err.Error(), `"1h0m0s"`) {
		t.Errorf("a stall of an hour: %v", err)
	}
	for _, path := range []string{"/stall", "/delay", "/nothing"} {
		if err := client.post(path, nil); err == nil {
			t.Errorf("%s without a value was accepted", path)
		}
	}
}

func TestBadConfigsNameTheValue(t *testing.T) {
	table := knob.NewTable(Knobs)
	for _, c := range []struct{ knob, text, want string }{
		{"disk-seek", "3ms", "disk-seek=3ms needs disk-model=custom"},
		{"disk-read-ahead", "1000", "1000 is no multiple of 1024"},
		{"disk-size", "67108865", "67108865 is no multiple of 4096"},
	} {
		v := table.Defaults()
		if err := v.Set(c.knob, c.text); err != nil {
			t.Fatal(err)
		}
		if _, err := ConfigFrom(v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v, want %q", c.knob, c.text, err, c.want)
		}
	}
	good := Config{Name: "d", StateDir: "/run/x", Mount: "/mnt"}
	for want, change := range map[string]func(*Config){
		"--mount":           func(c *Config) { c.Mount = "" },
		`"../d"`:            func(c *Config) { c.Name = "../d" },
		`"run"`:             func(c *Config) { c.StateDir = "run" },
		"a socket's may":    func(c *Config) { c.StateDir = "/" + strings.Repeat("x", 100) },
		"one file, /a.img:": func(c *Config) { c.Base, c.Image = "/a.img", "/a.img" },
	} {
		c := good
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

func TestMountsWithSpacesAreFound(t *testing.T) {
	if got := unescape(`/a\040b\134c`); got != `/a b\c` {
		t.Errorf("unescaped %q", got)
	}
	mounts, err := readMounts()
	if err != nil || len(mounts) == 0 || mounts[0].MountPoint == "" || mounts[0].FSType == "" {
		t.Errorf("mounts %v, %v", mounts, err)
	}
}
