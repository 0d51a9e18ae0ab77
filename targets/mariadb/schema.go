package mariadb

import (
	"encoding/hex"
	"strings"
)

// The server reads its init file in lines of one statement each, and refuses
// lines longer than 20,000 bytes.
const initLine = 16_000

// initSQL makes what every leader has from the start: accounts, tables and,
// with rows=preload, a row for every key. Nothing of it is replicated, and all of
// it may run again when the server restarts. Keys are binary strings: no
// collation, no trailing spaces that do not count.
func (s *system) initSQL() string {
	lines := []string{
		"SET sql_log_bin=0;",
		"CREATE DATABASE IF NOT EXISTS " + database + ";",
		"CREATE USER IF NOT EXISTS '" + account + "'@'%' IDENTIFIED BY '" + password + "';",
		"GRANT ALL PRIVILEGES ON *.* TO '" + account + "'@'%';",
		"CREATE TABLE IF NOT EXISTS " + database + ".registers (k VARBINARY(255) PRIMARY KEY, v BIGINT NULL) ENGINE=InnoDB;",
		"CREATE TABLE IF NOT EXISTS " + database + ".elements (k VARBINARY(255), e BIGINT, PRIMARY KEY (k, e)) ENGINE=InnoDB;",
	}
	if !s.options.upsert {
		lines = append(lines, preload(s.keys)...)
	}
	lines = append(lines, "SET sql_log_bin=1;")
	return strings.Join(lines, "\n") + "\n"
}

// preload inserts a row without a value for every key. Hexadecimal literals need
// no quoting, whatever a key is made of.
func preload(keys []string) []string {
	const head = "INSERT IGNORE INTO " + database + ".registers (k) VALUES "
	var lines []string
	var row strings.Builder
	flush := func() {
		if row.Len() > 0 {
			lines = append(lines, head+row.String()+";")
			row.Reset()
		}
	}
	for _, k := range keys {
		value := "(x'" + hex.EncodeToString([]byte(k)) + "')"
		if len(head)+row.Len()+len(value)+2 > initLine {
			flush()
		}
		if row.Len() > 0 {
			row.WriteByte(',')
		}
		row.WriteString(value)
	}
	flush()
	return lines
}
