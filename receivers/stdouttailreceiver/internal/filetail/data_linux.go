package filetail

import (
	"errors"
	"os"
	"syscall"
)

const seekData = 3 // SEEK_DATA of lseek(2)

// nextData is where f has data next, at or behind at. ok is false if nowhere.
func nextData(f *os.File, at int64) (next int64, ok bool) {
	next, err := f.Seek(at, seekData)
	if err != nil {
		// ENXIO says that there is no data; a file system that can't tell says so in
		// other ways.
		info, statErr := f.Stat()
		return at, statErr == nil && at < info.Size() && !errors.Is(err, syscall.ENXIO)
	}
	return next, true
}
