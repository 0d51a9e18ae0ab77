package reference

import (
	"fmt"
	"slices"
	"strings"
)

// noDefect is the store as it should be.
const noDefect = "none"

// The defects, each by its name.
const (
	dropForwarded   = "drop-forwarded"
	skipOnError     = "skip-on-error"
	fireAndForget   = "fire-and-forget"
	highWaterMark   = "high-water-mark"
	noOriginTags    = "no-origin-tags"
	relayOwnFirst   = "relay-own-first"
	parallelApply   = "parallel-apply"
	causalPerLink   = "causal-per-link"
	wallForHybrid   = "wall-for-hybrid"
	deafClock       = "deaf-clock"
	tiesByArrival   = "ties-by-arrival"
	firstByArrival  = "first-by-arrival"
	maxWithin       = "max-within-tolerance"
	pairwiseGuard   = "pairwise-guard"
	siblingsCut     = "siblings-cut-to-one"
	snapshotResync  = "snapshot-rolls-back"
	lateVisible     = "acknowledged-before-visible"
	incrementTwice  = "increment-twice"
	splitBrain      = "home-serves-on"
	wrongHome       = "leaders-disagree-on-home"
	homeReadsLocal  = "home-reads-locally"
	certifyNothing  = "certify-nothing"
	certifyBackward = "certify-before-reading"
	fencedServes    = "fenced-home-serves-on"
	homeBehind      = "elected-before-caught-up"
	voteForgotten   = "vote-forgotten"
	leaseReads      = "lease-by-skewed-clock"
	tokenIgnored    = "token-ignored"
	parallelFollow  = "follower-parallel-apply"
	tokenOfWrites   = "token-of-own-writes"
)

// defect is a named mistake, of a kind that real systems have made: what it is,
// and the options without which it cannot show ("": any).
type defect struct {
	name, help string
	policies   []string
	delivery   string
	topologies []string
}

var (
	relayed = []string{"ring", "star"}
	meshed  = []string{"all-to-all"}
	home    = []string{"home"}
	stamped = []string{"lww-hlc", "lww-lamport"}
)

// defects are all there are. Those of known systems say which.
var defects = append([]defect{
	{dropForwarded, "a leader passes on only its own updates, though the topology counts on it (MySQL without log_replica_updates)", nil, "", relayed},
	{skipOnError, "an update that fails to apply is skipped, and replication goes on (MySQL's replica_skip_errors)", nil, "", nil},
	{fireAndForget, "an update counts as delivered once it is sent", nil, "", nil},
	{highWaterMark, "updates arrive in any order, and one below the highest seen counts as known", nil, unordered, meshed},
	{noOriginTags, "some updates lose the note where they come from, and go round the ring for good (MySQL rings after a leader was removed)", []string{"none"}, "", []string{"ring"}},
	{relayOwnFirst, "a leader sends its own updates at once and those of others with the next timer", append([]string{"none"}, stamped...), "", relayed},
	{parallelApply, "updates are applied by two workers that do not wait for each other (parallel replication without commit order)", stamped, "", nil},
	{causalPerLink, "dependencies are checked on the link of the origin alone", append([]string{"none"}, stamped...), causal, meshed},
	{wallForHybrid, "stamps are taken from the wall clock", stamped, "", nil},
	{deafClock, "the clock of stamps does not follow what it receives", []string{"lww-lamport"}, "", nil},
	{tiesByArrival, "of two equal times the one that arrives last wins", []string{"lww-lamport"}, "", nil},
	{firstByArrival, "the first write to arrive stays, not the first to be made", []string{"first"}, "", nil},
	{maxWithin, "values within a tolerance of each other count as equal, and the later arrival stays: a merge that is not associative", []string{"max"}, "", nil},
	{pairwiseGuard, "of two concurrent versions only that of the higher leader is kept: rock, paper, scissors", []string{"replica-priority"}, "", nil},
	{siblingsCut, "a replica keeps only the newest of concurrent versions", []string{"siblings"}, "", nil},
	{snapshotResync, "a leader that was away is sent a snapshot, which replaces what it has accepted meanwhile", []string{"lww-wall", "lww-hlc", "lww-lamport"}, fifo, nil},
	{lateVisible, "a write is acknowledged at once and visible with the next timer", stamped, "", nil},
	{incrementTwice, "an increment that is sent again is applied again (retries without an identity)", []string{"counter"}, "", meshed},
	{splitBrain, "a leader that cannot reach the home of a key executes writes itself", []string{"home"}, "", nil},
	{wrongHome, "one leader still works with an old list of leaders, and takes others for the home of keys", []string{"home"}, "", nil},
	{homeReadsLocal, "reads are answered locally though they should go home", []string{"home"}, "", nil},
	{certifyNothing, "transactions are ordered but not checked", []string{"certify"}, "", nil},
	{certifyBackward, "a transaction is checked when it arrives, and put into the order with the next timer", []string{"certify"}, "", nil},
	{parallelFollow, "a follower applies by two workers that do not wait for each other (MySQL's parallel replicas without preserved commit order)", stamped, "", nil},
	{fencedServes, "-o failover=majority: a home executes and acknowledges at once, without asking whether it still is the home (MongoDB before majority write concern)", home, "", nil},
	{homeBehind, "-o failover=majority: leaders vote for a new home whose log lacks what theirs has", home, "", nil},
	{voteForgotten, "-o failover=majority: votes and entries are told before they are on disk, so that a leader that loses power votes again and lacks what it has confirmed (Raft without fsync)", home, "", nil},
	{leaseReads, "-o failover=majority: a home answers reads without asking while its lease lasts by its wall clock", home, "", nil},
	{tokenIgnored, "a leader serves a session that has moved at once, whatever its token says", nil, "", nil},
	{tokenOfWrites, "a token names what its session has written, and not what it has read", nil, "", nil},
}, diskDefects...)

