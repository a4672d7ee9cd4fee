//go:build unix

package secretscan

import (
	"syscall"
	"time"
)

// cpuTime is what the process has used, which a busy machine does not add to.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
