package main

import (
	"os"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/checker/linear"
	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/docker"
	"github.com/mlcheck/mlcheck/internal/limited"
	"github.com/mlcheck/mlcheck/targets/serve"
)

// children runs the hidden subcommands that mlcheck starts itself: the agent in
// a sandbox, the janitor beside a runner, the search beside a check, and the nodes of
// targets that are part of this binary. They get no flags, no help and no
// output of the command line; those that fail end the process here.
func children(args []string) (handled bool) {
	if len(args) == 0 {
		return false
	}
	var status int
	switch args[0] {
	case "agent":
		status = agent.Main(args[1:])
	case "janitor":
		status = docker.JanitorMain(args[1:])
	case mlcheck.SearchCommand:
		status = limited.Main(args[1:], linear.Serve)
	case serve.Command:
		status = nodeMain(args[1:])
	default:
		return false
	}
	if status != 0 {
		os.Exit(status)
	}
	return true
}
