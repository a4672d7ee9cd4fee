package integration

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// TestDefaultSocketsAreLocal is TestDefaultsListenOnLocalhostOnly for the sockets
// there really are, at other ports of the same hosts.
func TestDefaultSocketsAreLocal(t *testing.T) {
	path, addresses := defaultAddresses(t)
	moved := map[string]any{}
	for _, a := range addresses {
		if a.path[0] == "service" {
			continue // the harness has moved it
		}
		at := moved
		for _, key := range a.path[:len(a.path)-1] {
			if at[key] == nil {
				at[key] = map[string]any{}
			}
			at = at[key].(map[string]any) //nolint:forcetypeassert // made above
		}
		at[a.path[len(a.path)-1]] = net.JoinHostPort(a.host, strconv.Itoa(freeport.Take(t)))
	}
	overrides, err := yaml.Marshal(moved)
	require.NoError(t, err)
	col := harness.Start(t, string(overrides), harness.WithFile(path))
	requireLocalSockets(t, col, listenersOfDefaults+2) // and the harness's own two
	col.Stop(t)
}

// requireLocalSockets checks what the kernel says: the collector listens on so
// many sockets, all of them of the loopback interface.
func requireLocalSockets(t *testing.T, col *harness.Collector, count int) {
	t.Helper()
	listeners := col.Listeners(t)
	assert.Len(t, listeners, count)
	for _, l := range listeners {
		assert.True(t, l.Addr.Addr().Unmap().IsLoopback(), "%v", l)
	}
}

func kernelDrops(t *testing.T, col *harness.Collector) int {
	t.Helper()
	drops := 0
	for _, l := range col.Listeners(t) {
		drops += l.Drops
	}
	return drops
}

func receiveQueue(t *testing.T, col *harness.Collector) int {
	t.Helper()
	unread := 0
	for _, l := range col.Listeners(t) {
		unread += l.Unread
	}
	return unread
}
