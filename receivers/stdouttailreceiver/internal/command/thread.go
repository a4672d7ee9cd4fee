package command

import "runtime"

// thread runs functions on one thread of the operating system. The kernel sends
// PDEATHSIG when the thread that started a child ends, not when the process does, so
// that must be one that lives as long as the child.
type thread struct {
	work chan func()
}

func newThread() *thread {
	t := &thread{work: make(chan func())}
	go func() {
		// Never unlocked: at the end of this goroutine the runtime ends the thread.
		runtime.LockOSThread()
		for f := range t.work {
			f()
		}
	}()
	return t
}

func (t *thread) do(f func() error) error {
	result := make(chan error)
	t.work <- func() { result <- f() }
	return <-result
}

func (t *thread) end() { close(t.work) }
