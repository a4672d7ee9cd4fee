//go:build !linux

package logfmtreceiver

import (
	"errors"
	"net"
)

func kernelDrops(*net.UDPConn) (uint32, error) { return 0, errors.ErrUnsupported }
