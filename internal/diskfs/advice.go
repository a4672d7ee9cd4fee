package diskfs

import (
	"errors"
	"fmt"
	"syscall"
)

// Advise gives an error of a disk with what helps: which field of the configuration names the
// directory, and what to do there. Any other error is given as it is.
func Advise(err error, field, directory string) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w; %s is %q, and there is no room: make some", err, field, directory)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w; %s is %q, which can only be read: mount it for writing", err, field, directory)
	}
	return err
}
