//go:build !unix

package supervise

import (
	"os"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// There are no signals to ask nicely with.
func terminate(pid int) error { return kill(pid) }

func kill(pid int) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return process.Kill()
}
