// Package serve runs a [targets.Machine] as a real process: clients and peers
// over TCP, its records in a log on disk, the clock of the process. The simulated world
// and this package promise a machine the same: nothing leaves the node while a
// record that was to be synced is not on disk yet, messages between peers may be
// lost, replies of one connection keep their order. It knows no store and no
// containers.
package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/mlcheck/mlcheck/targets"
)

// Recovery is within what time two nodes talk again after a cut link was healed:
// a connection on which nothing is confirmed is given up after patience, and the
// next attempt to connect begins after redial and takes up to dialTime.
const Recovery = patience + redial + dialTime

// Config says which node to run.
type Config struct {
	Node   string
	System targets.Simulated
	Listen net.Listener // for clients, peers and wiring; Run closes it
	Dir    string       // for the log and the addresses of the peers; made if it is missing
	// Logf is told, in lines, what a person who looks for an error wants to
	// know; nil: nobody is. Several goroutines call it.
	Logf func(format string, args ...any)

	// The disk as it might be, for tests.
	wrap func(file) file
	room func(dir string) uint64 // bytes
}

// The files of a node.
const (
	logFile   = "log"
	peersFile = "peers.json"
)

// Run runs a node until the context ends: then it takes nothing more and brings its log
// to the disk, and what is not in the log is forgotten. The error says why it had to end before:
// no log, no listener.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	if cfg.room == nil {
		cfg.room = room
	}
	ctx, cancel := context.WithCancelCause(ctx)
	n := &node{
		cfg: cfg, ctx: ctx, fail: func(err error) { cancel(failure{err}) }, inbox: make(chan func(), 64),
		clients: map[string]*client{}, links: map[string]*link{}, incoming: map[string]net.Conn{},
	}
	err := n.open()
	if err == nil {
		err = n.run()
	}
	cancel(nil)
	n.work.Wait()
	return errors.Join(err, n.close())
}

// open reads what an earlier life of the node has left.
func (n *node) open() error {
	if err := os.MkdirAll(n.cfg.Dir, 0o755); err != nil {
		return fmt.Errorf("no place for the log of %s: %w", n.cfg.Node, err)
	}
	j, records, torn, err := openJournal(filepath.Join(n.cfg.Dir, logFile))
	if err != nil {
		return err
	}
	n.journal = j
	if n.cfg.wrap != nil {
		j.file = n.cfg.wrap(j.file)
	}
	go j.run()
	if torn > 0 {
		n.cfg.Logf("the last %d bytes of the log are no whole record and were cut off: they were not on disk when the node ended", torn)
	}
	n.cfg.Logf("%d records are in the log", len(records))
	n.machine = n.cfg.System.New(n.cfg.Node, disk(records))
	peers, err := readPeers(filepath.Join(n.cfg.Dir, peersFile))
	if err != nil {
		return err
	}
	n.connect(peers)
	return nil
}

func (n *node) close() error {
	err := n.cfg.Listen.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	if n.journal != nil {
		err = errors.Join(err, n.journal.close())
	}
	return err
}

// disk is what is in the log when a node comes up.
type disk [][]byte

// Read implements [targets.Disk].
func (d disk) Read() [][]byte { return d }

// failure is why a node had to end.
type failure struct{ error }

// begin starts work that ends with the node.
func (n *node) begin(do func()) { n.work.Go(do) }

// node is one node. What is not said to belong to everybody belongs to the loop.
type node struct {
	cfg   Config
	ctx   context.Context // everybody's: ends with the node
	fail  func(error)     // everybody's: ends the node with an error
	inbox chan func()     // everybody's: what the loop is to do next
	work  sync.WaitGroup

	machine  targets.Machine
	timers   timers
	journal  *journal
	records  batch  // waits for the journal
	writing  bool   // the journal has work
	appended uint64 // records handed to records, ever
	needed   uint64 // the last one that was to be synced
	synced   uint64 // all up to here are on disk
	held     []heldOut
	clients  map[string]*client
	named    int // clients so far
	links    map[string]*link
	incoming map[string]net.Conn // by peer: the connection that it sends on
}
