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

// Quiet implements [targets.Quiet]. Replication is quiet when, along every link,
// the destination has applied all that the source has to send. It has stopped
// when something is missing and a link has given up; what else is on its way
// then goes into why, so that two calls between which something moved differ.
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
	state, why = judge(all, s.links)
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
func judge(all []standing, links []history.Link) (state, why string) {
	missing := missingOf(all, links)
	if len(missing) == 0 {
		return history.QuietYes, strings.Join(unrelayed(all), "; ")
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

// missingOf says what is still to pass along each link: what stands in the
// source's binary log and was not applied at its destination. The destination's
// own domain does not count: what comes back to where it was written is dropped.
//
// Comparing origins instead, each with everybody, would wait for ever: a leader
// with exec-mode=idempotent passes nothing on of a change that it skipped.
func missingOf(all []standing, links []history.Link) []string {
	at := map[string]standing{}
	for _, st := range all {
		at[st.node] = st
	}
	var missing []string
	for _, l := range links {
		from, to := at[l.From], at[l.To]
		var n uint64
		for domain := range from.written {
			if domain != to.domain {
				n += to.applied.behind(from.written, domain)
			}
		}
		if n > 0 {
			missing = append(missing, fmt.Sprintf("%s → %s: %s behind", l.From, l.To, transactions(n)))
		}
	}
	return missing
}

// unrelayed says which origins' last transactions never came to a node though
// nothing is on its way: a leader in between skipped them.
func unrelayed(all []standing) []string {
	var lost []string
	for _, origin := range all {
		for _, st := range all {
			if n := st.applied.behind(origin.written, origin.domain); n > 0 && st.node != origin.node {
				lost = append(lost, fmt.Sprintf("%s of %s never came to %s: a leader in between had skipped it and passed nothing on", transactions(n), origin.node, st.node))
			}
		}
	}
	return lost
}

func transactions(n uint64) string {
	if n == 1 {
		return "1 transaction"
	}
	return fmt.Sprintf("%d transactions", n)
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
