//go:build !unix

package sidecar

import (
	"os"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// There is no signal to ask nicely with.
var stopSignal = os.Kill
