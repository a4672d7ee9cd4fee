package diskfs

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAdvise(t *testing.T) {
	for _, one := range []struct {
		err  error
		want string
	}{
		{syscall.ENOSPC, `write /s/1.seg: no space left on device; spool::directory is "/s", and there is no room: make some`},
		{syscall.EROFS, `write /s/1.seg: read-only file system; spool::directory is "/s", which can only be read: mount it for writing`},
		{syscall.EIO, `write /s/1.seg: input/output error`},
	} {
		err := &fs.PathError{Op: "write", Path: "/s/1.seg", Err: one.err}
		got := Advise(err, "spool::directory", "/s")
		assert.Equal(t, one.want, got.Error())
		require.ErrorIs(t, got, one.err)
	}
	require.NoError(t, Advise(nil, "", ""))
	other := errors.New("other")
	assert.Equal(t, other, Advise(other, "", ""))
}
