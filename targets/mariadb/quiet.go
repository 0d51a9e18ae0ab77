package mariadb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// standing is where one node is in replication.
type standing struct {
	node    string
	domain  int
	written position // gtid_binlog_pos
	applied position // gtid_slave_pos
	slaves  []slave
}

// Quiet implements [targets.Quiet]. Replication is quiet when every node has
// applied all that every other has written. It has stopped when something is
// missing and a link has given up; what else is on its way then goes into why,
// so that two calls between which something moved differ.
func (s *system) Quiet(ctx context.Context, nodes []targets.Node) (state, why string, err error) {
	all := make([]standing, len(nodes))
	at := map[string]int{}
	for i, n := range nodes {
		at[n.Name()] = i
	}
	err = each(nodes, func(n targets.Node) (err error) {
		all[at[n.Name()]], err = s.standingOf(ctx, n)
		return err
	})
	if err != nil {
		return "", "", err
	}
	state, why = judge(all)
	return state, why, nil
}

func (s *system) standingOf(ctx context.Context, node targets.Node) (standing, error) {
	link, err := connect(ctx, node)
	if err != nil {
		return standing{}, err
	}
	defer func() { _ = link.close() }()
	st := standing{node: node.Name(), domain: s.id(node.Name())}
	var written, applied string
	err = link.conn.QueryRowContext(ctx, "SELECT @@global.gtid_binlog_pos, @@global.gtid_slave_pos").Scan(&written, &applied)
	if err != nil {
		return standing{}, fmt.Errorf("asking %s for its GTID positions: %w", st.node, err)
	}
	if st.written, err = parsePosition(written); err != nil {
		return standing{}, fmt.Errorf("%s: %w", st.node, err)
	}
	if st.applied, err = parsePosition(applied); err != nil {
		return standing{}, fmt.Errorf("%s: %w", st.node, err)
	}
	if st.slaves, err = slavesOf(ctx, link); err != nil {
		return standing{}, fmt.Errorf("asking %s for the state of its links: %w", st.node, err)
	}
	return st, nil
}

// judge is the pure part of Quiet.
func judge(all []standing) (state, why string) {
	missing := missingOf(all)
	if len(missing) == 0 {
		return history.QuietYes, ""
	}
	var stopped, waiting []string
	for _, st := range all {
		for _, sl := range st.slaves {
			if w := sl.stopped(st.node); w != "" {
				stopped = append(stopped, w)
			} else if !sl.up() {
				waiting = append(waiting, sl.describe(st.node))
			}
		}
	}
	if len(stopped) > 0 {
		return history.QuietStopped, strings.Join(append(stopped, missing...), "; ")
	}
	return history.QuietMoving, strings.Join(append(waiting, missing...), "; ")
}

// missingOf says for every pair of nodes how much of the first one's writing the
// second has not applied. The pairs are origins and destinations, not links: in
// a ring most writes come by way of others.
func missingOf(all []standing) []string {
	var missing []string
	for _, origin := range all {
		for _, st := range all {
			if st.node == origin.node {
				continue
			}
			switch n := st.applied.behind(origin.written, origin.domain); n {
			case 0:
			case 1:
				missing = append(missing, fmt.Sprintf("%s → %s: 1 transaction behind", origin.node, st.node))
			default:
				missing = append(missing, fmt.Sprintf("%s → %s: %d transactions behind", origin.node, st.node, n))
			}
		}
	}
	return missing
}

// Clock implements [targets.Clocked]. The connection is a new one each time: a
// server keeps the time of a connection from running backwards.
func (s *system) Clock(ctx context.Context, node targets.Node) (time.Time, error) {
	link, err := connect(ctx, node)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = link.close() }()
	var text string
	if err := link.conn.QueryRowContext(ctx, "SELECT UTC_TIMESTAMP(6)").Scan(&text); err != nil {
		return time.Time{}, fmt.Errorf("asking %s for the time: %w", node.Name(), err)
	}
	t, err := time.ParseInLocation("2006-01-02 15:04:05.999999", text, time.UTC)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s says that it is %q: %w", node.Name(), text, err)
	}
	return t, nil
}
