package mariadb

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

func row(pairs ...string) (columns []string, values []sql.NullString) {
	for i := 0; i < len(pairs); i += 2 {
		columns = append(columns, pairs[i])
		values = append(values, sql.NullString{String: pairs[i+1], Valid: pairs[i+1] != "NULL"})
	}
	return columns, values
}

func TestSlaveStatusIsReadByColumnName(t *testing.T) {
	columns, values := row(
		"Connection_name", "n1", "Slave_SQL_State", "", "Slave_IO_State", "Waiting for master to send event", "Master_Host", "10.0.0.2",
		"Slave_IO_Running", "Yes", "Slave_SQL_Running", "No", "Last_Errno", "1062",
		"Last_IO_Errno", "0", "Last_IO_Error", "", "Last_SQL_Errno", "1062", "Last_SQL_Error", "Duplicate entry 'x'\nfor key 'PRIMARY'",
		"Seconds_Behind_Master", "NULL",
	)
	got, err := parseSlave(columns, values)
	if err != nil {
		t.Fatal(err)
	}
	want := slave{source: "n1", io: "Yes", sql: "No", sqlErrno: 1062, sqlError: "Duplicate entry 'x'\nfor key 'PRIMARY'"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(slave{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if why := got.stopped("n2"); why != "n1 → n2 stopped applying: error 1062: Duplicate entry 'x' for key 'PRIMARY'" {
		t.Errorf("stopped because %q", why)
	}
}

func TestStatusOfSomeOtherServerIsAnError(t *testing.T) {
	columns, values := row("Replica_IO_Running", "Yes")
	if sl, err := parseSlave(columns, values); err == nil {
		t.Errorf("it was read as %v", sl)
	}
}

func TestOnlyALinkThatHasGivenUpIsStopped(t *testing.T) {
	for _, c := range []struct {
		slave slave
		up    bool
		why   string // of having stopped
	}{
		{slave{source: "n1", io: "Yes", sql: "Yes"}, true, ""},
		{slave{source: "n1", io: "Connecting", sql: "Yes", ioErrno: 2003, ioError: "no route"}, false, ""},
		{slave{source: "n1", io: "Preparing", sql: "Yes"}, false, ""},
		{slave{source: "n1", io: "No", sql: "Yes", ioErrno: 1236, ioError: "no such GTID"}, false, "n1 → n2 stopped fetching: error 1236: no such GTID"},
		{slave{source: "n1", io: "No", sql: "No"}, false, "n1 → n2 was stopped: there is no error, so somebody said STOP SLAVE"},
	} {
		if c.slave.up() != c.up || c.slave.stopped("n2") != c.why {
			t.Errorf("%+v: up %v, stopped %q", c.slave, c.slave.up(), c.slave.stopped("n2"))
		}
	}
}

func TestALostConnectionIsDescribedWithoutItsRetries(t *testing.T) {
	sl := slave{
		source: "n3", io: "Connecting", sql: "Yes", ioErrno: 2003,
		ioError: `error reconnecting to master 'mlcheck@10.0.0.4:3306' - retry-time: 1 maximum-retries: 100000 message: Can't connect to server on '10.0.0.4' (110 "Connection timed out")`,
	}
	want := `n3 → n1 is connecting (error 2003: Can't connect to server on '10.0.0.4' (110 "Connection timed out"))`
	if got := sl.describe("n1"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// three is a ring of leaders that have each written ten transactions, all of
// them applied everywhere.
func three() ([]standing, []history.Link) {
	links, _ := linksOf(ring, []string{"n1", "n2", "n3"})
	everything := func() position { return position{1: 10, 2: 10, 3: 10} }
	var all []standing
	for i, l := range links {
		all = append(all, standing{
			node: l.From, domain: i + 1, written: everything(), applied: everything(),
			slaves: []slave{{source: links[(i+2)%3].From, io: "Yes", sql: "Yes"}},
		})
	}
	return all, links
}

func TestReplicationIsQuietWhenEveryLinkIsEmpty(t *testing.T) {
	all, links := three()
	delete(all[0].applied, 1) // its own writes are not applied where they were made
	if state, why := judge(all, links); state != history.QuietYes || why != "" {
		t.Errorf("%s: %s", state, why)
	}
}

func TestATransactionOnItsWayIsMoving(t *testing.T) {
	all, links := three()
	all[0].written[1] = 22
	all[1].slaves[0].io = "Connecting"
	state, why := judge(all, links)
	if state != history.QuietMoving || why != "n1 → n2 is connecting; n1 → n2: 12 transactions behind" {
		t.Errorf("%s: %s", state, why)
	}
}

func TestALinkThatGaveUpWithWorkLeftIsStopped(t *testing.T) {
	all, links := three()
	all[0].written[1] = 11
	all[1].slaves[0] = slave{source: "n1", io: "Yes", sql: "No", sqlErrno: 1062, sqlError: "Duplicate entry"}
	state, why := judge(all, links)
	if state != history.QuietStopped || why != "n1 → n2 stopped applying: error 1062: Duplicate entry; n1 → n2: 1 transaction behind" {
		t.Errorf("%s: %s", state, why)
	}
}

func TestALinkThatStoppedWithNothingLeftIsQuiet(t *testing.T) {
	all, links := three()
	all[1].slaves[0] = slave{source: "n1", io: "No", sql: "No"}
	if state, why := judge(all, links); state != history.QuietYes {
		t.Errorf("%s: %s", state, why)
	}
}

// A leader that skips a change in idempotent mode writes nothing to its own
// binary log, so the next one in the ring never hears of it.
func TestASkippedTransactionIsNotWaitedFor(t *testing.T) {
	all, links := three()
	all[0].written[1], all[1].applied[1] = 11, 11
	state, why := judge(all, links)
	if state != history.QuietYes || !strings.HasPrefix(why, "1 transaction of n1 never came to n3") {
		t.Errorf("%s: %s", state, why)
	}
}
