package portholder

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFindsThisProcess(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		require.NoError(t, err)
		holder := Find(l.Addr().(*net.TCPAddr).Port)
		assert.Equal(t, os.Getpid(), holder.PID, address)
		assert.Contains(t, holder.Command, "portholder.test")
		assert.Equal(t, os.Getuid(), holder.UID)
		require.NoError(t, l.Close())
		assert.Zero(t, Find(l.Addr().(*net.TCPAddr).Port).PID, "nobody listens any more")
	}
}

func TestReadsTheKernelsTable(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:10DD 00000000:0000 01 00000000:00000000 00:00000000 00000000  1000        0 11111 1
   1: 0100007F:10DE 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 22222 1
 rubbish
   2: 0100007F:10DD 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 33333 1
`
	inode, uid := listener(strings.NewReader(table), 0x10dd)
	assert.Equal(t, "33333", inode, "a connection is no listener")
	assert.Equal(t, 1001, uid)
	inode, uid = listener(strings.NewReader(table), 80)
	assert.Empty(t, inode)
	assert.Equal(t, -1, uid)
}

func TestNoProcIsNoError(t *testing.T) {
	assert.Equal(t, Holder{UID: -1}, find(t.TempDir(), 4318))
}

func TestHoldersAreNamed(t *testing.T) {
	assert.Equal(t, "process 7 (nc -l 80)", Holder{PID: 7, Command: "nc -l 80"}.String())
	assert.Equal(t, "process 7", Holder{PID: 7}.String())
	assert.Equal(t, "a process of the user with the id 0", Holder{}.String())
	assert.Equal(t, "another process", Holder{UID: -1}.String())
}
