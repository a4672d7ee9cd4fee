package logfmtreceiver

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func startUnix(t *testing.T, path string) (*logfmtReceiver, error) {
	t.Helper()
	r, err := newReceiver(nopSettings(), parseConfig(t, fmt.Sprintf("unix: {path: %s, mode: '0600'}", path)), newSink())
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Shutdown(t.Context()) })
	return r, r.Start(t.Context(), nopHost)
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	r, err := startUnix(t, path)
	require.NoError(t, err)
	info, err := os.Lstat(path)
	require.NoError(t, err)
	assert.Equal(t, os.ModeSocket|0o600, info.Mode())

	_, err = startUnix(t, path)
	require.ErrorContains(t, err, "is the socket of a running process: stop it or choose another path")

	require.NoError(t, r.Shutdown(t.Context()))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Empty(t, entries, "nothing is left behind")
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	require.FileExists(t, path)
	_, err = startUnix(t, path)
	require.NoError(t, err)
	conn, err := net.Dial("unix", path)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestWhatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err := startUnix(t, path)
	require.ErrorContains(t, err, "path "+path+" is a file, not a socket: remove it or choose another path")
	require.FileExists(t, path)
	_, err = startUnix(t, filepath.Dir(path))
	require.ErrorContains(t, err, "is a directory, not a socket")
	_, err = startUnix(t, filepath.Join(path, "nowhere", "s"))
	require.Error(t, err)
}

// A newer process may have taken the path over: its socket stays.
func TestShutdownLeavesAnothersSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	r, err := startUnix(t, path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	other, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer func() { _ = other.Close() }()
	require.NoError(t, r.Shutdown(t.Context()))
	_, err = os.Lstat(path)
	require.NoError(t, err)
}
