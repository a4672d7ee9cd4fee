//go:build unix

package sidecar

import "syscall"

const stopSignal = syscall.SIGTERM
