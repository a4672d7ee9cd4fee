package main

import (
	"bytes"
	"net"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/freeport"
)

func noEnvironment(string) string { return "" }

// takePort listens on a port of the system's choice.
func takePort(t *testing.T) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func TestTakenPortIsReplacedAndItsHolderNamed(t *testing.T) {
	taken := takePort(t)
	ports := []port{{"A", taken, "first"}, {"B", taken + 1, "second"}}
	var notes bytes.Buffer
	require.NoError(t, choosePorts(t.Context(), ports, noEnvironment, &notes))
	assert.NotEqual(t, taken, ports[0].number)
	assert.NotEqual(t, ports[0].number, ports[1].number, "a port that another part wants is not taken")
	require.NoError(t, listenable(t.Context(), ports[0].number))
	assert.Contains(t, notes.String(), "Port "+strconv.Itoa(taken)+" (first) is taken by ")
	assert.Contains(t, notes.String(), "taking "+strconv.Itoa(ports[0].number)+".\n")
	if runtime.GOOS == "linux" {
		assert.Contains(t, notes.String(), "process "+strconv.Itoa(os.Getpid())+" (")
	}
}

func TestEnvironmentWantsOtherPorts(t *testing.T) {
	free := freeport.Take(t)
	ports := []port{{"A", 1, "first"}}
	var notes bytes.Buffer
	getenv := func(name string) string { return map[string]string{"A": strconv.Itoa(free)}[name] }
	require.NoError(t, choosePorts(t.Context(), ports, getenv, &notes))
	assert.Equal(t, free, ports[0].number)
	assert.Empty(t, notes.String())

	for _, value := range []string{"0", "65536", "http", "-1"} {
		err := choosePorts(t.Context(), ports, func(string) string { return value }, &notes)
		require.ErrorContains(t, err, "A is \""+value+"\", want a port from 1 to 65535")
	}
	err := choosePorts(t.Context(), []port{{"A", 1, ""}, {"B", 2, ""}}, func(string) string { return "7000" }, &notes)
	require.ErrorContains(t, err, "A and B are both 7000")
}

func TestUsualPortsDiffer(t *testing.T) {
	seen := map[int]bool{}
	for _, p := range quickstartPorts() {
		assert.False(t, seen[p.number], p.number)
		seen[p.number] = true
	}
}
