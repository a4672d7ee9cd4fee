package dirstore

import (
	"errors"
	"syscall"
)

// isNotDir says that a file stands where a key needs a folder.
func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
