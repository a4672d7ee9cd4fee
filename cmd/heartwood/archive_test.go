package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/recordtext"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit/archivetest"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// downloaded is an archive in a folder, with its keys beside it.
type downloaded struct {
	folder, rootKey, writerKey string
	checkpoints                string // a file of a second place
	writer                     *archivetest.Writer
	begin                      time.Time
}

func otlpLine(t *testing.T, request, body string, at time.Time) string {
	t.Helper()
	logs := plog.NewLogs()
	r := logs.ResourceLogs().AppendEmpty()
	r.Resource().Attributes().PutStr("service.name", "orders")
	record := r.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	record.Body().SetStr(body)
	record.Attributes().PutStr("request.id", request)
	record.Attributes().PutInt("order.items", 3)
	line, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return string(line)
}

func protoObject(t *testing.T, requests ...string) string {
	t.Helper()
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i, request := range requests {
		record := records.AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(archiveBegin().Add(time.Duration(i) * time.Second)))
		record.Body().SetStr("proto " + request)
		record.Attributes().PutStr("request.id", request)
	}
	data, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return string(data)
}

func archiveBegin() time.Time { return time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC) }

func download(t *testing.T) *downloaded {
	t.Helper()
	clock := &archivetest.Clock{At: archiveBegin()}
	store := memstore.New(clock.Now)
	a := archivetest.New(t, store, "", clock)
	key := archivetest.NewKey(t, archive.WriterOrigin(a.Origin, "gateway-1"))
	a.Enrol(t, func(w *archive.Writers) {
		w.Keys = append(w.Keys, archive.WriterKey{Writer: "gateway-1", VKey: key.VKey, From: clock.At})
	})
	w := a.NewWriter("gateway-1", key)
	w.Write(t, archivetest.Lines(40, 0, clock.At, "req-a", "req-b"))
	w.Write(t,
		archivetest.Object{Encoding: archive.EncodingOTLPJSON, Lines: []string{otlpLine(t, "req-a", "from OTLP", clock.At.Add(-time.Hour)), otlpLine(t, "req-c", "other", clock.At)}, IDs: []string{"req-a", "req-c"}},
		archivetest.Object{Encoding: archive.EncodingOTLPProto, Lines: []string{protoObject(t, "req-p", "req-q")}, IDs: []string{"req-p", "req-q"}},
		archivetest.Object{Encoding: "ecs_encoding", Lines: []string{`{"@timestamp":"2026-03-01T10:00:00.000Z","message":"from ECS","http":{"request":{"id":"req-e"}},"log":{"level":"INFO"},"ecs":{"version":"8.17.0"}}`}, IDs: []string{"req-e"}},
	)
	w.Event = archive.EventShutdown
	w.Write(t)

	dir := t.TempDir()
	d := &downloaded{folder: filepath.Join(dir, "archive"), rootKey: filepath.Join(dir, "root.pub"), writerKey: filepath.Join(dir, "gateway-1.pub"), checkpoints: filepath.Join(dir, "checkpoints"), writer: w, begin: archiveBegin()}
	for _, key := range store.Keys() {
		data, ok := store.Bytes(key, "")
		require.True(t, ok)
		file := filepath.Join(d.folder, filepath.FromSlash(key))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, data, 0o600))
	}
	require.NoError(t, os.WriteFile(d.rootKey, []byte(rootVKey(t, a)+"\n"), 0o600))
	require.NoError(t, os.WriteFile(d.writerKey, []byte(key.VKey+"\n"), 0o600))
	require.NoError(t, os.WriteFile(d.checkpoints, bytes.Join(w.Checkpoints, nil), 0o600))
	return d
}

func rootVKey(t *testing.T, a *archivetest.Archive) string {
	t.Helper()
	return a.Root.VKey
}

// recordedCheckpoints are checkpoints as log records, each on a line of OTLP in JSON.
func recordedCheckpoints(t *testing.T, checkpoints [][]byte) (lines []byte) {
	t.Helper()
	for _, c := range checkpoints {
		logs := plog.NewLogs()
		records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		records.AppendEmpty().Body().SetStr("something else")
		r := records.AppendEmpty()
		r.SetEventName("heartwood.checkpoint")
		r.Body().SetStr(string(c))
		text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		lines = append(append(lines, text...), '\n')
	}
	return lines
}

