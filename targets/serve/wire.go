package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// wireTime is how long links may take to come up when nodes are wired.
const wireTime = 10 * time.Second

// Wire tells every node the addresses of those that it has a link with, in either
// direction, since confirmations go backwards; port is where all of them listen. It returns
// when every link is up, both ways. Nodes remember their peers over restarts.
func Wire(ctx context.Context, nodes []targets.Node, links []history.Link, port int) error {
	peers := peersOf(nodes, links, port)
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			if err := tell(ctx, n, wireLine, peers[n.Name()]); err != nil {
				errs[i] = fmt.Errorf("wiring %s: %w", n.Name(), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Rejoin tells one node the addresses of those that it has a link with, which it has lost
// with its disk. It returns when the node has them on its disk; nobody waits for links,
// since they may be cut.
func Rejoin(ctx context.Context, node targets.Node, all []targets.Node, links []history.Link, port int) error {
	return tell(ctx, node, rejoinLine, peersOf(all, links, port)[node.Name()])
}

// peersOf are by node the addresses of those that it has a link with, by their names.
func peersOf(nodes []targets.Node, links []history.Link, port int) map[string]map[string]string {
	peers := map[string]map[string]string{}
	for _, n := range nodes {
		peers[n.Name()] = map[string]string{}
	}
	for _, l := range links {
		for _, n := range nodes {
			address := net.JoinHostPort(n.Peer(), strconv.Itoa(port))
			switch n.Name() {
			case l.From:
				peers[l.To][l.From] = address
			case l.To:
				peers[l.From][l.To] = address
			}
		}
	}
	return peers
}

// tell tells one node its peers' addresses, and waits for what the line promises.
func tell(ctx context.Context, n targets.Node, line string, peers map[string]string) error {
	conn, err := n.Dial(ctx)
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	_ = conn.SetDeadline(time.Now().Add(2 * wireTime))
	body, err := json.Marshal(peers)
	if err != nil {
		return err
	}
	if _, err := conn.Write(targets.AppendFrame([]byte(line+"\n"), body)); err != nil {
		return err
	}
	answer, err := targets.ReadFrame(conn)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if string(answer) != welcome {
		return errors.New(string(answer))
	}
	return nil
}

// takeWiring is the other end of tell.
func (n *node) takeWiring(conn net.Conn, r io.Reader, waits bool) {
	answer := welcome
	links, err := n.rewire(r)
	if err == nil && waits {
		err = n.await(links)
	}
	if err != nil {
		answer = err.Error()
	}
	_ = conn.SetDeadline(time.Now().Add(helloTime))
	_, _ = conn.Write(targets.AppendFrame(nil, []byte(answer)))
}

var errEnded = errors.New("the node has ended")

// rewire reads the peers' addresses, keeps them, and makes a link to each.
func (n *node) rewire(r io.Reader) ([]*link, error) {
	body, err := targets.ReadFrame(r)
	if err != nil {
		return nil, err
	}
	peers := map[string]string{}
	if err := json.Unmarshal(body, &peers); err != nil {
		return nil, fmt.Errorf("the peers are not understood: %w", err)
	}
	if err := savePeers(filepath.Join(n.cfg.Dir, peersFile), body); err != nil {
		return nil, err
	}
	up := make(chan []*link, 1)
	if !n.do(func() { up <- n.connect(peers) }) {
		return nil, errEnded
	}
	select {
	case links := <-up:
		return links, nil
	case <-n.ctx.Done():
		return nil, errEnded
	}
}

// await waits until each link has been up.
func (n *node) await(links []*link) error {
	late := time.After(wireTime)
	for _, l := range links {
		select {
		case <-l.ever:
		case <-n.ctx.Done():
			return errEnded
		case <-late:
			return fmt.Errorf("%s does not reach %s at %s within %v: %v", l.node, l.peer, l.address, wireTime, l.why.Load())
		}
	}
	return nil
}

// connect makes a link to each peer, in place of those that there were.
func (n *node) connect(peers map[string]string) []*link {
	for _, l := range n.links {
		l.stop()
	}
	n.links = map[string]*link{}
	var all []*link
	for name, address := range peers {
		ctx, stop := context.WithCancel(n.ctx)
		l := &link{
			node: n.cfg.Node, peer: name, address: address, logf: n.cfg.Logf, stop: stop,
			out: make(chan []byte, mostMessages), ever: make(chan struct{}),
		}
		n.links[name] = l
		all = append(all, l)
		n.begin(func() { l.run(ctx) })
	}
	return all
}

// savePeers replaces the file as a whole.
func savePeers(path string, body []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, body, 0o644); err != nil {
		return fmt.Errorf("the peers cannot be saved: %w", err)
	}
	if err := errors.Join(os.Rename(temporary, path), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("the peers cannot be saved: %w", err)
	}
	return nil
}

func readPeers(path string) (map[string]string, error) {
	body, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // not wired yet
	}
	if err != nil {
		return nil, fmt.Errorf("the peers cannot be read: %w", err)
	}
	peers := map[string]string{}
	if err := json.Unmarshal(body, &peers); err != nil {
		return nil, fmt.Errorf("the peers in %s are not understood: %w", path, err)
	}
	return peers, nil
}
