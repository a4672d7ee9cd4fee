//go:build unix

package supervise

import "syscall"

func terminate(pid int) error { return syscall.Kill(-pid, syscall.SIGTERM) }

func kill(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
