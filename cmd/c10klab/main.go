// Command c10klab is an experimental benchmark for the threading models of
// servers: it serves, loads, measures, compares and plots. See README.md.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"text/tabwriter"

	"c10klab/internal/knob"
	"c10klab/results"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit statuses, as README.md lists them.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitLimited = 3
	exitSignal  = 130 // as shells have it of a program that SIGINT ended
)

// exitError carries an exit status other than 0 up to main, with its reason.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }

func (e *exitError) Unwrap() error { return e.err }

// usageError marks err as the user's to mend: exit status 2.
func usageError(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUsage, err}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fitTerminal()
	os.Exit(run(ctx, os.Args[1:]))
}

// run carries out one command line and returns the exit status. Of any but 0 the last
// line on stderr tells the reason.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	status := exitFailed
	if coded, is := errors.AsType[*exitError](err); is {
		status = coded.status
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		status = exitSignal
	}
	meaning := map[int]string{
		exitSignal: "interrupted", exitFailed: "failed", exitUsage: "refused before anything ran; " + cmd.CommandPath() + " --help", exitLimited: "measured, but limited",
	}[status]
	fmt.Fprintf(os.Stderr, "c10klab: %s (exit status %d: %s)\n", results.Advised(err), status, meaning)
	return status
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "c10klab",
		Short: "Who blocks whom inside a server's threads",
		Long: `c10klab runs six threading models, five on threads and one on goroutines, crossed with ways of sending file data,
over one log store that speaks the Kafka protocol; loads them from an open-loop
generator; and shows where each request's time went.

Begin with "c10klab doctor", which says what this machine can measure, and "c10klab run", which measures, prints
tables and draws figures in under four minutes. "c10klab completion --help" says how a shell completes names.`,
		Example: `  c10klab doctor
  c10klab run
  c10klab list experiments
  c10klab report results/reference/write-100mbs -o report.html`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		// Cobra would ask this later and call it a failure.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmd.ValidateFlagGroups(); err != nil {
				return usageError(err)
			}
			return nil
		},
		Args: ownCommands("there is no command %q%s; see c10klab --help"),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("c10klab {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError(suggestFlag(cmd, err)) })
	root.SetHelpCommand(newHelpCommand(root))
	root.AddCommand(newRunCommand(), newServeCommand(), newPrepareCommand(), newLoadCommand(), newShowCommand(), newListCommand(),
		newDoctorCommand(), newDiskCommand(), newPlotCommand(), newReportCommand(), newDocumentCommand(),
		newNewSpecCommand(), newCompareCommand(), newEffectsCommand(), newExportCommand(), newVerifyCommand(), newReproduceCommand(), newAdoptCommand())
	return root
}

// newHelpCommand is cobra's but for an error where there is no such command.
func newHelpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Tell about a command",
		RunE: func(_ *cobra.Command, args []string) error {
			found, _, err := root.Find(args)
			if err == nil && found == root {
				err = root.Args(root, args) // which names the nearest command
			}
			if err != nil {
				return err
			}
			return found.Help()
		},
	}
}

// version is the module's version, the git revision where the program was built from a
// checkout, and Go's version.
func version() string {
	module, revision := "(devel)", ""
	if info, known := debug.ReadBuildInfo(); known {
		module = cmp.Or(info.Main.Version, module)
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = ", revision " + s.Value + revision
			case s.Key == "vcs.modified" && s.Value == "true":
				revision += " with changes"
			}
		}
	}
	return fmt.Sprintf("%s%s, %s %s/%s", module, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// ownCommands refuses an argument of a command that has commands of its own, none of
// which it is; format is of the argument and the nearest of them.
func ownCommands(format string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		return usageError(fmt.Errorf(format, args[0], knob.DidYouMean(args[0], names)))
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Errorf("%s takes no argument %q", cmd.CommandPath(), args[0]))
	}
	return nil
}

// flagWants is what a flag's value must be, by its type.
var flagWants = map[string]string{"uint64": "a whole number from 0 on", "int": "a whole number", "bool": "true or false", "duration": "a duration such as 300ms or 2s"}

// suggestFlag adds the nearest flag to the report of an unknown one, and what a value should be to
// that of a wrong one.
func suggestFlag(cmd *cobra.Command, err error) error {
	if wrong, is := errors.AsType[*pflag.InvalidValueError](err); is {
		if wanted := flagWants[wrong.GetFlag().Value.Type()]; wanted != "" {
			return fmt.Errorf("--%s: %q is not %s", wrong.GetFlag().Name, wrong.GetValue(), wanted)
		}
		return err
	}
	unknown, is := errors.AsType[*pflag.NotExistError](err)
	if !is {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return fmt.Errorf("%w%s", err, knob.DidYouMean(unknown.GetSpecifiedName(), names))
}

// oneArgument refuses all but one argument, of which it says what it is.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError(fmt.Errorf("%s needs one argument: %s", cmd.CommandPath(), what))
		}
		return nil
	}
}

// aboutRun makes cmd a command about one run directory, which it opens.
func aboutRun(cmd *cobra.Command, do func(w io.Writer, run *results.Run) error) *cobra.Command {
	cmd.Args, cmd.ValidArgsFunction = oneArgument("a run directory"), completeRuns
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		run, err := openRun(args[0])
		if err != nil {
			return err
		}
		return do(cmd.OutOrStdout(), run)
	}
	return cmd
}

// present prints a document as JSON, or else what text prints of it.
func present[T any](w io.Writer, asJSON bool, document T, text func(p *printer, document T)) error {
	if asJSON {
		return json.NewEncoder(w).Encode(document)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := &printer{w: table}
	text(p, document)
	return cmp.Or(p.err, table.Flush())
}

// printer prints lines, in which tabs end the columns of a table, and keeps the first
// error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
