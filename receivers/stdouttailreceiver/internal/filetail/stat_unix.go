//go:build unix

package filetail

import (
	"io/fs"
	"os"
	"syscall"
)

const supported = true

// nonblock keeps opening a named pipe from waiting for its other end.
const nonblock = syscall.O_NONBLOCK

// inodeOf is what the file system knows a file by, whatever its name.
func inodeOf(info fs.FileInfo) inode {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return inode{dev: uint64(st.Dev), num: st.Ino} //nolint:unconvert // the type differs between systems
	}
	return inode{}
}

func isDeleted(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return true
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}
