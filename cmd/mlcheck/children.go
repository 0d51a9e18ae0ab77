package main

import (
	"os"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/docker"
)

// children runs the hidden subcommands that mlcheck starts itself: the agent in
// a sandbox and the janitor beside a runner. They get no flags, no help and no
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
	default:
		return false
	}
	if status != 0 {
		os.Exit(status)
	}
	return true
}
