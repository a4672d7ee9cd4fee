//go:build unix

package child

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// handed are the signals that others send to a program to make it do something. Those
// that a terminal's keys send are looked at first, see Foreground; SIGTSTP and its
// like stop all of a process group and need no help.
var handed = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
}

// Notify gives the signals that are the program's. Those that are ignored stay so, in
// the program too: nohup's SIGHUP.
func Notify(to chan<- os.Signal) {
	for _, s := range handed {
		if !signal.Ignored(s) {
			signal.Notify(to, s)
		}
	}
}

// Forward hands a signal through to the program.
//
// Ctrl-C and Ctrl-\ go to all of the terminal's foreground group, which the program
// is in as much as we are: it has them already.
func (c *Child) Forward(s os.Signal) {
	if c.console == nil && (s == syscall.SIGINT || s == syscall.SIGQUIT) && Foreground() {
		return
	}
	c.Signal(s)
}

// Foreground reports whether this process is in the foreground group of the terminal
// that controls it.
func Foreground() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(tty) }()
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

func status(state *os.ProcessState) int {
	if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() { //nolint:misspell // its name
		return signalled + int(wait.Signal())
	}
	return state.ExitCode()
}

// endOfTerminal knows how a terminal says that nobody is left at its other side.
func endOfTerminal(err error) bool { return errors.Is(err, syscall.EIO) }