func TestVerifyCommand(t *testing.T) {
	d := download(t)
	status, stdout, stderr := call(t, "", "verify", d.folder, "--root-key", d.rootKey)
	assert.Equal(t, exitUnchecked, status, stderr)
	assert.Contains(t, stdout, "this is no bucket")

	status, stdout, stderr = call(t, "", "verify", d.folder, "--root-key", d.rootKey, "--integrity-only", "--checkpoints", d.checkpoints)
	assert.Equal(t, exitOK, status, stdout+stderr)
	assert.Contains(t, stdout, "GOOD.")
	assert.Contains(t, stdout, "Locks, versions and dates were not looked at.")
	assert.Empty(t, stderr)

	status, stdout, _ = call(t, "", "verify", "--integrity-only", "--output", "json", d.folder, "--root-key", strings.TrimSpace(read(t, d.rootKey)))
	assert.Equal(t, exitOK, status)
	var report struct {
		Verdict string
		Writers []struct{ Lines, Checkpoints int }
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	assert.Equal(t, "good", report.Verdict)
	require.Len(t, report.Writers, 1)
	assert.Equal(t, 3, report.Writers[0].Checkpoints)
	assert.Equal(t, 40+2+1+1, report.Writers[0].Lines)

	// A crash leaves a part of a checkpoint at the end of the file.
	whole := []byte(read(t, d.checkpoints))
	for _, n := range []int{1, 40, len(d.writer.Checkpoints[2]) - 1} {
		torn := append(bytes.Clone(whole), d.writer.Checkpoints[2][:n]...)
		require.NoError(t, os.WriteFile(d.checkpoints, torn, 0o600))
		status, stdout, _ = call(t, "", "verify", d.folder, "--root-key", d.rootKey, "--integrity-only", "--checkpoints", d.checkpoints)
		assert.Equal(t, exitOK, status, "%d: %s", n, stdout)
	}
	// One that has nothing but that is no place of checkpoints.
	require.NoError(t, os.WriteFile(d.checkpoints, whole[:40], 0o600))
	status, _, _ = call(t, "", "verify", d.folder, "--root-key", d.rootKey, "--integrity-only", "--checkpoints", d.checkpoints)
	assert.Equal(t, exitUnchecked, status)
	require.NoError(t, os.WriteFile(d.checkpoints, whole, 0o600))

	// The same as a collector's file exporter has them, among other records; the last line was
	// cut off.
	recorded := filepath.Join(t.TempDir(), "logs.json")
	lines := recordedCheckpoints(t, d.writer.Checkpoints)
	require.NoError(t, os.WriteFile(recorded, append(bytes.Clone(lines), lines[:len(lines)/2]...), 0o600))
	status, stdout, _ = call(t, "", "verify", d.folder, "--root-key", d.rootKey, "--integrity-only", "--checkpoints", recorded, "--output", "json")
	assert.Equal(t, exitOK, status, stdout)
	assert.Contains(t, stdout, `"checkpoint_copies": 4`, "the first of them twice")
	require.NoError(t, os.WriteFile(recorded, append([]byte("{\"resourceLogs\": 1}\n"), lines...), 0o600))
	status, stdout, _ = call(t, "", "verify", d.folder, "--root-key", d.rootKey, "--integrity-only", "--checkpoints", recorded)
	assert.Equal(t, exitUnchecked, status, "a line that is none")
	assert.Contains(t, stdout, recorded+", line 1")
	require.NoError(t, os.WriteFile(recorded, lines, 0o600))

	// The last checkpoint and manifest are gone, and a second place has it.
	last := filepath.Join(d.folder, "_log", "gateway-1", "checkpoint", fmt.Sprintf("%020d", 2))
	require.NoError(t, os.Remove(last))
	status, stdout, _ = call(t, "", "verify", d.folder, "--root-key", d.rootKey, "--integrity-only", "--checkpoints", d.checkpoints)
	assert.Equal(t, exitTampered, status)
	assert.Contains(t, stdout, "truncated")
	assert.Contains(t, stdout, d.checkpoints+", line 11")
	status, stdout, _ = call(t, "", "verify", d.folder, "--root-key", d.rootKey, "--integrity-only", "--checkpoints", recorded)
	assert.Equal(t, exitTampered, status)
	assert.Contains(t, stdout, "truncated")
	assert.Contains(t, stdout, recorded+", line 3")

	for line, want := range map[string]string{
		"verify":                                "name one archive",
		"verify x":                              "--root-key is not set",
		"verify x --root-key nosuch":            "no such file",
		"verify gs://x --root-key " + d.rootKey: "gs",
		"verify x --output yaml":                `--output is "yaml"`,
		"verify x --root-key a+b+c":             "--root-key",
		"verify x --from tomorrow --root-key " + d.rootKey:                   `--from is "tomorrow"`,
		"verify x --root-key PRIVATE+KEY+a+b+c":                              "--root-key: this is a private key",
		"verify x --from 2026-02-01 --to 2026-01-01 --root-key " + d.rootKey: "--from is not before --to",
		"verify " + d.folder + "/none --root-key " + d.rootKey:               "none",
	} {
		status, _, stderr := call(t, "", strings.Fields(line)...)
		assert.Equal(t, exitUnchecked, status, line)
		assert.Contains(t, stderr, want, line)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(data)
}

func TestProveCommand(t *testing.T) {
	d := download(t)
	out := filepath.Join(t.TempDir(), "proofs")
	status, stdout, stderr := call(t, "", "prove", d.folder, "--request-id", "req-a", "--out", out)
	require.Equal(t, exitOK, status, stderr)
	proofs, err := filepath.Glob(filepath.Join(out, "*.tlog-proof"))
	require.NoError(t, err)
	assert.Len(t, proofs, 21)
	assert.Equal(t, 21, strings.Count(stdout, "is leaf"))
	for _, proof := range proofs {
		line := strings.TrimSuffix(proof, ".tlog-proof") + ".line"
		status, stdout, stderr = call(t, "", "check-proof", proof, "--line", line, "--key", d.writerKey)
		require.Equal(t, exitOK, status, stdout+stderr)
		assert.Contains(t, stdout, "PROVED: the line is leaf")
	}
	proof := proofs[3]
	line := read(t, strings.TrimSuffix(proof, ".tlog-proof")+".line")
	status, _, _ = call(t, line+"\n", "check-proof", proof, "--line", "-", "--key", d.writerKey)
	assert.Equal(t, exitOK, status, "with its line feed")
	status, stdout, _ = call(t, line+"x", "check-proof", proof, "--line", "-", "--key", d.writerKey)
	assert.Equal(t, exitTampered, status)
	assert.Contains(t, stdout, "NOT PROVED")
	status, _, _ = call(t, line, "check-proof", proof, "--line", "-", "--key", d.rootKey)
	assert.Equal(t, exitTampered, status)
	status, _, _ = call(t, line, "check-proof", d.writerKey, "--line", "-", "--key", d.writerKey)
	assert.Equal(t, exitTampered, status)
	status, _, stderr = call(t, line, "check-proof", proof+"x", "--line", "-", "--key", d.writerKey)
	assert.Equal(t, exitUnchecked, status)
	assert.Contains(t, stderr, "no such file")

	o := d.writer.Manifests[1].Objects[1]
	status, stdout, stderr = call(t, "", "prove", d.folder, "--object", o.Key, "--checkpoint", "latest", "--out", out)
	require.Equal(t, exitOK, status, stderr)
	assert.Contains(t, stdout, "at checkpoint 2")
	for args, want := range map[string]string{
		"prove":                             "name one archive",
		"prove " + d.folder:                 "name the lines by one of",
		"prove " + d.folder + " --object x": "is no key of a data object",
		"prove " + d.folder + " --request-id none":          "no line of none was found",
		"prove " + d.folder + " --trace-id abc":             "want 32 hex digits",
		"prove " + d.folder + " --line 9 --object " + o.Key: "there is no line 9",
	} {
		status, _, stderr := call(t, "", append(strings.Fields(args), "--out", out)...)
		assert.Equal(t, exitUnchecked, status, args)
		assert.Contains(t, stderr, want, args)
	}
}

// What is in the way is told on standard error, once.
func TestReadersTellWhatTheyPassOver(t *testing.T) {
	d := download(t)
	behind := filepath.Join("_log", "gateway-1", "manifest", fmt.Sprintf("%020d-%064d.json", 3, 0))
	require.NoError(t, os.WriteFile(filepath.Join(d.folder, behind), []byte("junk"), 0o600))
	for _, args := range [][]string{
		{"search", d.folder, "--request-id", "req-a"},
		{"search", d.folder, "--request-id", "req-a", "--root-key", d.rootKey},
		{"prove", d.folder, "--request-id", "req-a", "--out", t.TempDir(), "--root-key", d.rootKey},
	} {
		status, stdout, stderr := call(t, "", args...)
		require.Equal(t, exitOK, status, stderr)
		assert.Equal(t, 21, strings.Count(stdout, "\n"))
		assert.Equal(t, "heartwood "+args[0]+": note: "+filepath.ToSlash(behind)+": passed over: no checkpoint has this manifest yet, or it is not the writer's\n", stderr)
	}
	_, other, err := archive.GenerateKey("example.com/logs/root")
	require.NoError(t, err)
	status, _, stderr := call(t, "", "search", d.folder, "--request-id", "req-a", "--root-key", other)
	assert.Equal(t, exitFailure, status)
	assert.Contains(t, stderr, "none of the writers files is signed by this root key")
}

func TestSearchCommand(t *testing.T) {
	d := download(t)
	status, stdout, stderr := call(t, "", "search", d.folder, "--request-id", "req-a", "--output", "json", "--stats")
	require.Equal(t, exitOK, status, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	assert.Len(t, lines, 21)
	assert.Contains(t, lines[0], "from OTLP", "it is an hour before the others")
	assert.Contains(t, stderr, `"hits":21`)

	status, stdout, _ = call(t, "", "search", d.folder, "--request-id", "req-a", "--where", "body=order 4 was packed")
	assert.Equal(t, exitOK, status)
	assert.Contains(t, stdout, "order 4 was packed")
	assert.Equal(t, 1, strings.Count(stdout, "\n"))
	status, stdout, _ = call(t, "", "search", d.folder, "--request-id", "req-a", "--where", "order.items=3", "--where", "service.name=orders")
	assert.Equal(t, exitOK, status)
	assert.Contains(t, stdout, "from OTLP")
	assert.Equal(t, 1, strings.Count(stdout, "\n"))
	_, stdout, _ = call(t, "", "search", d.folder, "--request-id", "req-q")
	assert.Contains(t, stdout, "proto req-q")
	assert.NotContains(t, stdout, "proto req-p")
	_, stdout, _ = call(t, "", "search", d.folder, "--request-id", "req-q", "--output", "json")
	assert.Contains(t, stdout, `"proto req-q"`)
	_, stdout, _ = call(t, "", "search", d.folder, "--request-id", "req-e", "--where", "log.level=INFO")
	assert.Contains(t, stdout, "from ECS")
	_, stdout, _ = call(t, "", "search", d.folder, "--from", "2026-03-01T10:04:00Z", "--to", "2026-03-02")
	assert.Contains(t, stdout, "other")
	assert.NotContains(t, stdout, "from OTLP")
	status, _, stderr = call(t, "", "search", d.folder)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, stderr, "give --request-id")
}

// What an archive has does not command the terminal on which it is shown.
func TestSearchShowsNoControlCharacters(t *testing.T) {
	var out bytes.Buffer
	lines := []found{{Hit: archiveaudit.Hit{Data: []byte("\x1b]0;title\x07\xc2\x9b2J{")}, err: errors.New("no record")}}
	require.NoError(t, show(&out, lines, false, recordtext.Style{}))
	for _, c := range out.String() {
		assert.True(t, c == '\n' || unicode.IsPrint(c), "%q", out.String())
	}
	assert.Contains(t, out.String(), "title")
}

type otlpServer struct {
	plogotlp.UnimplementedGRPCServer
	mu    sync.Mutex
	lines []string
	busy  int
}

func (s *otlpServer) Export(_ context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.take(r.Logs())
	return plogotlp.NewExportResponse(), nil
}

func (s *otlpServer) take(logs plog.Logs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range logs.ResourceLogs().All() {
		text := func(m pcommon.Map, name string) string {
			if v, ok := m.Get(name); ok {
				return v.AsString()
			}
			return ""
		}
		service := text(r.Resource().Attributes(), "service.name")
		for _, scope := range r.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				s.lines = append(s.lines, service+"|"+text(record.Attributes(), "request.id")+"|"+record.Body().AsString()+"|"+record.SeverityText())
			}
		}
	}
}

