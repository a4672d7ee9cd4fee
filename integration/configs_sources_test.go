package integration

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// withPassword adds a user and a password to each request.
type withPassword struct {
	http.RoundTripper

	user, password string
}

func (w withPassword) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.SetBasicAuth(w.user, w.password)
	return w.RoundTripper.RoundTrip(request)
}

// TestHerokuDrain: configs/heroku-drain.yaml as it is, with requests as Logplex makes them.
// Nobody gets in without the password; what was answered while the gateway is away outlives
// a kill, and a request that comes again makes no second record.
func TestHerokuDrain(t *testing.T) {
	t.Parallel()
	s, sink := newSite(t), harness.NewSink(t)
	front := s.startFront(t, sink)
	hash, err := bcrypt.GenerateFromPassword([]byte("drain password"), bcrypt.MinCost)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.path("drain.htpasswd"), fmt.Appendf(nil, "heroku:%s\n", hash), 0o600))
	col := harness.Start(t, asItIs, harness.WithFile("configs/heroku-drain.yaml"), s.options(t,
		"HEARTWOOD_GATEWAY="+front.Addr(t, "otlp grpc"), "HEARTWOOD_DRAIN_HTPASSWD="+s.path("drain.htpasswd"), `HEARTWOOD_DRAIN_ADDRESS={{addr "drain"}}`))

	logplex := newPoster(t, col.Addr(t, "drain"))
	logplex.request, logplex.url = logplex.logplex, "https://"+col.Addr(t, "drain")+"/"
	inner := s.client(t, "").Transport
	ledger := harness.NewLedger()
	for what, transport := range map[string]http.RoundTripper{
		"no password":    inner,
		"a wrong one":    withPassword{inner, "heroku", "guessed"},
		"another's user": withPassword{inner, "somebody", "drain password"},
	} {
		logplex.client.Transport = transport
		status, _, _, err := logplex.try(t.Context(), ledger.Make("stranger", 3))
		require.NoError(t, err, what)
		assert.Equal(t, http.StatusUnauthorized, status, what)
	}
	logplex.client.Transport = withPassword{inner, "heroku", "drain password"}
	again := ledger.Make("web", 20)
	require.NoError(t, logplex.post(t.Context(), again))
	front.Kill()
	for range 10 {
		require.NoError(t, logplex.post(t.Context(), ledger.Make("web", 20)))
	}
	secret := "<190>1 2026-11-21T08:00:00.123456+00:00 host app web.1 - msg=\"a secret\" password=hunter2\n"
	mustPost(t, logplex.client, logplex.url, "application/logplex-1", fmt.Appendf(nil, "%d %s", len(secret), secret))
	requireNowhere(t, []string{"hunter2"}, col.Path("state"), "a secret")
	col.Kill()
	front.Start(t)
	col.Start(t)
	require.NoError(t, logplex.post(t.Context(), again), "Logplex has had no answer")
	require.NoError(t, logplex.post(t.Context(), ledger.Make("web", 20)))
	require.Eventually(t, func() bool { // repeats are not to be counted
		uids := map[string]bool{}
		for _, r := range sink.Logs() {
			uids[r.UID()] = true
		}
		return len(uids) >= ledger.Confirmed()+1
	}, time.Minute, 100*time.Millisecond, "all lines")
	r := sink.WaitLog(t, harness.Body("a secret"))
	assert.Equal(t, "app", r.Resource["service.name"], "%v", r)
	ledger.RequireOncePerUID(t, sink.Logs(harness.Not(harness.Body("a secret"))))
	assert.Empty(t, sink.Logs(harness.BodyContains("stranger")))
	col.Stop(t)
}

// journalWriter adds entries to a journal, by Debian's systemd-journal-remote.
type journalWriter struct {
	program, dir string
	n            int
}

