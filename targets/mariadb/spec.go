package mariadb

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

//go:embed Dockerfile
var dockerfile string

//go:embed start.sh
var startScript string

const (
	port      = 3306
	startPath = "/mlcheck/start.sh"
	initPath  = "/mlcheck/init.sql"

	// Accounts exist on the nodes of a run only, and go with them.
	account  = "mlcheck"
	password = "mlcheck"
	database = "mlcheck"
)

// build is the image that this target makes for itself. The tag ends in a hash
// of the Dockerfile, so that another Dockerfile is another image.
func build() *targets.Build {
	sum := sha256.Sum256([]byte(dockerfile))
	return &targets.Build{
		Tag:        "mlcheck/mariadb:10.11-" + hex.EncodeToString(sum[:6]),
		Suite:      "bookworm",
		Dockerfile: dockerfile,
	}
}

// Spec implements [targets.Containers].
func (s *system) Spec(node string) targets.Spec {
	spec := targets.Spec{
		Command: append([]string{"sh", startPath}, s.command(node)...),
		Files:   map[string]string{startPath: startScript, initPath: s.initSQL()},
		Port:    port,
		Startup: 90 * time.Second,
		DataWhy: "MariaDB waits a minute before it tries a full disk again (its manual, Disk-full errors), so that how long healing takes could not be told from replication that has stopped",
	}
	own := build()
	spec.Image, spec.Build, spec.Clock = own.Tag, own, "libfaketime"
	if image := s.options.image; image != "" && image != own.Tag {
		spec.Image, spec.Build = image, nil
		spec.Clock, spec.ClockNote = "vdso", distorted
	}
	return spec
}

// The server waits by pthread_cond_timedwait until absolute times of the wall clock. Only
// libfaketime lets those waits see the skew too, so it is what a skew is made by where the
// image has it, as the one that we build does. Of any other image that is not known: there
// the vDSO is patched, which needs nothing of the image and makes those waits wrong.
const distorted = "MariaDB waits so: while its clock is ahead, SLEEP, GET_LOCK, lock waits and a replica's next attempt to connect take longer by the whole skew; while it is behind, lock waits end at once (error 1205), " +
	"which can stop a replica from applying for good, as the clock of a real machine would not. The image that mlcheck builds, without -o image, has no such distortion"

// command is the server with its options. --no-defaults comes first, and keeps
// the image's own configuration out: Debian's binds to loopback.
func (s *system) command(node string) []string {
	id := strconv.Itoa(s.id(node))
	flushAtCommit, syncBinlog := "1", "1"
	if s.options.relaxed {
		flushAtCommit, syncBinlog = "2", "0"
	}
	execMode := "STRICT"
	if s.options.idempotent {
		execMode = "IDEMPOTENT"
	}
	relay := "OFF"
	if s.options.relay {
		relay = "ON"
	}
	return []string{
		"mariadbd", "--no-defaults", "--user=mysql", "--bind-address=0.0.0.0",
		"--port=" + strconv.Itoa(port),
		"--init-file=" + initPath,
		"--skip-name-resolve",
		"--performance-schema=OFF",
		"--innodb-buffer-pool-size=64M",
		"--innodb-log-file-size=16M",
		"--innodb-lock-wait-timeout=2",
		"--max-connections=500",
		"--innodb-flush-log-at-trx-commit=" + flushAtCommit,
		"--sync-binlog=" + syncBinlog,
		"--transaction-isolation=" + strings.ToUpper(s.options.isolation),
		"--server-id=" + id,
		"--gtid-domain-id=" + id,
		"--log-bin=binlog",
		"--relay-log=relay",
		"--binlog-format=" + strings.ToUpper(s.options.binlogFormat),
		"--log-slave-updates=" + relay,
		"--gtid-strict-mode=OFF",
		"--gtid-ignore-duplicates=ON",
		"--slave-exec-mode=" + execMode,
		"--slave-net-timeout=" + strconv.Itoa(int(netTimeout/time.Second)),
	}
}
