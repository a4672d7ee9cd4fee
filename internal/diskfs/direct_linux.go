package diskfs

import (
	"errors"
	"os"
	"syscall"
)

// syncData makes the content and the length of a file durable, and leaves its times.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// setDirect says whether writes go past the kernel's cache.
func setDirect(f *os.File, direct bool) error {
	flags := syscall.O_APPEND
	if direct {
		flags |= syscall.O_DIRECT
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETFL, uintptr(flags)); errno != 0 {
		return os.NewSyscallError("fcntl", errno)
	}
	return nil
}
