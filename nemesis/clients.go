package nemesis

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// Clients is one end of the links between the sessions' clients and a node, in place
// of a node's name. From the clients go requests, to them answers.
const Clients = "clients"

// ofClients is the shape of faults of these links. It is drawn only when it is asked
// for: clients are near their leader, and most faults are about what is between leaders.
const ofClients = "clients"

// What is lost between a client and a node is sent again, as TCP does, after so long,
// and then after twice as long each time: data, and the first packet of a connection.
// Both worlds go by these.
const (
	SentAgain   = 200 * time.Millisecond
	DialedAgain = time.Second
	SentAnyway  = time.Minute // what would wait longer than that is let through
	SynSize     = 60          // bytes of the first packet, and of its answer
)

// OfClients says whether a link leads from the clients to a node, or back.
func OfClients(l history.Link) bool { return l.From == Clients || l.To == Clients }

// ClientLinks are the links between the clients and nodes, sorted by From, then To.
func ClientLinks(nodes []string) []history.Link {
	var ls []history.Link
	for _, n := range nodes {
		ls = append(ls, history.Link{From: Clients, To: n}, history.Link{From: n, To: Clients})
	}
	SortLinks(ls)
	return ls
}

// Concerned are the links of clients that a schedule has faults of, each once, sorted.
func Concerned(faults []Fault) []history.Link {
	var ls []history.Link
	for _, f := range faults {
		ls = append(ls, f.Links...)
	}
	ls = slices.DeleteFunc(ls, func(l history.Link) bool { return !OfClients(l) })
	SortLinks(ls)
	return slices.Compact(ls)
}

// drawClients takes the links of one node's clients, or now and then of all: the
// requests, the answers, or both.
func drawClients(nodes []string, r *rand.Rand) []history.Link {
	if r.IntN(4) > 0 {
		nodes = []string{nodes[r.IntN(len(nodes))]}
	}
	ls := ClientLinks(nodes)
	switch r.IntN(3) {
	case 1:
		return slices.DeleteFunc(ls, func(l history.Link) bool { return l.From != Clients })
	case 2:
		return slices.DeleteFunc(ls, func(l history.Link) bool { return l.To != Clients })
	}
	return ls
}

// checkStream refuses what cannot happen on a client's connection.
func checkStream(f Fault) error {
	if i := f.Impair; i == nil || i.Duplicate == 0 && i.Reorder == 0 || !slices.ContainsFunc(f.Links, OfClients) {
		return nil
	}
	return errors.New("a client talks to its node over one connection, and what comes twice or too early there is put right by TCP: leave duplicate and reorder out for links of clients")
}
