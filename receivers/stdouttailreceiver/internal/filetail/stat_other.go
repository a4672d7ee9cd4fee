//go:build !unix

package filetail

import (
	"hash/fnv"
	"io/fs"
	"os"
)

const nonblock = 0

// inodeOf knows nothing better than the name: a renamed file is found again by its
// content only.
func inodeOf(info fs.FileInfo) inode {
	h := fnv.New64a()
	_, _ = h.Write([]byte(info.Name()))
	return inode{dev: 1, num: h.Sum64()}
}

func isDeleted(f *os.File) bool {
	_, err := os.Stat(f.Name())
	return err != nil
}
