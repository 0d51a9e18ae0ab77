package mariadb

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"github.com/mlcheck/mlcheck/targets"
)

// noRow: a write found no row to change. Nothing happened.
type noRow struct{ key string }

func (e *noRow) Error() string {
	return fmt.Sprintf("there is no row for key %q: with rows=preload a key must be known before the run; -o rows=upsert makes rows when they are written", e.key)
}

// undone are the server's errors after which a statement that commits itself, or
// a COMMIT, has certainly had no effect. What is not here stays unknown: an error
// while committing, a server that shuts down, a connection that was killed.
var undone = map[uint16]bool{
	1020: true, // row changed since it was read
	1040: true, // too many connections
	1044: true, // access denied
	1045: true,
	1046: true, // no database
	1047: true, // the node is not ready to serve
	1049: true, // no such database
	1054: true, // no such column
	1062: true, // duplicate key
	1064: true, // syntax
	1142: true, // access denied
	1146: true, // no such table
	1153: true, // packet too large
	1203: true, // too many connections of this user
	1205: true, // lock wait timeout
	1213: true, // deadlock
	1226: true, // resource limit of this user
	1227: true, // access denied
	1264: true, // out of range
	1290: true, // read only
	1366: true, // incorrect value
	1406: true, // data too long
	1665: true, // cannot be written to the binary log in this format
	1690: true, // out of range
	1792: true, // read-only transaction
	1836: true, // read-only mode
}

// classify says of the error of a statement that commits whether the statement
// certainly had no effect. Anything else stays a plain error: it may have.
func classify(err error) error {
	var answer *mysql.MySQLError
	var missing *noRow
	switch {
	case errors.As(err, &answer) && undone[answer.Number],
		errors.As(err, &missing),
		neverSent(err):
		return targets.Refused(err)
	}
	return err
}

// neverSent: the driver returns ErrBadConn only where not one byte went out, and
// database/sql ErrConnDone where it no longer has the connection.
func neverSent(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

// broken says whether a connection is of no more use after err: only the
// server's own answer, or none at all, leaves it in a known state.
func broken(err error) bool {
	var answer *mysql.MySQLError
	var missing *noRow
	return !errors.As(err, &answer) && !errors.As(err, &missing)
}
