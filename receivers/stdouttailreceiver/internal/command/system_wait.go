//go:build !linux

package command

import "os/exec"

// awaitExit returns when the program has ended.
func awaitExit(cmd *exec.Cmd) (waitErr error, reaped bool) { //nolint:revive // the error is the program's
	return cmd.Wait(), true
}
