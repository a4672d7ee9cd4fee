package logfmtreceiver

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKernelDrops(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	sender, err := net.Dial("udp", conn.LocalAddr().String())
	require.NoError(t, err)
	defer func() { _ = sender.Close() }()
	const sent = 2000
	for range sent {
		_, err := sender.Write(make([]byte, 2000))
		require.NoError(t, err)
	}
	drops, err := kernelDrops(conn)
	require.NoError(t, err)
	assert.Positive(t, drops)
	buf := make([]byte, maxDatagram)
	for range sent - drops {
		_, err := conn.Read(buf)
		require.NoError(t, err, "what was not dropped is there")
	}
}
