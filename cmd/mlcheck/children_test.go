package main

import "testing"

func TestOnlyTheHiddenSubcommandsAreHandledBesideTheCommandLine(t *testing.T) {
	for _, args := range [][]string{nil, {}, {"run"}, {"run", "agent"}, {"--agent"}, {""}} {
		if children(args) {
			t.Errorf("%q was taken for a hidden subcommand", args)
		}
	}
}