func (s *otlpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	busy := s.busy > 0
	s.busy--
	s.mu.Unlock()
	if busy {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil || r.URL.Path != "/v1/logs" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(z)
	request := plogotlp.NewExportRequest()
	if err != nil || request.UnmarshalProto(body) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.take(request.Logs())
	w.WriteHeader(http.StatusOK)
}

func TestReplayCommand(t *testing.T) {
	d := download(t)
	var web otlpServer
	web.busy = 1
	server := httptest.NewServer(&web)
	defer server.Close()
	status, _, stderr := call(t, "", "replay", d.folder, "--from", "2026-03-01", "--to", "2026-03-02", "--receiver", server.URL)
	require.Equal(t, exitOK, status, stderr)
	assert.Contains(t, stderr, "45 records sent")
	assert.Len(t, web.lines, 45)
	assert.Contains(t, web.lines, "shop|req-a|order 4 was packed|INFO")
	assert.Contains(t, web.lines, "orders|req-a|from OTLP|")
	assert.Contains(t, web.lines, "|req-q|proto req-q|")
	assert.Contains(t, web.lines, "|req-e|from ECS|INFO")

	var rpc otlpServer
	g := grpc.NewServer()
	plogotlp.RegisterGRPCServer(g, &rpc)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = g.Serve(listener) }()
	defer g.Stop()
	status, _, stderr = call(t, "", "replay", d.folder, "--request-id", "req-c", "--receiver", "grpc://"+listener.Addr().String())
	require.Equal(t, exitOK, status, stderr)
	assert.Equal(t, []string{"orders|req-c|other|"}, rpc.lines)

	server.Close()
	status, _, stderr = call(t, "", "replay", d.folder, "--from", "2026-03-01", "--receiver", server.URL)
	assert.Equal(t, exitFailure, status)
	assert.Contains(t, stderr, "nobody listens at")
	status, _, _ = call(t, "", "replay", d.folder, "--from", "2026-03-01")
	assert.Equal(t, exitUsage, status)
}

