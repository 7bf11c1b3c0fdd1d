package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"c10klab/internal/report"
	"c10klab/results"

	"github.com/spf13/cobra"
)

func newReportCommand() *cobra.Command {
	var out, listen string
	var serve bool
	cmd := &cobra.Command{
		Use:   "report RUN...",
		Short: "Make one HTML page of runs, or serve it while they grow",
		Long: `Make one HTML page of run directories: what came of them in words, verdicts, figures that tell their values,
tables that sort and filter, setup, validity, and the commands that make such a run again. The page is one file and
needs no network. It is written whole or not at all.

With --serve nothing is written: the page is served, and shows runs as their trials are stored.`,
		Example: `  c10klab report results/reference/write-100mbs -o report.html
  c10klab report results/reference/cold-reads results/reference/cold-or-hot -o cold.html
  c10klab report results/runs/20260102-030405 --serve`,
		ValidArgsFunction: completeRuns,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(fmt.Errorf("%s needs run directories, such as results/reference/write-100mbs; c10klab run makes one", cmd.CommandPath()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if serve {
				if err := checkRuns(args); err != nil {
					return err
				}
				return serveReport(cmd, listen, args)
			}
			if info, err := os.Stat(out); err == nil && info.IsDir() {
				return usageError(fmt.Errorf("-o %s is a directory; name the page's file, such as %s", out, filepath.Join(out, "report.html")))
			}
			if err := report.Write(out, args); err != nil {
				return cmp.Or(checkRuns(args), err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), out)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&out, "out", "o", "report.html", "the page's file")
	flags.BoolVar(&serve, "serve", false, "serve the page instead of writing it")
	flags.StringVar(&listen, "listen", "127.0.0.1:0", "address to serve on; port 0: a free one")
	return cmd
}

// checkRuns opens runs, for errors that say what to do.
func checkRuns(dirs []string) error {
	for _, dir := range dirs {
		if _, err := openRun(dir); err != nil {
			return err
		}
	}
	return nil
}

// serveReport serves the page until the command is interrupted.
func serveReport(cmd *cobra.Command, listen string, dirs []string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("serve the report: %w", err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "http://%s/\n", listener.Addr())
	const headerTimeout, grace = 10 * time.Second, time.Second
	server := &http.Server{Handler: report.Handler(dirs), ReadHeaderTimeout: headerTimeout}
	stop := context.AfterFunc(cmd.Context(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		_ = server.Shutdown(ctx) // what is still open ends with the process
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the report: %w", err)
	}
	return nil
}

func newPlotCommand() *cobra.Command {
	var asJSON bool
	cmd := aboutRun(&cobra.Command{
		Use:   "plot RUN",
		Short: "Draw the figures of a run directory again",
		Long: `Draw the figures of a run directory again, as PNG and SVG in its folder plots: tails with intervals, ratios between
cells, where the mean request's time goes, percentile curves, and one trial of each cell over time. Only what the run
has recorded is drawn. The run may be unfinished.`,
		Example: `  c10klab plot results/reference/write-100mbs
  c10klab plot results/runs/20260102-030405`,
	}, func(w io.Writer, run *results.Run) error {
		files, err := drawFigures(run)
		if err != nil {
			return err
		}
		return present(w, asJSON, append([]string{}, files...), func(p *printer, files []string) {
			for _, f := range files {
				p.line("%s", f)
			}
		})
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the files as a JSON array")
	return cmd
}

func drawFigures(run *results.Run) ([]string, error) {
	read, err := report.Read(run)
	if err != nil {
		return nil, err
	}
	return read.Draw()
}
