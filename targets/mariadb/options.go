package mariadb

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/targets"
)

// options are the -o of this target, in the order in which help lists them.
func options() []targets.Option {
	return []targets.Option{
		{
			Name: "exec-mode", Default: "strict", Values: []string{"strict", "idempotent"},
			Help: "slave_exec_mode: what a leader does with a replicated change that does not fit its rows. " +
				"strict stops that link until a person repairs it; idempotent overwrites or skips and goes on, so leaders differ silently",
		},
		{
			Name: "rows", Default: "preload", Values: []string{"preload", "upsert"},
			Help: "how keys come to be. preload: every key's row is there on every leader from the start, so writes are updates and never stop a link; " +
				"upsert: the first write inserts the row, so first writes at two leaders collide on its primary key, and a delete removes it",
		},
		{
			Name: "isolation", Default: "repeatable-read", Values: []string{"repeatable-read", "read-committed", "serializable"},
			Help: "isolation level of every session. At read-committed several reads of one transaction are no snapshot, and the target does not declare them one",
		},
		{
			Name: "binlog-format", Default: "row", Values: []string{"row", "mixed", "statement"},
			Help: "what is replicated. row: the new row, so the last to arrive wins; mixed (the server's own default) and statement: the SQL, " +
				"so increments add up at every leader, and an update of a row that is not there does nothing",
		},
		{
			Name: "flush", Default: "durable", Values: []string{"durable", "relaxed"},
			Help: "durable: redo log and binary log are on disk before a write is acknowledged; relaxed: the operating system has them " +
				"(innodb_flush_log_at_trx_commit=2, sync_binlog=0), so a crash of the machine, not of the server, loses writes",
		},
		{
			Name: "relay", Default: "on", Values: []string{"on", "off"},
			Help: "log_slave_updates, for all-to-all: on: a write may also arrive by way of a third leader, around a link that is cut; off: only directly from its origin",
		},
		{
			Name: "image",
			Help: "an image to use in place of the one that mlcheck builds, such as the official mariadb:10.11. Clocks are then skewed by the vDSO of its processes, not by libfaketime, which makes the server's own timed waits wrong while they are off",
		},
	}
}

// settings are the options, understood.
type settings struct {
	idempotent   bool
	upsert       bool
	isolation    string
	binlogFormat string
	relaxed      bool
	relay        bool
	image        string
}

// parse checks the options again, so that a caller that filled in nothing, or
// rubbish, gets the defaults or a sentence.
func parse(given map[string]string) (settings, error) {
	o := map[string]string{}
	var names []string
	for _, opt := range options() {
		o[opt.Name] = opt.Default
		names = append(names, opt.Name)
		v, ok := given[opt.Name]
		if !ok {
			continue
		}
		if len(opt.Values) > 0 && !slices.Contains(opt.Values, v) {
			return settings{}, fmt.Errorf("mariadb option %s=%q: the valid values are %s", opt.Name, v, strings.Join(opt.Values, ", "))
		}
		o[opt.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			return settings{}, fmt.Errorf("mariadb has no option %q; it has %s", name, strings.Join(names, ", "))
		}
	}
	if strings.ContainsAny(o["image"], " \t\n") {
		return settings{}, fmt.Errorf("mariadb option image=%q: the name of an image has no spaces", o["image"])
	}
	if o["binlog-format"] == "statement" && o["isolation"] == "read-committed" {
		return settings{}, fmt.Errorf("mariadb refuses writes at -o isolation=read-committed with -o binlog-format=statement (error 1665): choose another of either")
	}
	return settings{
		idempotent:   o["exec-mode"] == "idempotent",
		upsert:       o["rows"] == "upsert",
		isolation:    o["isolation"],
		binlogFormat: o["binlog-format"],
		relaxed:      o["flush"] == "relaxed",
		relay:        o["relay"] == "on",
		image:        o["image"],
	}, nil
}

// granularity declares that the steps of an operation become visible together:
// a transaction is committed, replicated and applied as a whole. A reader sees
// that only where its own reads are one snapshot.
func (o settings) granularity() string {
	if o.isolation == "read-committed" {
		return ""
	}
	return "transaction"
}
