package s3store

import (
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowBody reads when it is let.
type slowBody struct {
	begun, let chan struct{}
	done       atomic.Bool
	reads      atomic.Int32
}

func (b *slowBody) ReadAt(p []byte, _ int64) (int, error) {
	b.reads.Add(1)
	close(b.begun)
	<-b.let
	b.done.Store(true)
	return len(p), nil
}

// A read that is under way when a PUT is over is waited for, and none is begun later:
// whose file it is may close it then.
func TestABodyWhosePutIsOver(t *testing.T) {
	for range 100 {
		from := &slowBody{begun: make(chan struct{}), let: make(chan struct{})}
		b := &body{section: io.NewSectionReader(from, 0, 1<<20)}
		read := make(chan error, 1)
		go func() {
			_, err := b.Read(make([]byte, 100))
			read <- err
		}()
		<-from.begun
		go func() { close(from.let) }()
		b.close()
		require.True(t, from.done.Load(), "it was read from when the PUT was over")
		require.NoError(t, <-read)
		n, err := b.Read(make([]byte, 100))
		require.ErrorIs(t, err, errBodyClosed)
		assert.Zero(t, n)
		assert.EqualValues(t, 1, from.reads.Load())
		require.NoError(t, b.broken(), "that it was closed is no fault of the disk")
	}
}
