package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

// Command is the subcommand of mlcheck that runs a node: `mlcheck node FILE`.
const Command = "node"

// Port is where a node in a container listens.
const Port = 7000

// Where things are in a node's container.
const (
	documentPath = "/etc/mlcheck/node.json"
	dataPath     = "/var/lib/mlcheck"
)

// document says which node of which target to run.
type document struct {
	Target string
	Node   string
	Listen string
	Dir    string
	Config targets.Config
}

// Spec is the container of a node whose target is part of mlcheck and is a machine:
// mlcheck's own binary, told what to be by a file.
func Spec(target, node string, c targets.Config) targets.Spec {
	return targets.Spec{
		Image:   targets.OwnBinary,
		Command: []string{Command, documentPath},
		Files:   map[string]string{documentPath: encode(document{target, node, ":" + strconv.Itoa(Port), dataPath, c})},
		Port:    Port,
		Data:    dataPath,
		Startup: 20 * time.Second,
		// A static Go program: a library cannot be loaded into it, and all that it waits by
		// is the monotonic clock (TestNoWaitOfAGoProgramIsDistorted).
		Clock: "vdso", Undistorted: true,
	}
}

func encode(d document) string {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		panic(err) // strings and lists of strings
	}
	return string(text)
}

// Main runs the node that a file describes until the context ends; lookup finds
// targets by name.
func Main(ctx context.Context, args []string, lookup func(name string) (targets.Target, bool)) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: mlcheck %s FILE, but the arguments are %q", Command, args)
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("what to run cannot be read: %w", err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("%s does not say what to run: %w", args[0], err)
	}
	target, ok := lookup(d.Target)
	if !ok {
		return fmt.Errorf("%s: no target is called %q", args[0], d.Target)
	}
	plan, err := target.Configure(d.Config)
	if err != nil {
		return fmt.Errorf("%s: target %s: %w", args[0], d.Target, err)
	}
	system, ok := plan.System.(targets.Simulated)
	if !ok {
		return fmt.Errorf("%s: target %s has no machine to run", args[0], d.Target)
	}
	listener, err := net.Listen("tcp", d.Listen)
	if err != nil {
		return fmt.Errorf("node %s cannot listen: %w", d.Node, err)
	}
	say("%s of %s listens at %s", d.Node, d.Target, listener.Addr())
	return Run(ctx, Config{Node: d.Node, System: system, Listen: listener, Dir: d.Dir, Logf: say})
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
