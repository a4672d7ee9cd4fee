package logfmtreceiver

import (
	"encoding/binary"
	"net"

	"golang.org/x/sys/unix"
)

// askForDrops makes the kernel send, beside each datagram, how many it has dropped
// on the socket so far (socket(7), SO_RXQ_OVFL).
func askForDrops(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	err = raw.Control(func(fd uintptr) {
		setErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	})
	if err != nil {
		return err
	}
	return setErr
}

// dropCount follows the kernel's count, which wraps at 2^32.
type dropCount struct{ last uint32 }

// update reads the control messages of a datagram and returns the drops since the
// one before.
func (d *dropCount) update(oob []byte) int64 {
	for len(oob) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return 0
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SO_RXQ_OVFL && len(data) >= 4 {
			now := binary.NativeEndian.Uint32(data)
			lost := now - d.last
			d.last = now
			return int64(lost)
		}
		oob = rest
	}
	return 0
}
