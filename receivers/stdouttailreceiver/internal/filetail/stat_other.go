//go:build !unix

package filetail

import (
	"io/fs"
	"os"
)

const (
	supported = false
	nonblock  = 0
)

func inodeOf(fs.FileInfo) inode { return inode{} }

func isDeleted(*os.File) bool { return false }
