package child

import "syscall"

func attributes(terminal bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: terminal, Setctty: terminal}
}
