package serve

import "syscall"

// reserve is how much of the disk a node leaves free: below it the machine is told
// that the disk is full, while there is still room for what it must note all the same.
const reserve = 1 << 20

// room is how many bytes the file system of a directory takes. Where it does not
// say, there is room: a write that fails ends the node anyway.
func room(dir string) uint64 {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 1 << 63
	}
	return st.Bavail * uint64(st.Bsize)
}
