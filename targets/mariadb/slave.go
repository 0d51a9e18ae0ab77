package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// slave is what SHOW ALL SLAVES STATUS says of one link into a node.
type slave struct {
	source   string // the connection's name: the node that it comes from
	io       string // Slave_IO_Running: Yes, No, Connecting, Preparing
	sql      string // Slave_SQL_Running: Yes, No
	ioErrno  int
	ioError  string
	sqlErrno int
	sqlError string
}

func slavesOf(ctx context.Context, link *connection) (slaves []slave, err error) {
	rows, err := link.conn.QueryContext(ctx, "SHOW ALL SLAVES STATUS")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		sl, err := parseSlave(columns, values)
		if err != nil {
			return nil, err
		}
		slaves = append(slaves, sl)
	}
	return slaves, rows.Err()
}

// parseSlave picks what matters out of some sixty columns, by name: their number
// and order differ between versions.
func parseSlave(columns []string, values []sql.NullString) (slave, error) {
	row := map[string]string{}
	for i, c := range columns {
		row[c] = values[i].String
	}
	for _, c := range []string{"Connection_name", "Slave_IO_Running", "Slave_SQL_Running", "Last_IO_Errno", "Last_SQL_Errno"} {
		if _, ok := row[c]; !ok {
			return slave{}, fmt.Errorf("SHOW ALL SLAVES STATUS has no column %s: is this a MariaDB server?", c)
		}
	}
	sl := slave{
		source:   row["Connection_name"],
		io:       row["Slave_IO_Running"],
		sql:      row["Slave_SQL_Running"],
		ioError:  row["Last_IO_Error"],
		sqlError: row["Last_SQL_Error"],
	}
	var err1, err2 error
	sl.ioErrno, err1 = strconv.Atoi(row["Last_IO_Errno"])
	sl.sqlErrno, err2 = strconv.Atoi(row["Last_SQL_Errno"])
	return sl, errors.Join(err1, err2)
}

// up: changes flow and are applied.
func (s slave) up() bool { return s.io == "Yes" && s.sql == "Yes" }

// stopped says why a link will not go on by itself, or "". A thread that lost
// its connection is Connecting and tries again; one that is No has given up.
func (s slave) stopped(to string) string {
	link := s.source + " → " + to
	switch {
	case s.sql == "No" && s.sqlErrno != 0:
		return fmt.Sprintf("%s stopped applying: error %d: %s", link, s.sqlErrno, oneLine(s.sqlError))
	case s.io == "No" && s.ioErrno != 0:
		return fmt.Sprintf("%s stopped fetching: error %d: %s", link, s.ioErrno, oneLine(s.ioError))
	case s.sql == "No" || s.io == "No":
		return link + " was stopped: there is no error, so somebody said STOP SLAVE"
	}
	return ""
}

// describe says what a link that is not up is doing.
func (s slave) describe(to string) string {
	text := fmt.Sprintf("%s → %s is %s", s.source, to, strings.ToLower(s.io))
	if s.ioErrno != 0 {
		text += fmt.Sprintf(" (error %d: %s)", s.ioErrno, cause(s.ioError))
	}
	return text
}

// cause leaves out what the server says of its retries before it comes to the
// point.
func cause(ioError string) string {
	if _, point, ok := strings.Cut(ioError, " message: "); ok {
		ioError = point
	}
	return oneLine(ioError)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
