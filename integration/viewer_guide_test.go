package integration

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// viewerOf prepares configs/viewer.yaml as it is.
func viewerOf(t *testing.T, more ...string) *harness.Collector {
	t.Helper()
	return harness.New(t, asItIs, harness.WithFile("configs/viewer.yaml"), harness.WithEnv(append([]string{
		`HEARTWOOD_STATE_DIR={{dir "state"}}`,
		`HEARTWOOD_VIEWER_PORT={{port "viewer"}}`,
		`HEARTWOOD_OTLP_GRPC_PORT={{port "otlp grpc"}}`,
		`HEARTWOOD_OTLP_HTTP_PORT={{port "otlp http"}}`,
		`HEARTWOOD_LOGFMT_TCP_PORT={{port "logfmt tcp"}}`,
		`HEARTWOOD_LOGFMT_HTTP_PORT={{port "logfmt http"}}`,
		`HEARTWOOD_TELEMETRY_PORT={{port "harness metrics"}}`,
	}, more...)...))
}

var pageURL = regexp.MustCompile(`http://localhost:\d+/\?token=[A-Za-z0-9_-]+`)

// TestViewerIsOpenedByItsURL: what the collector prints at its start opens the page, once and
// for all; nothing else does. What was flushed outlives a kill.
func TestViewerIsOpenedByItsURL(t *testing.T) {
	t.Parallel()
	col := viewerOf(t)
	col.Start(t)
	printed := pageURL.FindAllString(col.Output(), -1)
	require.Len(t, printed, 1, "%s", col.Output())
	requireOpens(t, printed[0])

	for name, address := range map[string]string{
		"no token":          "http://" + col.Addr(t, "viewer") + "/",
		"another token":     printed[0] + "x",
		"the API, no token": "http://" + col.Addr(t, "viewer") + "/api/v1/status",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		require.NoError(t, err)
		request.Close = true
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusUnauthorized, answer.StatusCode, name)
	}

	postText(t, "http://"+col.Addr(t, "logfmt http")+"/", "text/plain", strings.Repeat("app=payments request_id=r-1 msg=paid\n", 4))
	browser := requireOpens(t, printed[0])
	base := strings.SplitAfter(printed[0], "/?")[0]
	records := func(from *http.Client, base string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"api/v1/records?query=request:r-1", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Sec-Fetch-Site", "same-origin")
		answer, err := from.Do(request)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		var page struct{ Records []any }
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&page))
		return len(page.Records)
	}
	base = strings.TrimSuffix(base, "?")
	require.Eventually(t, func() bool { return records(browser, base) == 4 }, patience, 50*time.Millisecond)
	// Written each second.
	time.Sleep(3 * time.Second)
	col.Kill()
	col.Start(t)
	printed = pageURL.FindAllString(col.Output(), -1)
	require.NotEmpty(t, printed)
	assert.Equal(t, 4, records(requireOpens(t, printed[len(printed)-1]), base))
	col.Stop(t)
}

// requireOpens opens the page as a browser does: the token goes into a cookie and out of the
// address.
func requireOpens(t *testing.T, address string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Transport: &http.Transport{}, Jar: jar}
	t.Cleanup(browser.CloseIdleConnections)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	answer, err := browser.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", body)
	assert.Empty(t, answer.Request.URL.RawQuery, "the token is out of the address")
	assert.Contains(t, strings.ToLower(string(body)), "<!doctype html")
	return browser
}

// guideCommands are those of the guide's blocks that a shell has: curl, in one line or several.
func guideCommands(guide string) (commands []string) {
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(guide, -1) {
		for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "curl ") {
				commands = append(commands, line)
			}
		}
	}
	return commands
}

// TestViewerGuide runs the commands of docs/viewer.md as they are printed, but for ports, and
// for an end where one has none.
func TestViewerGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "viewer.md"))
	require.NoError(t, err)
	col := viewerOf(t, "HEARTWOOD_VIEWER_TOKEN="+viewerToken)
	col.Start(t)
	commands := guideCommands(string(guide))
	require.GreaterOrEqual(t, len(commands), 10)
	for _, command := range commands {
		ran := strings.NewReplacer(
			"curl ", "curl -sSf ", ":5644", ":"+strconv.Itoa(col.Port(t, "logfmt http")), ":8840", ":"+strconv.Itoa(col.Port(t, "viewer")),
		).Replace(command)
		want := ""
		switch {
		case strings.Contains(command, "/tail"):
			ran, want = "{ "+ran+" 2>&1; } | head -n 4", "event: records"
		case strings.Contains(command, "/story"), strings.Contains(command, "/records"):
			want = "card refused"
		}
		var out []byte
		ok := assert.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			shell := exec.CommandContext(ctx, "sh", "-c", ran)
			shell.Env = append(os.Environ(), "TOKEN="+viewerToken)
			out, err = shell.CombinedOutput()
			return err == nil && strings.Contains(string(out), want)
		}, patience, 200*time.Millisecond)
		require.True(t, ok, "%s\n%v\n%s", ran, err, out)
	}
	for _, call := range []string{"status", "records", "volume", "facets", "completions", "story", "metrics", "series", "tail", "pipeline"} {
		assert.True(t, slices.ContainsFunc(commands, func(c string) bool { return strings.Contains(c, "/api/v1/"+call) }), "%s is not shown", call)
	}
	col.Stop(t)
}

// TestRunView: `heartwood run --view` shows a program's lines on a page, without its secrets;
// the page outlives the program, until somebody has seen enough.
func TestRunView(t *testing.T) {
	t.Parallel()
	p := harness.StartProcess(t, harness.Command{
		Name: "heartwood run --view", Path: heartwoodCommand(t),
		Args: []string{
			"run", "--view", "--collector", harness.Binary(t), "--service", "viewed", "--",
			"sh", "-c", "echo level=error msg=seen request_id=req-5 password=hunter2secret; exit 3",
		},
		Env: []string{"TMPDIR=" + t.TempDir()},
	})
	p.WaitOutput(t, "the page stays until Ctrl-C", patience)
	url := regexp.MustCompile(`http://localhost:(\d+)/\?token=(\w+)`).FindStringSubmatch(p.Output())
	require.NotNil(t, url, p.Output())
	body := ""
	require.Eventually(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+url[1]+"/api/v1/records?query=request:req-5", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+url[2])
		request.Close = true
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return false // not yet
		}
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		body = string(text)
		return strings.Contains(body, `"body":"seen"`)
	}, patience, 50*time.Millisecond)
	assert.Contains(t, body, `"service":"viewed"`)
	assert.Contains(t, body, `"level":"error"`)
	assert.NotContains(t, body, "hunter2secret")
	p.Interrupt(t)
	assert.Equal(t, 3, p.Wait(t, time.Minute), "the program's exit status")
}
