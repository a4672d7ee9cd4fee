//go:build !unix

package diskfs

import (
	"io"
	"os"
)

// lockFile only keeps the file open: these systems don't let it be removed meanwhile.
func lockFile(path string) (io.Closer, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
