package cpubudget

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the processor time of this thread, user and system.
func threadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return passed()
	}
	return time.Duration(t.Nano())
}