func defectNames() []string {
	all := []string{noDefect}
	for _, d := range defects {
		all = append(all, d.name)
	}
	return all
}

func defectHelp() string {
	words := []string{"a mistake on purpose, to try checkers on"}
	for _, d := range defects {
		words = append(words, d.name+": "+d.help)
	}
	return strings.Join(words, ". ")
}

// checkDefect says why a defect cannot show under the other options.
func (c *config) checkDefect() error {
	for _, d := range defects {
		switch {
		case d.name != c.defect:
		case len(d.policies) > 0 && !slices.Contains(d.policies, c.policy.name):
			return fmt.Errorf("-o defect=%s is a mistake of policy %s, not of %s", d.name, strings.Join(d.policies, " or "), c.policy.name)
		case d.delivery != "" && d.delivery != c.delivery:
			return fmt.Errorf("-o defect=%s is a mistake of delivery %s, not of %s", d.name, d.delivery, c.delivery)
		case len(d.topologies) > 0 && !slices.Contains(d.topologies, c.topology):
			return fmt.Errorf("-o defect=%s is a mistake of topology %s, not of %s", d.name, strings.Join(d.topologies, " or "), c.topology)
		case slices.Contains([]string{fencedServes, homeBehind, voteForgotten, leaseReads}, d.name) && !c.byMajority():
			return fmt.Errorf("-o defect=%s is a mistake of -o failover=majority", d.name)
		case slices.Contains([]string{splitBrain, wrongHome, homeReadsLocal}, d.name) && c.failsOver():
			return fmt.Errorf("-o defect=%s is a mistake of -o failover=none", d.name)
		case c.followers == 0 && d.name == parallelFollow:
			return fmt.Errorf("-o defect=%s is a mistake of followers: --followers says how many there are", d.name)
		case d.name == leavesEarly && !c.members:
			return fmt.Errorf("-o defect=%s is a mistake of -o members=on", d.name)
		case !c.tokens && (d.name == tokenIgnored || d.name == tokenOfWrites):
			return fmt.Errorf("-o defect=%s is a mistake of -o token=on", d.name)
		case c.delivery == antiEntropy && d.ofStreams():
			return fmt.Errorf("-o defect=%s is a mistake in streams of updates, which anti-entropy has none of", d.name)
		}
	}
	return nil
}

// ofStreams says whether a defect is in how streams of updates are sent.
func (d defect) ofStreams() bool {
	return slices.Contains([]string{dropForwarded, fireAndForget, relayOwnFirst, snapshotResync, incrementTwice}, d.name)
}

func (c *config) has(defect string) bool { return c.defect == defect }

// withDefect is the policy with the mistakes that lie in it.
func (c *config) policyWithDefect() policy {
	p := c.policy
	switch c.defect {
	case wallForHybrid:
		p.stamps = wallTime
	case tiesByArrival:
		p.keep = func(old []version, v version) []version {
			if len(old) > 0 && v.stamp.time < old[0].stamp.time {
				return old
			}
			return []version{v}
		}
	case firstByArrival:
		p.keep = func(old []version, v version) []version {
			if len(old) > 0 {
				return old
			}
			return []version{v}
		}
	case maxWithin:
		p.keep = func(old []version, v version) []version {
			if len(old) > 0 && v.value < old[0].value-5 {
				return old
			}
			return []version{v}
		}
	case pairwiseGuard:
		p.keep = func(old []version, v version) []version { return ofHighestKept(maximal(old, v)) }
	case noTombstones:
		p.keep = erased(greatest)
	case setByArrival:
		p.keep = erased(maximal)
	case siblingsCut:
		p.keep = func(old []version, v version) []version {
			vs := maximal(old, v)
			return []version{slices.MaxFunc(vs, func(a, b version) int {
				if a.stamp.less(b.stamp) {
					return -1
				}
				return 1
			})}
		}
	}
	return p
}

// ofHighestKept is the version of the highest leader, tombstones included.
func ofHighestKept(vs []version) []version {
	return []version{slices.MinFunc(vs, func(a, b version) int {
		if a.node != b.node {
			return a.node - b.node
		}
		return b.compare(a.dot)
	})}
}

// Defect describes one mistake, for tests and pages.
type Defect struct {
	Name, Help string
	Policies   []string // under which it can show; none: any
	Delivery   string   // likewise
	Topologies []string
}

// Defects are all mistakes that -o defect can make.
func Defects() []Defect {
	var all []Defect
	for _, d := range defects {
		all = append(all, Defect{d.name, d.help, d.policies, d.delivery, d.topologies})
	}
	return all
}
