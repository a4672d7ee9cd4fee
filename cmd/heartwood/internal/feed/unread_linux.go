package feed

import (
	"os"

	"golang.org/x/sys/unix"
)

// Unread tells how much of what was written to a pipe has not been read, in bytes.
func Unread(pipe *os.File) func() int {
	return func() int {
		conn, err := pipe.SyscallConn()
		if err != nil {
			return 0
		}
		unread := 0
		_ = conn.Control(func(fd uintptr) { unread, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
		return unread
	}
}