func (j *journalWriter) write(t *testing.T, messages ...string) {
	t.Helper()
	var export bytes.Buffer
	for _, m := range messages {
		j.n++
		fmt.Fprintf(&export, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=aaaa7ca48b4814802150d624c0e4df00\n", 1790000000000000+j.n*1000, j.n*1000)
		fmt.Fprintf(&export, "_HOSTNAME=node1\n_PID=%d\nPRIORITY=6\nSYSLOG_IDENTIFIER=checkout\n_SYSTEMD_UNIT=checkout.service\nMESSAGE\n", j.n)
		_ = binary.Write(&export, binary.LittleEndian, uint64(len(m)))
		export.WriteString(m + "\n\n")
	}
	in := filepath.Join(t.TempDir(), "in.export")
	require.NoError(t, os.WriteFile(in, export.Bytes(), 0o600))
	out, err := exec.CommandContext(t.Context(), j.program, "--output="+filepath.Join(j.dir, "x.journal"), in).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestSystemdHost: configs/systemd-host.yaml as it is, on a real journal, killed while the
// gateway is away.
func TestSystemdHost(t *testing.T) {
	t.Parallel()
	s, sink := newSite(t), harness.NewSink(t)
	front := s.startFront(t, sink)
	journal := &journalWriter{program: "/lib/systemd/systemd-journal-remote", dir: t.TempDir()}
	var bodies []string
	write := func(round string) {
		for i := range 10 {
			body := fmt.Sprintf("%s entry %d", round, i)
			journal.write(t, body+" password=hunter2")
			bodies = append(bodies, body)
		}
	}
	write("first")
	col := harness.Start(t, asItIs, harness.WithFile("configs/systemd-host.yaml"), s.options(t,
		"HEARTWOOD_GATEWAY="+front.Addr(t, "otlp grpc"), "HEARTWOOD_JOURNAL_DIR="+journal.dir, "HEARTWOOD_JOURNAL_START=beginning"))
	first := sink.WaitLog(t, harness.BodyContains("first entry 9"))
	assert.Equal(t, "node1", first.Resource["host.name"])
	assert.Equal(t, "checkout", first.Resource["service.name"])
	front.Kill()
	write("away")
	col.WaitMetrics(t, "the journal to be read", func(m harness.Metrics) bool {
		return m.Sum("otelcol_receiver_stdout_tail_records_accepted") >= 20
	})
	requireNowhere(t, []string{"hunter2"}, col.Path("state"), "away entry 9")
	col.Kill()
	write("dead")
	front.Start(t)
	col.Start(t)
	write("again")
	uids := map[string]map[string]bool{}
	require.Eventually(t, func() bool {
		clear(uids)
		for _, r := range sink.Logs() {
			body, _, _ := strings.Cut(r.Text(), " password")
			if uids[body] == nil {
				uids[body] = map[string]bool{}
			}
			uids[body][r.UID()] = true
		}
		return len(uids) >= len(bodies)
	}, time.Minute, 100*time.Millisecond, "all entries")
	for _, body := range bodies {
		assert.Len(t, uids[body], 1, "%q", body)
	}
	host, err := os.Hostname()
	require.NoError(t, err)
	sink.WaitFor(t, "the host's memory", time.Minute, func() bool {
		return len(sink.DataPoints(harness.Name("system.memory.usage"), harness.Resource("host.name", host))) > 0
	})
	col.Stop(t)
}

// dockerMessage is what Docker's fluentd driver writes for a line: tag, time, record, and
// the option that asks for an acknowledgement, in MessagePack.
func dockerMessage(tag, line, chunk string) []byte {
	text := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(append(b, 0xda), uint16(len(s))), s...)
	}
	b := text([]byte{0x94}, tag)
	b = binary.BigEndian.AppendUint32(append(b, 0xce), 1790000000)
	b = append(b, 0x84)
	for _, pair := range [][2]string{{"container_id", strings.Repeat("ab", 32)}, {"container_name", "/checkout"}, {"source", "stdout"}, {"log", line}} {
		b = text(text(b, pair[0]), pair[1])
	}
	return text(text(append(b, 0x81), "chunk"), chunk)
}

// TestDockerFluentd: configs/docker-fluentd.yaml as it is, with messages as Docker's driver
// writes them. What was acknowledged while the gateway is away outlives a kill.
func TestDockerFluentd(t *testing.T) {
	t.Parallel()
	s, sink := newSite(t), harness.NewSink(t)
	front := s.startFront(t, sink)
	col := harness.Start(t, asItIs, harness.WithFile("configs/docker-fluentd.yaml"), s.options(t,
		"HEARTWOOD_GATEWAY="+front.Addr(t, "otlp grpc"), `HEARTWOOD_FLUENT_ADDRESS={{addr "fluent"}}`))
	var bodies []string
	send := func(round string) {
		conn := dial(t, "tcp", col.Addr(t, "fluent"))
		answers := bufio.NewReader(conn)
		for i := range 20 {
			body := fmt.Sprintf("%s message %d", round, i)
			chunk := base64.StdEncoding.EncodeToString([]byte(body))
			_, err := conn.Write(dockerMessage("docker.checkout", body, chunk))
			require.NoError(t, err)
			// {"ack": chunk}
			want := append([]byte{0x81, 0xa3, 'a', 'c', 'k'}, shortText(chunk)...)
			got := make([]byte, len(want))
			_, err = io.ReadFull(answers, got)
			require.NoError(t, err)
			require.Equal(t, want, got)
			bodies = append(bodies, body)
		}
	}
	send("first")
	front.Kill()
	send("away")
	col.Kill()
	front.Start(t)
	col.Start(t)
	send("again")
	requireOncePerUID(t, sink, bodies)
	r := sink.WaitLog(t, harness.Body("away message 7"))
	assert.Equal(t, "/checkout", r.Attributes["container_name"], "%v", r)
	assert.Equal(t, "stdout", r.Attributes["source"])
	col.Stop(t)
}

