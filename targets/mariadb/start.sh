#!/bin/sh
# Starts the server given as arguments, on a data directory that is made first
# where the image brings none (the official image does not).
#
# libfaketime is preloaded into the server alone: the shell and the tools before
# it have no use for a clock that is off, and the path of the library depends on
# the machine's architecture.
set -eu
unset LD_PRELOAD

data=/var/lib/mysql
if [ ! -d "$data/mysql" ]; then
	echo "start.sh: making the data directory"
	mkdir -p "$data"
	chown mysql:mysql "$data"
	mariadb-install-db --user=mysql --datadir="$data" --auth-root-authentication-method=normal --skip-test-db --innodb-log-file-size=16M >/dev/null
fi
mkdir -p /run/mysqld
chown mysql:mysql /run/mysqld

if [ -n "${FAKETIME_TIMESTAMP_FILE:-}" ]; then
	for library in /usr/lib/*/faketime/libfaketimeMT.so.1; do
		[ -e "$library" ] || {
			echo "start.sh: a clock fault was asked for, but this image has no libfaketime" >&2
			exit 1
		}
		LD_PRELOAD=$library
		export LD_PRELOAD
	done
fi
exec "$@"
