package sidecar

import "syscall"

// Without us the collector gets SIGTERM, not SIGKILL: it has a few seconds to deliver
// what it has.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
