package mariadb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

// Ready implements [targets.Containers]: the server answers, and is the one that
// was meant. Tables are there by then, for the init file comes first.
func (s *system) Ready(ctx context.Context, node targets.Node) error {
	link, err := connect(ctx, node)
	if err != nil {
		return err
	}
	defer func() { _ = link.close() }()
	var id int
	if err := link.conn.QueryRowContext(ctx, "SELECT @@server_id").Scan(&id); err != nil {
		return fmt.Errorf("asking %s for its server id: %w", node.Name(), err)
	}
	if want := s.id(node.Name()); id != want {
		return fmt.Errorf("%s answers as server %d, not %d: another server has its address", node.Name(), id, want)
	}
	return nil
}

// Wire implements [targets.Containers]: it tells every node whom to follow, and
// returns when all links are up.
func (s *system) Wire(ctx context.Context, nodes []targets.Node) error {
	byName := map[string]targets.Node{}
	for _, n := range nodes {
		byName[n.Name()] = n
	}
	for _, l := range s.links {
		if byName[l.From] == nil || byName[l.To] == nil {
			return fmt.Errorf("mariadb: the link %s → %s has an end that was not deployed", l.From, l.To)
		}
	}
	return each(nodes, func(n targets.Node) error { return s.follow(ctx, n, byName) })
}

// follow makes one node a replica of its sources. A connection bears the name
// of its source, so that status and errors speak the run's language.
func (s *system) follow(ctx context.Context, node targets.Node, byName map[string]targets.Node) error {
	link, err := connect(ctx, node)
	if err != nil {
		return err
	}
	defer func() { _ = link.close() }()
	for _, l := range s.links {
		if l.To != node.Name() {
			continue
		}
		if err := s.startSlave(ctx, link, byName[l.From]); err != nil {
			return fmt.Errorf("making %s a replica of %s: %w", l.To, l.From, err)
		}
	}
	return s.untilLinked(ctx, link, node.Name())
}

func (s *system) startSlave(ctx context.Context, link *connection, source targets.Node) error {
	// The name of a connection cannot be a parameter of START SLAVE.
	name := "'" + strings.ReplaceAll(source.Name(), "'", "''") + "'"
	_, err := link.conn.ExecContext(ctx, "CHANGE MASTER "+name+" TO MASTER_HOST=?, MASTER_PORT=?, MASTER_USER=?, MASTER_PASSWORD=?, "+
		"MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=?, MASTER_HEARTBEAT_PERIOD=?",
		source.Peer(), port, account, password, int(connectRetry/time.Second), heartbeat.Seconds())
	if err != nil {
		return err
	}
	_, err = link.conn.ExecContext(ctx, "START SLAVE "+name)
	return err
}

// untilLinked waits until every link into a node is up, or one has failed.
func (s *system) untilLinked(ctx context.Context, link *connection, node string) error {
	for {
		slaves, err := slavesOf(ctx, link)
		if err != nil {
			return fmt.Errorf("asking %s for the state of its links: %w", node, err)
		}
		waiting := ""
		for _, sl := range slaves {
			if why := sl.stopped(node); why != "" {
				return errors.New(why)
			}
			if !sl.up() {
				waiting = sl.describe(node)
			}
		}
		if waiting == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("replication did not come up: %s: %w", waiting, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// each does the same to all nodes at once, and joins their errors.
func each(nodes []targets.Node, do func(targets.Node) error) error {
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { errs[i] = do(n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
