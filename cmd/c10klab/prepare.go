package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"c10klab/internal/kafka"
	"c10klab/internal/knob"
	"c10klab/internal/record"
	"c10klab/results"
	"c10klab/storage"

	"github.com/spf13/cobra"
)

// backlogKnobs describe what prepare writes; where it goes is storage's.
var backlogKnobs = []knob.Knob{
	{Name: "topic", Kind: knob.Text, Default: "backlog", Meaning: "topic to make"},
	{Name: "partitions", Kind: knob.Int, Unit: "partitions", Default: "12", Min: 1, Max: storage.MaxPartitions, Meaning: "partitions of the topic"},
	{Name: "bytes", Kind: knob.Bytes, Default: "2GiB", Min: 1, Max: math.MaxInt64 / 2, Meaning: "record batches over all partitions, rounded up to as many whole ones in each"},
	{Name: "batch-bytes", Kind: knob.Bytes, Default: "64KiB", Min: 1, Max: kafka.MaxFrameBytes, Meaning: "one record batch, header included"},
	{Name: "record-bytes", Kind: knob.Bytes, Default: "1KiB", Min: 1, Max: kafka.MaxFrameBytes, Meaning: "value of one record"},
}

func newPrepareCommand() *cobra.Command {
	var data []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "prepare --data DIR[,DIR…]",
		Short: "Write a backlog for lagging consumers",
		Long: `Write a topic of equal record batches straight into log directories that no server
has open, and force it to the device. A topic that is there already and holds just
that is left alone; any other of the name is refused. A server over the same
directories serves it, POST /evict?topic=T on its admin port makes it cold, and
load --consumers lagging --lagging-topic T reads it.`,
		Example: `  c10klab prepare --data /var/tmp/log --bytes 4GiB
  c10klab prepare --data /disk0,/disk1 --topic backlog --log-dirs-for-new 1 --json`,
		Args: noArguments,
	}
	cmd.Flags().StringSliceVar(&data, "data", nil, "log directories (required)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	knobs := bindKnobs(cmd, knob.NewTable(backlogKnobs, storage.Knobs))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v, err := knobs()
		if err != nil {
			return err
		}
		if len(data) == 0 {
			return usageError(fmt.Errorf("prepare needs --data DIR[,DIR…]"))
		}
		done, err := prepare(cmd.Context(), data, v)
		if err != nil {
			return err
		}
		return present(cmd.OutOrStdout(), asJSON, done, printBacklog)
	}
	return cmd
}

func prepare(ctx context.Context, data []string, v *knob.Values) (*record.Backlog, error) {
	store, err := openStore(data, v, storage.Silent{})
	if err != nil {
		return nil, err
	}
	wanted := storage.Backlog{
		Topic: v.Text("topic"), Partitions: v.Int("partitions"), Bytes: v.Bytes("bytes"),
		BatchBytes: int(v.Bytes("batch-bytes")), RecordBytes: int(v.Bytes("record-bytes")),
	}
	began := time.Now()
	done, err := store.Prepare(ctx, wanted)
	took := time.Since(began)
	if errors.Is(err, storage.ErrInvalidTopic) {
		err = usageError(fmt.Errorf("--topic: %w", err))
	}
	if errors.Is(err, storage.ErrBacklogDiffers) {
		err = usageError(fmt.Errorf("%w; take another name, or remove its directories", err))
	}
	if err != nil {
		return nil, cmp.Or(err, store.Abandon())
	}
	return &record.Backlog{
		Topic: wanted.Topic, Partitions: wanted.Partitions, Bytes: done.Bytes,
		Records: done.Records, Written: done.Written, TookNs: int64(took),
	}, store.Close()
}

func printBacklog(p *printer, b *record.Backlog) {
	p.line("topic %s: %d partitions, %d bytes in %d records", b.Topic, b.Partitions, b.Bytes, b.Records)
	if b.Written {
		const bytesPerMB, nsPerSecond = 1e6, 1e9
		p.line("written and forced to the device in %s, %s MB/s", results.FormatDuration(float64(b.TookNs)),
			results.Significant(float64(b.Bytes)/bytesPerMB/(float64(b.TookNs)/nsPerSecond)))
	} else {
		p.line("was there already")
	}
}

// openStore opens the log dirs with the knobs of package storage and logs what
// recovery had to cut and what fails later.
func openStore(dirs []string, v *knob.Values, observer storage.Observer) (*storage.Store, error) {
	store, err := storage.Open(dirs, storage.ConfigFrom(v), tellingObserver{observer})
	if errors.Is(err, storage.ErrInvalidPlacement) || errors.Is(err, storage.ErrInvalidFlush) {
		return nil, usageError(err)
	}
	if err != nil {
		return nil, err
	}
	for _, cut := range store.Cuts() {
		logLine("recovery: cut %s at position %d, offset %d, %d bytes: %v", cut.Path, cut.PositionBytes, cut.Offset, cut.CutBytes, cut.Reason)
	}
	return store, nil
}

// tellingObserver logs the failures that nobody is there to be answered with.
type tellingObserver struct{ storage.Observer }

func (o tellingObserver) Failed(dir string, err error) {
	logLine("storage: %v", err)
	o.Observer.Failed(dir, err)
}

func (o tellingObserver) DiskFull(dir string, err error) {
	logLine("storage: the disk of %s is full until retention frees some of it: %v", dir, err)
	o.Observer.DiskFull(dir, err)
}

func (o tellingObserver) HousekeepingFailed(err error) {
	logLine("storage: housekeeping: %v", err)
	o.Observer.HousekeepingFailed(err)
}
