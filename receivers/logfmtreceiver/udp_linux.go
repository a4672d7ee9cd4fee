package logfmtreceiver

import (
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelDrops asks the kernel how many datagrams it has dropped on the socket since
// it was opened, modulo 2^32 (socket(7); SO_MEMINFO, Linux 4.12).
func kernelDrops(conn *net.UDPConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var info [unix.SK_MEMINFO_DROPS + 1]uint32
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(info))
		// x/sys has no function for an option that is an array.
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 && uintptr(size) < unsafe.Sizeof(info) {
			errno = unix.ENOPROTOOPT
		}
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, fmt.Errorf("getsockopt SO_MEMINFO: %w", errno)
	}
	return info[unix.SK_MEMINFO_DROPS], nil
}
