package vdso

import "strings"

// startTime is the 22nd field of /proc/PID/stat, when the process started. The
// second one, the name, may hold anything, so fields are counted from its end.
func startTime(stat string) string {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const at = 22 - 3 // the first field after the name is the third
	if len(fields) <= at {
		return ""
	}
	return fields[at]
}