func TestSplitCopies(t *testing.T) {
	t.Parallel()
	one, two := "a/b\n1\nroot\n\n— a/b sig\n", "a/b\n2\nroot\n\n— a/b sig\n— witness sig\n"
	for name, text := range map[string]string{"close": one + two, "apart": "\n" + one + "\n\n" + two + "\n"} {
		copies := splitCopies("file", []byte(text))
		require.Len(t, copies, 2, name)
		assert.Equal(t, one, string(copies[0].Data), name)
		assert.Equal(t, two, string(copies[1].Data), name)
	}
	assert.Empty(t, splitCopies("file", []byte("\n \n")))
	assert.Len(t, splitCopies("file", []byte("no checkpoint\n")), 1)
}

// Nothing of a file of checkpoints is lost but what is no whole one at its end, and empty lines.
func FuzzSplitCopies(f *testing.F) {
	one := "a/b\n1\nroot\n\n— a/b sig\n"
	f.Add([]byte(one + one))
	f.Add([]byte(one + "\n\n" + one[:9]))
	f.Add([]byte("— \n— \nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rest := data
		for _, c := range splitCopies("file", data) {
			for line := range bytes.Lines(rest) {
				if len(bytes.TrimSpace(line)) > 0 {
					break
				}
				rest = rest[len(line):]
			}
			if !bytes.HasPrefix(rest, c.Data) {
				t.Fatalf("%q is not next in %q", c.Data, rest)
			}
			rest = rest[len(c.Data):]
		}
		if bytes.Contains(rest, []byte("\n— ")) && bytes.HasSuffix(rest, []byte("\n")) {
			t.Fatalf("%q is left of %q", rest, data)
		}
	})
}

// All commands that reach an archive do it with the same flags.
func TestPlaceFlags(t *testing.T) {
	for _, name := range []string{"bucket", "enroll", "retire", "verify", "prove", "search", "replay"} {
		_, stdout, stderr := call(t, "", name, "--help")
		for _, flag := range []string{"-region", "-endpoint URL", "-path-style", "-role-arn", "-external-id", "-expected-bucket-owner"} {
			assert.Contains(t, stdout+stderr, flag, name)
		}
		assert.NotContains(t, stdout+stderr, "-endpoint-url", name)
	}
}
