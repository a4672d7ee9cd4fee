//go:build unix

package stdouttailreceiver

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// pollReader reads a descriptor that others may share: it leaves its flags as they
// are, and so waits with poll, which another descriptor can interrupt.
type pollReader struct {
	fd          int
	wake, woken *os.File
	wokenFD     int
	once        sync.Once
}

func newInterruptible(file *os.File) (interruptible, error) {
	woken, wake, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &pollReader{fd: int(file.Fd()), wake: wake, woken: woken, wokenFD: int(woken.Fd())}, nil
}

func (r *pollReader) Read(buf []byte) (int, error) {
	for {
		fds := []unix.PollFd{
			{Fd: int32(r.fd), Events: unix.POLLIN},
			{Fd: int32(r.wokenFD), Events: unix.POLLIN},
		}
		if _, err := unix.Poll(fds, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return 0, os.NewSyscallError("poll", err)
		}
		if fds[0].Revents == 0 {
			return 0, errStopped
		}
		n, err := unix.Read(r.fd, buf)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// interrupt ends a Read that waits.
func (r *pollReader) interrupt() { r.once.Do(func() { _ = r.wake.Close() }) }

// Close lets go of what interrupt needs. No Read may be under way.
func (r *pollReader) Close() error {
	r.interrupt()
	return r.woken.Close()
}
