package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// Connect implements [targets.System].
func (s *system) Connect(ctx context.Context, node targets.Node) (targets.Client, error) {
	c := &client{system: s, node: node}
	return c, c.open(ctx)
}

// client is one session at one leader. A connection that broke is replaced
// before the next operation, never during one: the operation that was under way
// ends with its error and is not repeated.
type client struct {
	system *system
	node   targets.Node
	link   *connection // nil: broken
}

func (c *client) open(ctx context.Context) error {
	link, err := connect(ctx, c.node)
	if err != nil {
		return err
	}
	c.link = link
	return nil
}

// Close implements [targets.Client].
func (c *client) Close() error {
	if c.link == nil {
		return nil
	}
	link := c.link
	c.link = nil
	return link.close()
}

// drop ends a connection that can no longer be trusted; its error was returned
// already.
func (c *client) drop() { _ = c.Close() }

// Do implements [targets.Client]. One step is one statement; several are one
// transaction.
func (c *client) Do(ctx context.Context, steps []history.Step) (targets.Done, error) {
	stmts, err := c.system.options.translate(steps)
	if err != nil {
		return targets.Done{}, targets.Refused(err)
	}
	if err := ctx.Err(); err != nil {
		return targets.Done{}, targets.Refused(fmt.Errorf("not sent: %w", err))
	}
	if c.link == nil {
		if err := c.open(ctx); err != nil {
			return targets.Done{}, targets.Refused(err)
		}
	}
	done := targets.Done{Steps: slices.Clone(steps)}
	if len(steps) == 1 {
		err = c.single(ctx, stmts[0], &done.Steps[0])
	} else {
		err = c.transaction(ctx, stmts, done.Steps)
	}
	if err == nil {
		return done, nil
	}
	if broken(err) {
		c.drop()
	}
	if readOnly(steps) {
		err = targets.Refused(err)
	}
	return targets.Done{}, err
}

// single executes one statement, which commits itself.
func (c *client) single(ctx context.Context, stmt statement, step *history.Step) error {
	if err := c.execute(ctx, stmt, step); err != nil {
		return classify(err)
	}
	return nil
}

// transaction executes the statements as one. Until COMMIT is sent nothing can
// have happened: a server that loses its client rolls back.
func (c *client) transaction(ctx context.Context, stmts []statement, steps []history.Step) error {
	begin := "START TRANSACTION"
	if readOnly(steps) {
		begin = "START TRANSACTION READ ONLY"
	}
	if _, err := c.link.conn.ExecContext(ctx, begin); err != nil {
		return targets.Refused(err)
	}
	for i := range stmts {
		if err := c.execute(ctx, stmts[i], &steps[i]); err != nil {
			c.rollback(ctx, err)
			return targets.Refused(err)
		}
	}
	if _, err := c.link.conn.ExecContext(ctx, "COMMIT"); err != nil {
		c.rollback(ctx, err)
		return classify(err)
	}
	return nil
}

// rollback frees a connection that still works of its transaction. Where that
// fails the connection goes, and the transaction with it.
func (c *client) rollback(ctx context.Context, cause error) {
	if broken(cause) {
		return
	}
	if _, err := c.link.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		c.drop()
	}
}

// execute sends one statement, and fills in what a read returned.
func (c *client) execute(ctx context.Context, stmt statement, step *history.Step) error {
	if step.F == history.Read {
		value, err := c.read(ctx, stmt)
		if err == nil {
			step.Value = value
		}
		return err
	}
	result, err := c.link.conn.ExecContext(ctx, stmt.text, stmt.args...)
	if err != nil || !stmt.found {
		return err
	}
	if n, err := result.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return &noRow{key: step.Key}
	}
	return nil
}

func (c *client) read(ctx context.Context, stmt statement) (v history.Value, err error) {
	rows, err := c.link.conn.QueryContext(ctx, stmt.text, stmt.args...)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	register, elements := history.Value{}, []int64(nil)
	for rows.Next() {
		var kind int
		var n sql.NullInt64
		if err := rows.Scan(&kind, &n); err != nil {
			return v, err
		}
		switch {
		case kind == elementRow:
			elements = append(elements, n.Int64)
		case kind == registerRow && n.Valid:
			register = history.Int(n.Int64)
		}
	}
	if elements != nil || c.system.sets {
		slices.Sort(elements)
		return history.List(elements...), rows.Err()
	}
	return register, rows.Err()
}
