package mariadb

import (
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

// statement is one step as SQL.
type statement struct {
	text string
	args []any
	// found: a change that finds no row has not happened, and must fail.
	found bool
}

// The kinds of rows that a read returns: a key is a register or a set by what
// was written to it, and one statement asks for both.
const (
	registerRow = 0
	elementRow  = 1
)

// lock is what a read does to the rows that it sees.
type lock string

const (
	unlocked  lock = ""
	shared    lock = " LOCK IN SHARE MODE"
	exclusive lock = " FOR UPDATE"
)

// statementOf translates one step. Writes go by the target's rows option: an
// update of a row that is known to be there, or an insert that becomes one.
func (o settings) statementOf(step history.Step, l lock) (statement, error) {
	k, n := []byte(step.Key), step.Value.N
	switch step.F {
	case history.Read:
		return statement{
			text: "(SELECT 0, v FROM registers WHERE k=?" + string(l) + ") UNION ALL (SELECT 1, e FROM elements WHERE k=?" + string(l) + ")",
			args: []any{k, k},
		}, nil
	case history.Write:
		if o.upsert {
			return statement{text: "INSERT INTO registers (k, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v=VALUES(v)", args: []any{k, n}}, nil
		}
		return statement{text: "UPDATE registers SET v=? WHERE k=?", args: []any{n, k}, found: true}, nil
	case history.Delete:
		if o.upsert {
			return statement{text: "DELETE FROM registers WHERE k=?", args: []any{k}}, nil
		}
		return statement{text: "UPDATE registers SET v=NULL WHERE k=?", args: []any{k}, found: true}, nil
	case history.Inc:
		if o.upsert {
			return statement{text: "INSERT INTO registers (k, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v=COALESCE(v, 0)+VALUES(v)", args: []any{k, n}}, nil
		}
		return statement{text: "UPDATE registers SET v=COALESCE(v, 0)+? WHERE k=?", args: []any{n, k}, found: true}, nil
	case history.Add:
		return statement{text: "INSERT INTO elements (k, e) VALUES (?, ?) ON DUPLICATE KEY UPDATE e=VALUES(e)", args: []any{k, n}}, nil
	case history.Remove:
		return statement{text: "DELETE FROM elements WHERE k=? AND e=?", args: []any{k, n}}, nil
	}
	return statement{}, fmt.Errorf("mariadb cannot execute step function %d on %q; it has read, write, delete, add, remove and inc", step.F, step.Key)
}

// translate makes the statements of an operation. A key that is written after it
// was read is locked by the read: otherwise two such operations at one leader
// would both read the old value, and the lost update would be the client's
// doing. Where one read locks, all do: a locking read sees what is committed
// now, a plain one the transaction's snapshot, and the two must not be mixed.
func (o settings) translate(steps []history.Step) ([]statement, error) {
	locks := locksOf(steps)
	stmts := make([]statement, len(steps))
	for i, step := range steps {
		var err error
		if stmts[i], err = o.statementOf(step, locks[i]); err != nil {
			return nil, err
		}
	}
	return stmts, nil
}

func locksOf(steps []history.Step) []lock {
	locks := make([]lock, len(steps))
	written := map[string]bool{}
	rest := unlocked
	for i := len(steps) - 1; i >= 0; i-- {
		switch step := steps[i]; {
		case step.F.IsWrite():
			written[step.Key] = true
		case written[step.Key]:
			locks[i], rest = exclusive, shared
		}
	}
	for i, step := range steps {
		if step.F == history.Read && locks[i] == unlocked {
			locks[i] = rest
		}
	}
	return locks
}

func readOnly(steps []history.Step) bool {
	for _, s := range steps {
		if s.F.IsWrite() {
			return false
		}
	}
	return true
}
