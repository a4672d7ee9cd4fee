package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

const viewerToken = "0123456789abcdef-viewer"

// viewerAPI asks the API of a collector's viewer.
type viewerAPI struct{ col *harness.Collector }

func (v viewerAPI) open(t *testing.T, call string, parameters url.Values) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+v.col.Addr(t, "viewer")+"/api/v1/"+call+"?"+parameters.Encode(), http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+viewerToken)
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	return answer
}

func (v viewerAPI) get(t *testing.T, into any, call string, parameters ...string) int {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	answer := v.open(t, call, values)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, into), "%s", body)
	return answer.StatusCode
}

type viewedRecord struct {
	Kind, Level, Service, Request, Trace string
	Body                                 any
}

func (v viewerAPI) records(t *testing.T, query string) []viewedRecord {
	t.Helper()
	var page struct{ Records []viewedRecord }
	require.Equal(t, http.StatusOK, v.get(t, &page, "records", "query", query, "limit", "1000"))
	return page.Records
}

// TestViewer: configs/viewer.yaml as it is. What three services say of a request, over OTLP and
// logfmt, is one story on the page, without its secret; measures become metrics whose exemplars
// lead there; and all of it is there again after a kill.
func TestViewer(t *testing.T) {
	t.Parallel()
	col := harness.New(t, `
		service: {telemetry: {metrics: {level: normal}}}
	`, harness.WithFile("configs/viewer.yaml"), harness.WithEnv(
		`HEARTWOOD_STATE_DIR={{dir "state"}}`,
		"HEARTWOOD_VIEWER_TOKEN="+viewerToken,
		`HEARTWOOD_VIEWER_PORT={{port "viewer"}}`,
		`HEARTWOOD_OTLP_GRPC_PORT={{port "otlp grpc"}}`,
		`HEARTWOOD_OTLP_HTTP_PORT={{port "otlp http"}}`,
		`HEARTWOOD_LOGFMT_TCP_PORT={{port "logfmt tcp"}}`,
		`HEARTWOOD_LOGFMT_HTTP_PORT={{port "logfmt http"}}`,
		`HEARTWOOD_TELEMETRY_PORT={{port "harness metrics"}}`,
	))
	col.Start(t)
	v := viewerAPI{col}

	tail := v.open(t, "tail", url.Values{"query": {"service:orders"}})
	defer func() { _ = tail.Body.Close() }()

	trace := "0102030405060708090a0b0c0d0e0f10"
	now := time.Now()
	for i, service := range []string{"gateway", "orders"} {
		postText(t, "http://"+col.Addr(t, "otlp http")+"/v1/logs", "application/json", fmt.Sprintf(
			`{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":%q}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"%d","severityNumber":%d,"traceId":%q,"spanId":"0102030405060708","body":{"stringValue":"said by %s"},"attributes":[{"key":"x-request-id","value":{"stringValue":"req-77"}}]}]}]}]}`,
			service, now.Add(time.Duration(i)*time.Millisecond).UnixNano(), 9+8*i, trace, service))
	}
	postText(t, "http://"+col.Addr(t, "otlp http")+"/v1/traces", "application/json", fmt.Sprintf(
		`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},"scopeSpans":[{"spans":[{"traceId":%q,"spanId":"0102030405060708","name":"POST /buy","kind":2,"startTimeUnixNano":"%d","endTimeUnixNano":"%d"}]}]}]}`,
		trace, now.UnixNano(), now.Add(20*time.Millisecond).UnixNano()))
	postText(t, "http://"+col.Addr(t, "logfmt http")+"/", "text/plain", "app=payments request_id=req-77 msg=paid password=hunter2secret measure.elapsed=125ms\n")

	require.Eventually(t, func() bool { return len(v.records(t, "request:req-77")) >= 4 }, time.Minute, 50*time.Millisecond)
	var story struct {
		Lanes []struct {
			Service string
			Errors  int
			Parts   []struct{ Kind, Text string }
		}
	}
	require.Equal(t, http.StatusOK, v.get(t, &story, "story", "request", "req-77"))
	parts := map[string][]string{}
	for _, lane := range story.Lanes {
		for _, part := range lane.Parts {
			parts[lane.Service] = append(parts[lane.Service], part.Kind+" "+part.Text)
		}
	}
	assert.Equal(t, []string{"log said by gateway"}, parts["gateway"])
	assert.ElementsMatch(t, []string{"span POST /buy", "log said by orders"}, parts["orders"])
	assert.Equal(t, []string{"log paid"}, parts["payments"])
	assert.Len(t, v.records(t, "level>=error service:orders"), 1)
	for _, r := range v.records(t, "") {
		assert.NotContains(t, fmt.Sprint(r), "hunter2secret")
	}
	var none struct{ Records []viewedRecord }
	v.get(t, &none, "records", "query", "hunter2secret")
	assert.Empty(t, none.Records)

	shown := ""
	for lines := bufio.NewReader(tail.Body); !strings.Contains(shown, "POST /buy"); {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		shown += line
	}
	assert.Contains(t, shown, "said by orders")
	assert.NotContains(t, shown, "said by gateway")

	// From the metric to the lines.
	var exemplar struct {
		Series    []json.RawMessage
		Exemplars []struct{ Request string }
	}
	require.Eventually(t, func() bool {
		var all struct {
			Metrics []struct {
				Name, Expression string
				Exemplars        bool
			}
		}
		v.get(t, &all, "metrics")
		for _, m := range all.Metrics {
			if strings.Contains(m.Name, "elapsed") {
				v.get(t, &exemplar, "series", "expression", m.Expression, "from", "now-5m", "to", "now+1m")
				return len(exemplar.Exemplars) > 0
			}
		}
		return false
	}, 2*time.Minute, 200*time.Millisecond)
	assert.Equal(t, "req-77", exemplar.Exemplars[0].Request)

	var pipeline struct {
		Pipelines []struct {
			ID         string
			Processors []string
		}
		Components []struct {
			ID  string
			Out *float64
		}
	}
	require.Eventually(t, func() bool {
		v.get(t, &pipeline, "pipeline")
		for _, c := range pipeline.Components {
			if c.ID == "otlp" && c.Out != nil {
				return true
			}
		}
		return false
	}, time.Minute, 100*time.Millisecond)
	require.Len(t, pipeline.Pipelines, 4)
	assert.Equal(t, []string{"memory_limiter", "request_id", "redact"}, pipeline.Pipelines[0].Processors)

	// It is flushed each second. What was there a flush ago is on disk.
	time.Sleep(2500 * time.Millisecond)
	col.Kill()
	col.Start(t)
	assert.GreaterOrEqual(t, len(v.records(t, "request:req-77")), 4, "after a kill")
}

func postText(t *testing.T, target, contentType, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
}
