package cpubudget

import (
	"runtime"
	"time"
)

// Stopwatch measures the processor time of a goroutine, which stays on its thread meanwhile.
type Stopwatch struct{ begin time.Duration }

// Start starts one. Stop must be called on the same goroutine, once.
func Start() Stopwatch {
	runtime.LockOSThread()
	return Stopwatch{threadTime()}
}

// Stop gives the processor time since Start; where the system does not tell it of a thread, the time that
// has passed.
func (w Stopwatch) Stop() time.Duration {
	d := threadTime() - w.begin
	runtime.UnlockOSThread()
	return max(0, d)
}

var began = time.Now()

// passed is the time since the process began.
func passed() time.Duration { return time.Since(began) }
