package journal

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// IsStream tells whether a file is the stream of systemd's journal that the variable JOURNAL_STREAM names,
// by device and inode (systemd.exec(5)). The variable alone does not tell: a child whose output goes
// elsewhere inherits it.
func IsStream(f *os.File, variable string) bool {
	var device, inode uint64
	if n, err := fmt.Sscanf(variable, "%d:%d", &device, &inode); n != 2 || err != nil {
		return false
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return false
	}
	return uint64(st.Dev) == device && st.Ino == inode
}
