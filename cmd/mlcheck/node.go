package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/targets/serve"
)

// nodeMain is `mlcheck node FILE`, what runs in the container of a target that is
// part of this binary. It returns an exit status.
func nodeMain(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve.Main(ctx, args, mlcheck.LookupTarget); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		return 1
	}
	return 0
}
