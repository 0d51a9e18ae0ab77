package mlcheck

import (
	"time"
)

// exposedBy are the faults that a defect shows under, where they are not the usual.
var exposedBy = map[string][]string{
	"acknowledged-before-written": {"partition", "crash"},
	"visible-before-written":      {"crash"},
	"actor-reuse":                 {"crash"},
	"log-in-memory":               {"partition", "kill"},
	"log-cut-short":               {"partition", "kill"},
	"redo-twice":                  {"kill"},
	"stamp-restarts":              {"kill", "partition"},
	"positions-lost":              {"kill"},
	"position-before-update":      {"kill"},
	"leaves-early":                {"member"},
}

// tuned is what else a defect needs in order to show.
var tuned = map[string]func(*Test){
	// Somebody must have read what a crash takes, and read it again at the same leader.
	// A key must be written again soon after a restart.
	"stamp-restarts":          func(t *Test) { t.Keys, t.Sessions = 2, 15 },
	"visible-before-written":  func(t *Test) { t.Keys, t.Sessions, t.Reads = 2, 15, Share(0.8) },
	"follower-parallel-apply": func(t *Test) { t.Followers = 3 },
	"vote-forgotten":          func(t *Test) { t.Nemesis, t.Timeout = []string{"partition", "crash"}, time.Second },
	"token-of-own-writes":     func(t *Test) { t.Moves, t.Sessions = Share(0.3), 12 }, // it shows only where sessions move
	"lease-by-skewed-clock":   func(t *Test) { t.Timeout = 200 * time.Millisecond },   // who waits reads nothing stale
}

// diskTruths are the defects that need a restart, a disk or a tombstone to show.
var diskTruths = []truth{
	{"acknowledged-before-written", opts("policy", "lww-hlc"), "all-to-all", "register", "durability", []string{"conflict-policy", "monotonic-reads", "monotonic-writes", "read-your-writes"}},
	{"visible-before-written", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", "register", "monotonic-reads", []string{"cc", "ccv", "conflict-policy", "writes-follow-reads"}},
	{"actor-reuse", opts("policy", "lww-hlc", "durability", "never"), "all-to-all", "register", "convergence", nil},
	{"log-in-memory", opts("policy", "lww-hlc"), "all-to-all", "register", "durability", []string{"conflict-policy", "monotonic-reads", "monotonic-writes", "read-your-writes"}},
	{"log-cut-short", opts("policy", "lww-hlc"), "all-to-all", "register", "durability", []string{"conflict-policy", "convergence", "monotonic-reads", "monotonic-writes", "read-your-writes"}},
	{"redo-twice", opts("policy", "counter"), "all-to-all", "counter-exact", "no-duplicates", []string{"convergence"}},
	{"stamp-restarts", opts("policy", "lww-lamport", "delivery", "anti-entropy"), "all-to-all", "rmw", "read-your-writes", []string{"no-stale-wins"}},
	{"positions-lost", opts("policy", "counter"), "all-to-all", "counter-exact", "no-duplicates", []string{"convergence"}},
	{"position-before-update", opts("policy", "lww-hlc"), "all-to-all", "register", "convergence", []string{"conflict-policy", "monotonic-writes"}},
	{"tombstones-early", opts("policy", "lww-hlc"), "all-to-all", "churn", "convergence", []string{"conflict-policy", "deletes-stay-deleted", "read-your-writes"}},
	{"no-tombstones", opts("policy", "lww-hlc"), "all-to-all", "churn", "convergence", []string{"conflict-policy", "deletes-stay-deleted", "read-your-writes"}},
	{"set-by-arrival", opts("policy", "add-wins", "delivery", "unordered"), "all-to-all", "churn", "convergence", nil},
	{"leaves-early", opts("policy", "lww-hlc", "delivery", "anti-entropy", "members", "on"), "all-to-all", "register", "durability", []string{"conflict-policy"}},
}
