package mariadb

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
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
	if s.options.image != "" {
		spec.Image = s.options.image
		spec.ClockWhy = fmt.Sprintf("the image %s was chosen with -o image and is not known to have libfaketime; without that option mlcheck builds one that has it", s.options.image)
		return spec
	}
	spec.Build = build()
	spec.Image = spec.Build.Tag
	spec.Clock = "libfaketime"
	return spec
}

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
