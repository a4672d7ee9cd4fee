package harness

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestListenersAreThoseOfTheProcess(t *testing.T) {
	p := startProgram(t, "listener")
	p.WaitOutput(t, "ready", long)
	var lines []string
	wide := 0
	for _, l := range p.Listeners(t) {
		if l.Addr.Addr().IsUnspecified() {
			wide++
		} else {
			lines = append(lines, l.String())
		}
	}
	printed := strings.Split(p.Output(), "\n")
	assert.ElementsMatch(t, []string{printed[0], printed[2]}, lines)
	assert.Equal(t, 1, wide)
}

func TestListenersCountsDatagramsTheKernelDropped(t *testing.T) {
	p := startProgram(t, "listener")
	p.WaitOutput(t, "ready", long)
	addr := strings.TrimPrefix(strings.Split(p.Output(), "\n")[2], "udp ")
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "udp", addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	for range 3000 { // of a kilobyte each, more than a socket holds by default
		_, err := conn.Write(make([]byte, 1024))
		require.NoError(t, err)
	}
	drops, unread := 0, 0
	for _, l := range p.Listeners(t) {
		drops += l.Drops
		unread += l.Unread
	}
	assert.Greater(t, unread, (3000-drops)*1024)
	assert.Positive(t, drops)
	assert.Less(t, drops, 3000)
}

func TestParseKernelAddr(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0016":                         "0.0.0.0:22",
		"00000000000000000000000001000000:10DD": "[::1]:4317",
		"0000000000000000FFFF00000100007F:10DD": "[::ffff:127.0.0.1]:4317",
	} {
		addr, err := parseKernelAddr(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, addr.String())
	}
	for _, text := range []string{"", "zz:1", "0100007F", "0100007F:", "0100007F:12345", "01:1"} {
		_, err := parseKernelAddr(text)
		assert.Error(t, err, "%q", text)
	}
}

func TestMemory(t *testing.T) {
	p := startProgram(t, "listener")
	p.WaitOutput(t, "ready", long)
	now, peak := p.Memory(t)
	assert.Greater(t, now, int64(1<<20))
	assert.GreaterOrEqual(t, peak, now)
}
