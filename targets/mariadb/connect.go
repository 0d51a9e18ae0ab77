package mariadb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"

	"github.com/go-sql-driver/mysql"

	"github.com/mlcheck/mlcheck/targets"
)

// connection is exactly one connection to one server. database/sql repeats work
// on another connection when it takes one from its pool; nothing is repeated on
// a connection that was taken once and is kept.
type connection struct {
	db   *sql.DB
	conn *sql.Conn
}

// connect opens a connection, dialling once.
func connect(ctx context.Context, node targets.Node) (*connection, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = account, password, database
	cfg.Net, cfg.Addr = "tcp", node.Name() // a label: the node dials
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return node.Dial(ctx) }
	cfg.InterpolateParams = true // one round trip for a statement, not three
	cfg.ClientFoundRows = true   // an update that changes nothing has still found its row
	cfg.CheckConnLiveness = false
	cfg.Logger = &mysql.NopLogger{} // every error is returned as well
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("mariadb: configuring the driver for %s: %w", node.Name(), err)
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to %s: %w", node.Name(), err), db.Close())
	}
	return &connection{db: db, conn: conn}, nil
}

func (c *connection) close() error {
	return errors.Join(ignoreDone(c.conn.Close()), c.db.Close())
}

// ignoreDone: a connection that broke is closed already.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}
