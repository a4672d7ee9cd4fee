package command

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func setDeathSignal(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// awaitExit returns when the program has ended, and leaves its process id taken,
// so that its group can be signalled and nobody else's.
func awaitExit(cmd *exec.Cmd) (waitErr error, reaped bool) { //nolint:revive // the error is the program's
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return nil, false
		}
	}
}
