//go:build !unix

package command

import (
	"errors"
	"os"
	"syscall"
)

const hasGroups = false

// There are no groups and no signals to ask nicely with.
func terminateGroup(pid int) error { return killGroup(pid) }

func killGroup(pid int) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return process.Kill()
}

func signalName(*os.ProcessState) string { return "" }

func systemAttributes(userName string) (*syscall.SysProcAttr, []string, error) {
	if userName != "" {
		return nil, nil, errors.New("user: programs can be started as another user on Unix only: leave user out")
	}
	return nil, nil, nil
}