// shortText is a text of up to 255 bytes in MessagePack.
func shortText(s string) []byte {
	if len(s) < 32 {
		return append([]byte{0xa0 | byte(len(s))}, s...)
	}
	return append([]byte{0xd9, byte(len(s))}, s...)
}

// toSink has one of the small configurations send to a sink.
func toSink(sink *harness.Sink, more ...string) harness.Option {
	return harness.WithEnv(append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.HTTP(), `HEARTWOOD_STATE_DIR={{dir "state"}}`}, more...)...)
}

// TestStdin: configs/stdin.yaml as it is. The collector ends with its input, and everything
// has been delivered.
func TestStdin(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	col := harness.New(t, asItIs, harness.WithFile("configs/stdin.yaml"))
	var lines strings.Builder
	for i := range 200 {
		fmt.Fprintf(&lines, "level=info app=shop msg=\"piped %d\" password=hunter2\n", i)
	}
	cmd := exec.CommandContext(t.Context(), harness.Binary(t), col.ConfigArgs()...)
	cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP())
	cmd.Stdin = strings.NewReader(lines.String())
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Len(t, sink.Logs(harness.BodyContains("piped "), harness.Service("shop")), 200)
	for _, r := range sink.Logs() {
		assert.NotContains(t, r.String(), "hunter2")
	}
}

// TestCommand: configs/command.yaml as it is. A program that fails is started again; when it
// is done, so is the collector, and everything has been delivered.
func TestCommand(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	program := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(program, []byte(`#!/bin/sh
if [ ! -e "$0.ran" ]; then
	echo 'level=error app=shop msg="the first time"'
	: >"$0.ran"
	exit 3
fi
i=0
while [ $i -lt 100 ]; do
	echo "level=info app=shop msg=\"said $i\" password=hunter2"
	i=$((i + 1))
done
`), 0o700))
	col := harness.New(t, asItIs, harness.WithFile("configs/command.yaml"), toSink(sink, "HEARTWOOD_PROGRAM="+program))
	col.Launch(t)
	require.Zero(t, col.Wait(t, time.Minute))
	assert.Len(t, sink.Logs(harness.Body("the first time")), 1)
	assert.Len(t, sink.Logs(harness.BodyContains("said "), harness.Service("shop")), 100)
	for _, r := range sink.Logs() {
		assert.NotContains(t, r.String(), "hunter2")
	}
}

// TestSyslog: configs/syslog.yaml as it is, with RFC 5424 in frames, while the place behind
// is away for a while.
func TestSyslog(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	sink.Down()
	col := harness.Start(t, asItIs, harness.WithFile("configs/syslog.yaml"), toSink(sink, `HEARTWOOD_SYSLOG_PORT={{port "in"}}`))
	conn := dial(t, "tcp", col.Addr(t, "in"))
	for i := range 100 {
		frame := fmt.Sprintf("<165>1 2026-11-27T08:00:00.%06dZ node1 checkout 42 ID47 - message %d password=hunter2", i, i)
		_, err := fmt.Fprintf(conn, "%d %s", len(frame), frame)
		require.NoError(t, err)
	}
	col.WaitMetrics(t, "all to be received", func(m harness.Metrics) bool {
		return m.Sum("otelcol_receiver_accepted_log_records") >= 100
	})
	requireNowhere(t, []string{"hunter2"}, col.Path("state"), "message ")
	sink.Up(t)
	sink.WaitLogCount(t, 100)
	seen := map[any]bool{}
	for _, r := range sink.Logs() {
		assert.NotContains(t, r.String(), "hunter2")
		assert.Equal(t, "node1", r.Attributes["hostname"], "%v", r)
		seen[r.Attributes["message"]] = true
	}
	assert.Len(t, seen, 100)
	col.Stop(t)
}
