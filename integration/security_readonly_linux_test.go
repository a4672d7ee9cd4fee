package integration

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// confined is a script that runs the binary as another user than root, with no
// capabilities, a root file system that can only be read, and umask 0. A folder can be
// written. It needs no rights, and root has none in it: the mounts are made in a namespace
// of users, and the program runs in one below, where it has another uid.
const confined = `#!/bin/sh
export STATE='%[1]s'
exec unshare -Urm sh -ec '
	mount --make-rprivate /
	mount --bind "$STATE" "$STATE"
	mount -o remount,bind,ro /
	exec unshare -U --map-user=65532 --map-group=65532 sh -ec '\''
		umask 0
		for place in "$STATE/.." /var/tmp /etc /run; do
			if touch "$place/heartwood-probe" 2>/dev/null; then
				echo "$place can be written" >&2; exit 99
			fi
		done
		sed -n "s/^Cap/confined: &/p" /proc/self/status >&2
		echo "confined: uid $(id -u)" >&2
		exec %[2]s "$@"
	'\'' "$0" "$@"
' "$0" "$@"
`

// TestReadOnlyRootAndNoRights: a gateway with everything that writes runs as a user without
// rights, on a root file system that can only be read, and its one folder is enough: it
// takes traffic, spools, is killed, goes on. With umask 0 no file or folder that it has
// made is for others than its owner, but for the socket, whose mode is configured.
func TestReadOnlyRootAndNoRights(t *testing.T) {
	t.Parallel()
	_, bed := newFakeBed(t)
	stream := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 1}})
	script := filepath.Join(t.TempDir(), "confined")
	col := harness.New(t, `
		extensions:
		  file_storage: {directory: {{file "state/storage"}}, create_directory: true, fsync: true}
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		  logfmt:
		    tcp: {endpoint: {{addr "tcp"}}}
		    unix: {path: {{file "state/logfmt.sock"}}}
		  logfmt/all: {unix: {path: {{file "state/all.sock"}}, mode: "0666"}}
		  stdout_tail: {storage: file_storage, files: {include: ['{{file "state/app.log"}}'], start_at: beginning}}
		processors:
		  request_id:
		  redact:
		  event_fold: {directory: {{file "state/fold"}}, idle_timeout: 100ms}
		exporters:
		  kinesis: {stream: logs, endpoint: {{.url}}, encoding: json, max_record_size: 4KiB, spool: {directory: {{file "state/kinesis"}}}}
		  worm_s3:
		    bucket: {{.bed.Bucket}}
		    prefix: '{{.bed.Prefix}}'
		    region: {{.bed.Region}}
		    endpoint: {{.bed.URL}}
		    origin: `+archiveOrigin+`
		    writer: {{.bed.Writer}}
		    signing_key_file: {{.bed.Keys}}/{{.bed.Writer}}.key
		    rules: {{.bed.Rules}}
		    max_retention: 3d
		    max_object_age: 700ms
		    checkpoint_interval: 1s
		    spool: {directory: {{file "state/archive"}}}
		  otlp_http: {endpoint: 'http://127.0.0.1:1', sending_queue: {storage: file_storage, block_on_overflow: true}, retry_on_failure: {max_elapsed_time: 0}}
		service:
		  extensions: [file_storage]
		  pipelines:
		    logs: {receivers: [otlp, logfmt, logfmt/all, stdout_tail], processors: [request_id, redact, event_fold], exporters: [kinesis, worm_s3, otlp_http]}
		`, harness.With("bed", bed), harness.With("url", stream.URL()), harness.WithEnv(bed.env...), harness.WithBinary(script))
	state := col.Path("state")
	require.NoError(t, os.MkdirAll(state, 0o700))
	app := filepath.Join(state, "app.log")
	require.NoError(t, os.WriteFile(app, []byte("level=info msg=\"from a file\" request_id=f1\n"), 0o600))
	require.NoError(t, os.WriteFile(script, fmt.Appendf(nil, confined, state, harness.Binary(t)), 0o700))
	col.Start(t)
	assert.Contains(t, col.Output(), "confined: uid 65532\n")
	assert.Contains(t, col.Output(), "confined: CapEff:\t0000000000000000\n")

	send := func(msg string) {
		t.Helper()
		for _, way := range []struct{ network, addr string }{
			{"tcp", col.Addr(t, "tcp")}, {"unix", filepath.Join(state, "logfmt.sock")}, {"unix", filepath.Join(state, "all.sock")},
		} {
			conn := dial(t, way.network, way.addr)
			_, err := fmt.Fprintf(conn, "level=info msg=%q request_id=%s\n", msg, msg+filepath.Base(way.addr))
			require.NoError(t, err)
			require.NoError(t, conn.Close())
		}
	}
	release := stream.Hold()
	send("one")
	send(strings.Repeat("long", 2000)) // more than a record of the stream may have: a dead letter
	col.WaitMetrics(t, "a dead letter, and records in the spool", func(m harness.Metrics) bool {
		return m.Sum("otelcol_exporter_kinesis_dead_letters") == 3 && m.Sum("otelcol_exporter_kinesis_spool_size") > 0
	})
	col.Kill()
	release()
	col.Start(t)
	send("two")
	want := []string{"from a file", "one", "two"}
	require.Eventually(t, func() bool {
		var all bytes.Buffer
		records, err := stream.Read("logs")
		require.NoError(t, err)
		for _, r := range records {
			all.Write(r.Data)
		}
		for _, text := range want {
			if !strings.Contains(all.String(), text) {
				return false
			}
		}
		return true
	}, time.Minute, 20*time.Millisecond, "all in the stream")
	waitArchived(t, col)

	modes := map[string]fs.FileMode{}
	require.NoError(t, filepath.WalkDir(state, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(state, path)
		modes[name] = info.Mode()
		return err
	}))
	assert.Equal(t, fs.ModeSocket|0o660, modes["logfmt.sock"])
	assert.Equal(t, fs.ModeSocket|0o666, modes["all.sock"])
	delete(modes, "logfmt.sock")
	delete(modes, "all.sock")
	for _, part := range []string{"storage", "fold", "kinesis", "kinesis/dead_letter", "archive"} {
		assert.Contains(t, modes, part)
	}
	assert.Greater(t, len(modes), 12, "%v", modes)
	assert.Equal(t, fs.ModeDir|0o750, modes["storage"], "upstream's directory_permissions; its files are 0600")
	delete(modes, "storage")
	for name, mode := range modes {
		assert.Zero(t, mode.Perm()&0o077, "%s has mode %v", name, mode)
	}
	col.Stop(t)
	assert.NoFileExists(t, filepath.Join(state, "logfmt.sock"))
}
