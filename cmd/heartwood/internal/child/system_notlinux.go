//go:build !linux

package child

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

func attributes(bool) *syscall.SysProcAttr { return nil }

type console struct{ master *os.File }

func openConsole(Spec) (*console, *os.File, error) {
	return nil, nil, errors.New("a terminal for the program (--pty) is to be had on Linux only, and this is " + runtime.GOOS)
}

func (*console) run()      {}
func (*console) close()    {}
func (*console) raw() bool { return false }
