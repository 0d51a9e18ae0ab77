// Command mlcheck checks whether a multi-leader system keeps its promises.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mlcheck/mlcheck"
)

// The exit statuses; 0, 1 and 2 are the verdicts of a run.
const (
	exitUsage = 3 // what was asked for makes no sense
	exitWorld = 4 // what was asked for could not be done here
)

func main() {
	if children(os.Args[1:]) {
		return
	}
	os.Exit(run(os.Args[1:]))
}

// run is the command line as a function: its result is the exit status.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends the process; what it leaves is removed by its janitor
	}()
	status := 0
	root := rootCommand(&status)
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mlcheck:", err)
		var usage *mlcheck.UsageError
		if errors.As(err, &usage) || !reachedCommand {
			fmt.Fprintln(os.Stderr, "`mlcheck --help` and the help of each command have examples.")
			return exitUsage
		}
		return exitWorld
	}
	return status
}

// reachedCommand tells an error of cobra's (an unknown flag) from one of ours.
var reachedCommand bool

func rootCommand(status *int) *cobra.Command {
	root := &cobra.Command{
		Use:   "mlcheck",
		Short: "Find out whether a multi-leader system keeps its promises",
		Long: `mlcheck writes to several leaders at once, cuts the links between them and
skews their clocks, records what every client saw, and checks the record: lost
updates, causal order, convergence. Every finding says which leader acknowledged
what, and why it must not be so.

Exit status: 0 every claim holds, 1 a claim is violated, 2 unknown,
3 what was asked for makes no sense, 4 and above it could not be done.`,
		Example: `  mlcheck run                                     the first lesson; needs no engine
  mlcheck run --target mariadb --topology ring --nemesis partition,clock --time 30s
  mlcheck soak --seeds 200 --nemesis partition,clock -o policy=lww-wall,lww-hlc
  mlcheck shrink store/latest                     the smallest test that shows what was found
  mlcheck check store/latest                      judge a recorded run again
  mlcheck export store/latest --format edn        for the checkers of others
  mlcheck explain no-stale-wins                   what a property means
  mlcheck list                                    targets, workloads, faults, properties`,
		Version:      mlcheck.Version(),
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRun: func(*cobra.Command, []string) { reachedCommand = true },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(runCommand(status), soakCommand(status), replayCommand(status), shrinkCommand(), checkCommand(status), exportCommand(), explainCommand(), listCommand(), doctorCommand(), cleanCommand())
	return root
}
