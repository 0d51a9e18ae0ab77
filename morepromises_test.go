package mlcheck

// everything that one copy of each key keeps.
const oneCopy = "conv dur upd stale cc cm ccv ryw mr mw wfr lin del dup"

// impaired are links that are slow, lose, double and reorder, and disks that are
// full or slow, beside what takes leaders down.
const impaired = "link disk clock kill crash"

// leaving is leaders that leave and join, with others cut off and down.
const leaving = "member partition clock kill crash"

// morePromises are the rows with failover, with followers, under other faults, and
// those that PROPERTIES corrects.
var morePromises = []promise{
	row("replica-priority, causal", opts("policy", "replica-priority", "delivery", "causal"), "all-to-all", stay, "register rmw causal", "conv dur stale cc ryw mr mw wfr", "upd ccv lin"),
	row("replica-priority, unordered", opts("policy", "replica-priority", "delivery", "unordered"), "all-to-all", stay, "register rmw causal", "conv", "upd cc cm ccv ryw mw wfr lin"),
	row("add-wins set, causal", opts("policy", "add-wins", "delivery", "causal"), "all-to-all", stay, "set churn", "conv dur ryw mr del dup fold", ""),
	row("remove-wins set, unordered", opts("policy", "remove-wins", "delivery", "unordered"), "all-to-all", stay, "churn", "conv dup", "ryw"),
	row("counters, ring", opts("policy", "counter"), "ring", stay, "counter-exact", "conv dur ryw mr dup", ""),
	row("lww-hlc, causal, tombstones collected", opts("policy", "lww-hlc", "delivery", "causal", "tombstones", "collected"), "all-to-all", stay, "removals churn", "conv dur stale fold cc ccv ryw mr mw wfr del dup", "lin"),
	row("lww-hlc, causal, acknowledged once it is on disk, visible before", opts("policy", "lww-hlc", "delivery", "causal", "durability", "acknowledged"), "all-to-all", stay, registers, "conv dur dup", "cc ccv lin"),

	row("home, local reads, FIFO, judged on all of session order", opts("policy", "home", "reads", "local"), "all-to-all", move, registers, "conv dur upd", "cc cm ccv ryw mr mw wfr lin"),
	row("home, failover asynchronous", opts("policy", "home", "failover", "async"), "all-to-all", stay, "register rmw removals", "conv fold dup", "dur upd lin"),
	row("home, failover by lease", opts("policy", "home", "failover", "lease"), "all-to-all", stay, "register rmw removals", "conv fold dup", "dur lin"),
	row("home, failover by majority", opts("policy", "home", "failover", "majority"), "all-to-all", stay, registers, oneCopy+" fold", ""),

	row("lww-hlc, causal, followers serve reads", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", each, "register rmw", "conv dur stale fold mw wfr", "upd cm lin").below(3),
	row("lww-hlc, causal, followers serve reads, judged on all of session order", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", move, "register rmw", "conv dur fold", "upd stale cc ccv ryw mr lin").below(3),
	row("lww-hlc, causal, followers serve reads", opts("policy", "lww-hlc", "delivery", "causal", "token", "on"), "all-to-all", token, "register rmw", "conv dur stale fold cc ccv ryw mr mw wfr", "upd cm lin").below(3),
	row("siblings, causal, followers serve reads", opts("policy", "siblings", "delivery", "causal", "token", "on"), "all-to-all", token, "register rmw", "conv dur upd stale fold cc ccv ryw mr mw wfr", "").below(3),
	row("home, followers serve reads", opts("policy", "home"), "all-to-all", each, "register rmw", "conv dur upd stale", "wfr lin").below(3),
	row("certify, followers serve reads", opts("policy", "certify"), "all-to-all", each, "register rmw", "conv dur upd stale mw wfr", "lin").below(3),

	row("none, causal, links and disks impaired", opts("policy", "none", "delivery", "causal"), "all-to-all", stay, registers, "dur stale cc cm ryw mr mw wfr del dup", "conv upd ccv lin").under(impaired),
	row("lww-hlc, FIFO, links and disks impaired", opts("policy", "lww-hlc"), "all-to-all", stay, registers, "conv dur stale fold ryw mr mw del dup", "upd cc cm ccv wfr lin").under(impaired),
	row("lww-hlc, anti-entropy, links and disks impaired", opts("policy", "lww-hlc", "delivery", "anti-entropy"), "all-to-all", stay, registers, "conv dur stale fold ryw mr del dup", "upd cm lin").under(impaired),
	row("lww-hlc, causal, links and disks impaired", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", stay, registers, "conv dur stale fold cc ccv ryw mr mw wfr del dup", "upd cm lin").under(impaired),
	row("siblings, causal, links and disks impaired", opts("policy", "siblings", "delivery", "causal"), "all-to-all", stay, "register rmw causal", "conv dur upd stale fold cc ccv ryw mr mw wfr", "").under(impaired),
	row("add-wins set, unordered, links and disks impaired", opts("policy", "add-wins", "delivery", "unordered"), "all-to-all", stay, "churn", "conv dup", "dur ryw del fold").under(impaired),
	row("counters, links and disks impaired", opts("policy", "counter"), "all-to-all", stay, "counter-exact", "conv dur ryw mr dup", "").under(impaired),
	row("home, failover by majority, links and disks impaired", opts("policy", "home", "failover", "majority"), "all-to-all", stay, registers, oneCopy+" fold", "").under(impaired),
	row("certify, reads through the order, links and disks impaired", opts("policy", "certify"), "all-to-all", stay, registers, oneCopy, "").under(impaired),
	row("lww-hlc, causal, links and disks impaired, acknowledged or visible before it is on disk", opts("policy", "lww-hlc", "delivery", "causal", "durability", "never"), "all-to-all", stay, registers, "conv dup", "dur cc ccv ryw mr lin").under(impaired),

	row("lww-hlc, anti-entropy, leaders leave and join", opts("policy", "lww-hlc", "delivery", "anti-entropy", "members", "on"), "all-to-all", stay, registers, "conv dur stale fold ryw mr del dup", "upd cm lin").under(leaving),
}
