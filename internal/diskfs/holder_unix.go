//go:build unix

package diskfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// CheckFree says whether a file that Lock takes is free: ErrInUse names the process that
// has it. It makes and changes nothing, and a file that is not there is free.
func CheckFree(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder := make([]byte, 20)
		n, _ := f.ReadAt(holder, 0)
		return fmt.Errorf("%w (process %s)", ErrInUse, strings.TrimSpace(string(holder[:n])))
	}
	return err
}
