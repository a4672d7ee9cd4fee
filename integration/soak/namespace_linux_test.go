package soak

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// inNamespace has a collector see mounts that nobody else does: its program is started in
// namespaces of users and mounts, which need no rights. The mounts can be said later, when
// the collector's folders are known.
type inNamespace struct{ script, binary string }

func newNamespace(t *testing.T) *inNamespace {
	t.Helper()
	return &inNamespace{script: filepath.Join(t.TempDir(), "in-namespace"), binary: harness.Binary(t)}
}

func (n *inNamespace) mounts(t *testing.T, commands string) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\nexec unshare -Urm sh -ec '%s; exec \"$0\" \"$@\"' '%s' \"$@\"\n", commands, n.binary)
	require.NoError(t, os.WriteFile(n.script, []byte(script), 0o700))
}

// fill takes what room there is on the disk of a collector that runs.
func fill(t *testing.T, col *harness.Collector, folder string) (path string) {
	t.Helper()
	path = filepath.Join("/proc", strconv.Itoa(col.PID()), "root", folder, "filler")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err = f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
			continue
		}
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	return path
}

// TestDiskFull: the disk of the gateway's spools and journal is full, and is not any more:
// senders are told to come again. Then the agent's, which holds no records, only places in
// files: senders notice nothing. Nothing that was accepted is lost, and all goes on by
// itself. (Upstream's queue on disk loses records on a full disk, see docs/reliability.md.)
func TestDiskFull(t *testing.T) {
	t.Parallel()
	gateway, agent := newNamespace(t), newNamespace(t)
	b := newBed(t, func(s *settings) {
		s.AcceptTimeout, s.Queue = "300ms", false
		s.gatewayOptions = append(s.gatewayOptions, harness.WithBinary(gateway.script))
		s.agentOptions = append(s.agentOptions, harness.WithBinary(agent.script))
	})
	gateway.mounts(t, "mount -t tmpfs -o size=128m tmpfs "+b.gateway.Path("state"))
	agent.mounts(t, "mount -t tmpfs -o size=64m tmpfs "+b.agent.Path("storage"))
	l := newLoad(t, b, 20, 30*time.Millisecond)
	b.start(t)
	l.start(t.Context())
	for range scaled(t, 1, 5) {
		took(t, l)
		refused, _ := l.told()
		var filler string
		waitFor(t, time.Minute, "senders to be told to come again", func() (bool, string) {
			filler = fill(t, b.gateway, b.gateway.Path("state")) // what was delivered makes room
			now, _ := l.told()
			return now >= refused+10, ""
		})
		b.gateway.WaitOutput(t, "no space left on device", time.Minute)
		require.NoError(t, os.Remove(filler))
		took(t, l)
		filler = fill(t, b.agent, b.agent.Path("storage"))
		took(t, l)
		require.NoError(t, os.Remove(filler))
		took(t, l)
	}
	l.finish(t)
	b.requireConserved(t, l, 2*time.Minute)
}

// took waits until each of the feeders has got rid of records.
func took(t *testing.T, l *load) {
	t.Helper()
	before := make(map[string]int)
	for _, f := range l.feeders {
		before[f.name] = f.taken()
	}
	waitFor(t, time.Minute, "records of all feeders to be accepted", func() (bool, string) {
		for _, f := range l.feeders {
			if f.taken() < before[f.name]+100 {
				return false, f.name
			}
		}
		return true, ""
	})
}

// TestNamesGone: for a while no name can be resolved, all connections are made anew, and
// agent and gateway start anew. Agent and gateway hold what they accept, and deliver it by
// themselves when names are there again.
func TestNamesGone(t *testing.T) {
	t.Parallel()
	const name = "everything.soak.test"
	dir := t.TempDir()
	hosts, resolver := filepath.Join(dir, "hosts"), filepath.Join(dir, "resolv.conf")
	known := func(is bool) {
		text := "127.0.0.1 localhost\n"
		if is {
			text += "127.0.0.1 " + name + "\n"
		}
		require.NoError(t, os.WriteFile(hosts, []byte(text), 0o600)) // in place: it is mounted
	}
	known(true)
	// Nobody answers there.
	require.NoError(t, os.WriteFile(resolver, []byte("nameserver 127.0.0.254\noptions timeout:1 attempts:1\n"), 0o600))
	own := newNamespace(t)
	own.mounts(t, "mount --bind "+hosts+" /etc/hosts; mount --bind "+resolver+" /etc/resolv.conf")
	b := newBed(t, func(s *settings) {
		s.gatewayOptions = append(s.gatewayOptions, harness.WithBinary(own.script))
		s.agentOptions = append(s.agentOptions, harness.WithBinary(own.script))
		s.named = func(url string) string { return strings.Replace(url, "127.0.0.1", name, 1) }
		s.gatewayAt = func(g *harness.Collector) string { return name + ":" + itoa(g.Port(t, "grpc")) }
	})
	l := newLoad(t, b, 10, 50*time.Millisecond)
	b.start(t)
	l.start(t.Context())
	took(t, l)
	known(false)
	b.gateway.Stop(t)
	b.kinesis.Down()
	b.s3.Down()
	b.kinesis.Up(t)
	b.s3.Up(t)
	b.gateway.Start(t)
	// gRPC goes on with the address that it has known when a name is gone, so the agent
	// starts anew, too.
	l.tcp.kills.Add(1)
	b.agent.Stop(t)
	b.agent.Start(t)
	took(t, l)
	long := lasting(t, 6*time.Second, 2*time.Minute)
	b.gateway.WaitMetrics(t, "records to wait for names", func(m harness.Metrics) bool {
		return m.Sum("otelcol_exporter_kinesis_oldest_record_age") > min(long, 30*time.Second).Seconds()/2
	})
	time.Sleep(long / 2)
	m, err := readMetrics(t, b.agent)
	require.NoError(t, err)
	assert.Positive(t, m.Sum("otelcol_exporter_queue_size"), "the agent holds what it can't hand on")
	stored := b.kinesis.Counts("logs").Parts
	took(t, l)
	assert.Equal(t, stored, b.kinesis.Counts("logs").Parts, "nothing gets through")
	known(true)
	l.finish(t)
	b.requireConserved(t, l, 2*time.Minute)
}
