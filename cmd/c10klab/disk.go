package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"c10klab/internal/slowdisk"

	"github.com/spf13/cobra"
)

func newDiskCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "disk up|down|status",
		Short: "Emulate a disk of known speed",
		Long: `Emulate a disk of known speed: a loop device whose requests take as long as a disk
model says, with a file system on it. It needs root, /dev/fuse and loop devices.`,
		Example: `  c10klab disk up --mount /mnt/slow --disk-model hdd
  c10klab disk status
  c10klab disk down --all`,
		Args: ownCommands("there is no command disk %q%s"),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDiskUpCommand(), newDiskDownCommand(), newDiskStatusCommand())
	return cmd
}

func bindState(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "state", slowdisk.DefaultStateDir, "directory in which disks are kept track of")
}

func newDiskUpCommand() *cobra.Command {
	var config slowdisk.Config
	var foreground, untilStdinEnds bool
	var cpus string
	cmd := &cobra.Command{
		Use:   "up --mount DIR",
		Short: "Bring an emulated disk up and mount it",
		Long: `Bring an emulated disk up and mount it. One line of JSON on stdout tells where it is
and where its control socket: HTTP, GET /status, POST /mark, POST /delay?on=true|false,
POST /stall?for=2s.`,
		Example: `  c10klab disk up --mount /mnt/slow --image /var/tmp/slow.img
  c10klab disk up --name d1 --disk-model ssd-sata --mount /mnt/d1 --base /var/tmp/prepared.img`,
		Args: noArguments,
	}
	flags := cmd.Flags()
	flags.StringVar(&config.Name, "name", "disk0", "name of the disk")
	flags.StringVar(&config.Mount, "mount", "", "where its file system goes; made if absent")
	flags.StringVar(&config.Image, "image", "", "file that holds its blocks, made and formatted if absent; empty: scratch")
	flags.StringVar(&config.Base, "base", "", "image to start from, which is never written: what changes goes to --image, which is scratch then")
	flags.BoolVar(&foreground, "foreground", false, "serve until SIGINT or SIGTERM, then take the disk down")
	flags.BoolVar(&untilStdinEnds, "until-stdin-ends", false, "with --foreground: take the disk down too when standard input ends, as it does when the process dies that holds its other end")
	flags.BoolVar(&config.DelayOff, "no-delay", false, "start without the model's delay")
	flags.StringVar(&cpus, "cpus", "", "CPUs that its process may run on, such as 0,2-3; empty: all")
	bindState(cmd, &config.StateDir)
	knobs := bindKnobs(cmd, diskKnobs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v, err := knobs()
		if err != nil {
			return err
		}
		full, err := slowdisk.ConfigFrom(v)
		if err != nil {
			return usageError(err)
		}
		full.Name, full.StateDir, full.Mount = config.Name, config.StateDir, config.Mount
		full.Image, full.Base, full.DelayOff = config.Image, config.Base, config.DelayOff
		if err := full.Check(); err != nil {
			return usageError(err)
		}
		if err := pinTo("--cpus", cpus); err != nil {
			return err
		}
		if err := slowdisk.Usable(); err != nil {
			return err
		}
		if !foreground {
			return startDetachedDisk()
		}
		ctx := cmd.Context()
		if untilStdinEnds {
			ctx = endedByStdin(ctx)
		}
		return serveDisk(ctx.Done(), full)
	}
	return cmd
}

// endedByStdin returns a context that ends with standard input, too.
func endedByStdin(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin) // however it ends, it has ended
	}()
	return ctx
}

// serveDisk serves until done.
func serveDisk(done <-chan struct{}, config slowdisk.Config) error {
	if err := slowdisk.Prepare(); err != nil {
		return err
	}
	disk, err := slowdisk.Up(config)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(disk.Ready()); err != nil {
		return errors.Join(err, disk.Down())
	}
	<-done
	return disk.Down()
}

// startDetachedDisk starts this very command with --foreground in a session of
// its own and returns when the disk is mounted.
func startDetachedDisk() error {
	log, err := os.CreateTemp("", "c10klab-disk-*")
	if err != nil {
		return fmt.Errorf("start the disk's process: %w", err)
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe", append(os.Args[1:], "--foreground")...)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err = cmp.Or(os.Remove(log.Name()), err); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("start the disk's process: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		_, err = io.WriteString(os.Stdout, line)
		return err
	}
	// It ended without the line; its stderr says why.
	ended := cmd.Wait()
	said, err := io.ReadAll(io.NewSectionReader(log, 0, math.MaxInt64))
	if err != nil {
		return errors.Join(ended, err)
	}
	if text := strings.TrimSpace(strings.TrimPrefix(string(said), "c10klab: ")); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("the disk's process ended without a word: %w", ended)
}

func newDiskDownCommand() *cobra.Command {
	var state, name string
	var all, dead bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Take emulated disks down, and clean up after killed ones",
		Long: `Take an emulated disk down: unmount it, end its process, and give kernel settings back. What a killed or hung disk
left behind is found by the state directory and removed, too.`,
		Example: `  c10klab disk down --name disk0
  c10klab disk down --all
  c10klab disk down --dead`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (all || dead) && cmd.Flags().Changed("name") || all && dead {
				return usageError(errors.New("--name, --all and --dead exclude each other"))
			}
			switch {
			case all:
				return slowdisk.DownAll(state)
			case dead:
				return slowdisk.Clean(state)
			}
			return slowdisk.Down(state, name)
		},
	}
	cmd.Flags().StringVar(&name, "name", "disk0", "name of the disk")
	cmd.Flags().BoolVar(&all, "all", false, "all disks of the state directory")
	cmd.Flags().BoolVar(&dead, "dead", false, "only what killed and hung disks have left")
	bindState(cmd, &state)
	return cmd
}

func newDiskStatusCommand() *cobra.Command {
	var state string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "List emulated disks and what they did since their last mark",
		Long: `List the emulated disks of the state directory with what they did since their last mark: bytes, and the share of
requests that were answered later than the disk model says. --json adds the samples of /proc/diskstats.`,
		Example: `  c10klab disk status
  c10klab disk status --json`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			disks, err := slowdisk.List(state)
			if err != nil {
				return err
			}
			return present(os.Stdout, asJSON, disks, printDisks)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, the samples too")
	bindState(cmd, &state)
	return cmd
}

func printDisks(p *printer, disks []slowdisk.Entry) {
	p.line("NAME\tSTATE\tMODEL\tDELAY\tDEVICE\tMOUNT\tREAD MB\tWRITTEN MB\tLATE")
	for _, d := range disks {
		if d.Status == nil {
			p.line("%s\t%s", d.Name, d.State)
			continue
		}
		s, c := d.Status, d.Status.Counts
		p.line("%s\t%s\t%s\t%t\t%s\t%s\t%.1f\t%.1f\t%.2f%%", d.Name, d.State, s.Model, s.Delay, s.Device, s.Mount,
			float64(c.ReadBytes)/1e6, float64(c.WrittenBytes)/1e6, 100*c.LateShare)
	}
}
