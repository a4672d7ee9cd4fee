package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// planted are the secrets of a test by where they stand. Each has signs that look
// otherwise in each encoding.
type planted map[string]string

func (p planted) plant(place string) string {
	if p[place] == "" {
		p[place] = fmt.Sprintf("Pl4nt+%02d/of?%s&more", len(p), strings.ReplaceAll(place, " ", "="))
	}
	return p[place]
}

// forms of a secret that could stand in some output.
func forms(secret string) map[string]string {
	quoted, _ := json.Marshal(secret)
	all := map[string]string{
		"itself":       secret,
		"quoted":       strings.Trim(string(quoted), `"`),
		"in a query":   url.QueryEscape(secret),
		"in a path":    url.PathEscape(secret),
		"with a user":  url.UserPassword("u", secret).String()[2:],
		"hexadecimal":  hex.EncodeToString([]byte(secret)),
		"bytes of Go":  strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]"),
		"HTML escaped": strings.NewReplacer("+", "&#43;", "/", "/", "?", "?").Replace(secret),
	}
	// In base64, by what stands before it: the end that depends on what follows is left out.
	for before := range 3 {
		for name, coding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 for URLs": base64.RawURLEncoding} {
			text := coding.EncodeToString(append(bytes.Repeat([]byte("x"), before), secret...))
			all[fmt.Sprintf("%s after %d", name, before)] = text[(before*8+5)/6 : len(text)-2]
		}
	}
	return all
}

// found says which secrets stand in outputs, and where.
func (p planted) found(outputs map[string]string) []string {
	var all []string
	for place, secret := range p {
		for form, text := range forms(secret) {
			for output, content := range outputs {
				if strings.Contains(content, text) {
					all = append(all, fmt.Sprintf("%s (%s) in %s", place, form, output))
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestPlantedSecretsAreFound(t *testing.T) {
	t.Parallel()
	p := planted{}
	secret := p.plant("some place")
	p.plant("another place, of some length")
	for _, text := range []string{
		secret, "x" + secret + "y", `{"a":"` + secret + `"}`, "q=" + url.QueryEscape(secret), "https://u:" + url.PathEscape(secret) + "@h",
		url.UserPassword("user", secret).String(), hex.EncodeToString([]byte("a" + secret)), fmt.Sprintf("%d", []byte(secret)),
		base64.StdEncoding.EncodeToString([]byte("user:" + secret)), base64.StdEncoding.EncodeToString([]byte("u:" + secret + "::")),
		base64.URLEncoding.EncodeToString([]byte(secret + "?")),
	} {
		assert.NotEmpty(t, p.found(map[string]string{"out": text}), text)
	}
	assert.Empty(t, p.found(map[string]string{"out": "Pl4nt+, of?some=place&more, " + secret[1:]}))
}

// secretConfig has a secret in every kind of place that has one. {{s "place"}} is it, and
// {{env "place"}} a reference to the environment.
const secretConfig = `
	extensions:
	  zpages: {endpoint: {{addr "zpages"}}}
	  pprof: {endpoint: {{addr "pprof"}}}
	  file_storage: {directory: {{file "state/storage"}}, create_directory: true}
	  bearertokenauth: {token: '{{env "bearer token"}}'}
	  bearertokenauth/file: {filename: {{.dir}}/token}
	  basicauth: {htpasswd: {inline: 'agent:{{env "htpasswd inline"}}'}}
	  basicauth/client: {client_auth: {username: agent, password: '${file:{{.dir}}/password}'}}
	  headers_setter: {headers: [{key: X-Key, value: '{{env "header that is set"}}'}]}
	receivers:
	  otlp: {protocols: {http: {endpoint: {{addr "otlp"}}}}}
	  otlp/in: {protocols: {http: {endpoint: {{addr "closed"}}, auth: {authenticator: bearertokenauth}}}}
	  logfmt: {http: {endpoint: {{addr "in"}}, auth: {authenticator: basicauth}}}
	  kafka: {brokers: ['127.0.0.1:1'], auth: {sasl: {username: agent, password: '{{env "kafka receiver"}}', mechanism: PLAIN}}}
	processors:
	  request_id:
	  redact:
	    actions: {email: {type: hash}}
	    hash_keys: [{id: k1, secret: '{{env "key of redact which has a length"}}'}]
	  event_fold: {directory: {{file "state/fold"}}, idle_timeout: 100ms}
	exporters:
	  debug: {verbosity: detailed}
	  file: {path: {{file "state/records.json"}}}
	  otlp_http:
	    endpoint: http://127.0.0.1:{{port "nobody"}}
	    headers: {Authorization: 'Bearer {{env "header"}}', X-Api-Key: '{{env "header with a key"}}'}
	    sending_queue: {storage: file_storage}
	  otlp_http/url: {endpoint: 'http://agent:{{.urlSecret}}@127.0.0.1:{{port "nobody"}}'}
	  otlp_http/basic: {endpoint: 'http://127.0.0.1:{{port "nobody"}}', auth: {authenticator: basicauth/client}}
	  otlp_http/file: {endpoint: 'http://127.0.0.1:{{port "nobody"}}', auth: {authenticator: bearertokenauth/file}}
	  otlp_http/setter: {endpoint: 'http://127.0.0.1:{{port "nobody"}}', auth: {authenticator: headers_setter}}
	  otlp_grpc: {endpoint: '127.0.0.1:{{port "nobody"}}', tls: {insecure: true}, headers: {x-token: '{{env "header of gRPC"}}'}}
	  kafka: {brokers: ['127.0.0.1:1'], auth: {sasl: {username: agent, password: '{{env "kafka exporter"}}', mechanism: SCRAM-SHA-256}}}
	  prometheus_remote_write: {endpoint: 'http://127.0.0.1:{{port "nobody"}}/w', headers: {X-Scope: '{{env "header of remote write"}}'}}
	  kinesis: {stream: logs, endpoint: {{.stream}}, encoding: json, spool: {directory: {{file "state/kinesis"}}}}
	  worm_s3:
	    bucket: {{.bed.Bucket}}
	    prefix: '{{.bed.Prefix}}'
	    region: {{.bed.Region}}
	    endpoint: {{.bed.URL}}
	    origin: ` + archiveOrigin + `
	    writer: {{.bed.Writer}}
	    signing_key: ${env:SIGNING_KEY}
	    rules: {{.bed.Rules}}
	    max_retention: 3d
	    checkpoint_copies: [{otlp: {endpoint: 'http://127.0.0.1:{{port "nobody"}}', headers: {X-Key: '{{env "header of a checkpoint"}}'}}}]
	    spool: {directory: {{file "state/archive"}}}
	service:
	  extensions: [zpages, pprof, file_storage, bearertokenauth, bearertokenauth/file, basicauth, basicauth/client, headers_setter]
	  telemetry:
	    logs: {level: debug}
	    traces: {processors: [{batch: {exporter: {otlp: {protocol: http/protobuf, endpoint: 'http://127.0.0.1:{{port "nobody"}}', headers: [{name: X-Key, value: '{{env "header of own traces"}}'}]}}}}]}
	  pipelines:
	    logs: {receivers: [otlp, logfmt, kafka], processors: [request_id, redact, event_fold], exporters: [debug, file, otlp_http, otlp_http/url, otlp_http/basic, otlp_http/file, otlp_http/setter, otlp_grpc, kafka, kinesis, worm_s3]}
	    logs/in: {receivers: [otlp/in], processors: [redact], exporters: [otlp_http]}
	    metrics: {receivers: [otlp], processors: [redact], exporters: [prometheus_remote_write]}
`

// shownByUpstream is what components of others show: docs/security.md says what to do about
// it, and the lint rule password-in-url. A shorter list is good news.
var shownByUpstream = []string{
	"header that is set (itself) in print-config",
	"htpasswd inline (itself) in print-config",
	"kafka exporter (itself) in print-config",
	"kafka receiver (itself) in print-config",
	"password in a URL (in a path) in everything it printed",
	"password in a URL (in a path) in print-config",
	"password in a URL (with a user) in everything it printed",
	"password in a URL (with a user) in print-config",
}

// TestNoSecretIsShown: the binary with a configuration full of secrets, at its most
// talkative, with exporters that fail and records with secrets in them. But for what is
// shownByUpstream, none of the secrets stands in anything that it prints, shows or keeps.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	_, bed := newFakeBed(t)
	stream := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 1}})
	inConfig, inRecords := planted{}, planted{}
	dir := t.TempDir()
	for name, place := range map[string]string{"token": "bearer token in a file", "password": "password in a file"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(inConfig.plant(place)), 0o600))
	}
	env := append(slices.Clone(bed.env), "AWS_SESSION_TOKEN="+inConfig.plant("session token of AWS"),
		"AWS_SECRET_ACCESS_KEY="+inConfig.plant("secret key of AWS"))
	reference := func(place string) string {
		name := "SECRET_" + strings.ToUpper(strings.ReplaceAll(place, " ", "_"))
		env = append(env, name+"="+inConfig.plant(place))
		return "${env:" + name + "}"
	}
	// References are made before the harness sees the template, which has no such function.
	text := secretConfig
	for {
		before, rest, ok := strings.Cut(text, `{{env "`)
		if !ok {
			break
		}
		place, after, _ := strings.Cut(rest, `"}}`)
		text = before + reference(place) + after
	}
	signing, err := os.ReadFile(filepath.Join(bed.Keys, bed.Writer+".key"))
	require.NoError(t, err)
	key := strings.TrimSpace(string(signing))
	// PRIVATE+KEY+<name>+<hash>+<base64>, whose last part can have a plus of its own, at its end too.
	parts := strings.SplitN(key, "+", 5)
	require.Len(t, parts, 5)
	inConfig["signing key"] = parts[4]
	env = append(env, "SIGNING_KEY="+key)

	col := harness.New(t, text, harness.With("bed", bed), harness.With("stream", stream.URL()), harness.With("dir", dir),
		harness.With("urlSecret", url.PathEscape(inConfig.plant("password in a URL"))), harness.WithEnv(env...))
	outputs := map[string]string{}
	run := func(what, path string, args ...string) {
		var stdout bytes.Buffer
		p := harness.StartProcess(t, harness.Command{Name: what, Path: path, Args: args, Env: env, Stdout: &stdout})
		p.Wait(t, time.Minute)
		outputs[what] = stdout.String() + p.Output()
	}
	binary := harness.Binary(t)
	run("print-config", binary, append([]string{"print-config"}, col.ConfigArgs()...)...)
	assert.Contains(t, outputs["print-config"], "[REDACTED]")
	run("validate", binary, append([]string{"validate"}, col.ConfigArgs()...)...)
	run("lint", harness.Program(t, "heartwood", "cmd/heartwood"), append([]string{"lint"}, col.ConfigArgs()...)...)
	assert.Contains(t, outputs["lint"], "memory-queue")
	run("lint as JSON", harness.Program(t, "heartwood", "cmd/heartwood"), append([]string{"lint", "--output=json"}, col.ConfigArgs()...)...)

	col.Start(t)
	for i, form := range []string{`password=%q`, `msg="login" token=%q`, `{"message":"x","client_secret":%q}`, `msg="GET https://u:%s@db.example/"`, `authorization="Bearer %s"`} {
		secret := inRecords.plant(fmt.Sprint("record ", i))
		if strings.Contains(form, "@db") {
			secret = url.PathEscape(secret)
		}
		body := fmt.Sprintf(form, secret)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+col.Addr(t, "in")+"/", strings.NewReader(body))
		require.NoError(t, err)
		request.SetBasicAuth("agent", inConfig.plant("htpasswd inline"))
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.NoError(t, response.Body.Close())
	}
	inRecords["card"] = "4111 1111 1111 1111"
	data, err := oneRecord("paid with 4111 1111 1111 1111, and the marker").MarshalProto()
	require.NoError(t, err)
	post(t, "http://"+col.Addr(t, "otlp")+"/v1/logs", data)
	// What a stranger tries may be the right password of another place.
	require.ErrorIs(t, overOTLPHTTP(t.Context(), col.Addr(t, "closed"), "x", credential{authorization: []string{"Bearer " + inConfig.plant("token of a stranger")}}), errRefused)
	col.WaitOutput(t, "the marker", time.Minute)
	col.WaitOutput(t, "Exporting failed", time.Minute)
	require.Eventually(t, func() bool {
		kept, err := os.ReadFile(col.Path("state/records.json"))
		return err == nil && bytes.Contains(kept, []byte("the marker"))
	}, time.Minute, 20*time.Millisecond)

	for _, page := range []string{"servicez", "pipelinez", "extensionz", "featurez", "tracez", "expvarz"} {
		outputs["zpages "+page] = fetchAny(t, "http://"+col.Addr(t, "zpages")+"/debug/"+page)
	}
	for _, pipeline := range []string{"logs", "logs/in", "metrics"} {
		for component, kind := range map[string]string{"otlp_http": "exporter", "kafka": "exporter", "kinesis": "exporter", "redact": "processor", "logfmt": "receiver"} {
			outputs["zpages of "+component+" in "+pipeline] = fetchAny(t, "http://"+col.Addr(t, "zpages")+"/debug/pipelinez?pipelinenamez="+url.QueryEscape(pipeline)+"&componentnamez="+component+"&componentkindz="+kind)
		}
	}
	for _, span := range []string{"receiver/otlp/LogsDataReceived", "receiver/otlp/in/LogsDataReceived", "exporter/otlp_http/logs", "exporter/kinesis/logs", "processor/redact/LogsProcessed", "/v1/logs", "POST /v1/logs"} {
		for latency := range 9 {
			outputs[fmt.Sprintf("zpages span %s %d", span, latency)] = fetchAny(t, fmt.Sprintf("http://%s/debug/tracez?zspanname=%s&ztype=1&zlatencybucket=%d", col.Addr(t, "zpages"), url.QueryEscape(span), latency))
		}
		outputs["zpages errors of "+span] = fetchAny(t, "http://"+col.Addr(t, "zpages")+"/debug/tracez?zspanname="+url.QueryEscape(span)+"&ztype=2")
	}
	for _, page := range []string{"", "cmdline", "goroutine?debug=2", "heap?debug=1", "allocs?debug=1", "threadcreate?debug=1", "symbol"} {
		outputs["pprof "+page] = fetchAny(t, "http://"+col.Addr(t, "pprof")+"/debug/pprof/"+page)
	}
	outputs["metrics"] = col.Metrics(t).String()
	assert.Contains(t, outputs["zpages servicez"], "otelcol-heartwood")
	assert.Contains(t, outputs["pprof goroutine?debug=2"], "goroutine ")

	kept := map[string]string{}
	collect := func() {
		require.NoError(t, filepath.WalkDir(col.Path("state"), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			kept["file "+strings.TrimPrefix(path, col.Path("state"))] = string(text)
			return err
		}))
	}
	collect()
	col.Signal(t, syscall.SIGQUIT)
	col.Wait(t, time.Minute)
	outputs["everything it printed"] = col.Output()
	assert.Contains(t, col.Output(), "SIGQUIT: quit")
	collect()
	assert.Greater(t, len(kept), 6)
	records, err := stream.Read("logs")
	require.NoError(t, err)
	for i, r := range records {
		kept[fmt.Sprint("record of the stream ", i)] = string(r.Data)
	}

	for what, output := range outputs {
		if what != "validate" { // has nothing to say
			assert.NotEmpty(t, output, what)
		}
	}
	require.Len(t, inConfig, 19)
	assert.Equal(t, shownByUpstream, inConfig.found(outputs), "of the configuration, in what is shown")
	assert.Empty(t, inConfig.found(kept), "of the configuration, in what is kept")
	maps.Copy(outputs, kept)
	assert.Empty(t, inRecords.found(outputs), "of records, in what is shown or kept")
	shown := planted{"marker": "the marker"}
	assert.NotEmpty(t, shown.found(outputs), "the search finds what is there")
}

// fetchAny reads a page, whatever its status.
func fetchAny(t *testing.T, page string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, http.NoBody)
	require.NoError(t, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.Status + "\n" + string(text)
}

// TestErrorsOfConfigurationsShowNoSecret: configurations that are wrong, next to a secret
// or in it.
func TestErrorsOfConfigurationsShowNoSecret(t *testing.T) {
	t.Parallel()
	binary, command := harness.Binary(t), harness.Program(t, "heartwood", "cmd/heartwood")
	for name, config := range map[string]string{
		"a key of redact that is too short": `
processors: {redact: {actions: {email: {type: hash}}, hash_keys: [{id: k1, secret: '${env:SHORT}'}]}}`,
		"a key of redact as a list": `
processors: {redact: {hash_keys: [{id: k1, secret: ['${env:PLANTED}']}]}}`,
		"a signing key that is none": `
exporters: {worm_s3: {bucket: archive, origin: example.com/logs, writer: w, signing_key: '${env:PLANTED}', rules: [{name: a, period: 1d}], max_retention: 3d, spool: {directory: /tmp/nowhere}}}`,
		"a signing key in a file that is none": `
exporters: {worm_s3: {bucket: archive, origin: example.com/logs, writer: w, signing_key_file: '${env:PLANTED_FILE}', rules: [{name: a, period: 1d}], max_retention: 3d, spool: {directory: /tmp/nowhere}}}`,
		"an unknown field with a secret": `
exporters: {kinesis: {stream: s, secret_access_key: '${env:PLANTED}'}}`,
		"a duration beside a token": `
extensions: {bearertokenauth: {token: '${env:PLANTED}', nonsense: 1}}`,
		"a token as a map": `
extensions: {bearertokenauth: {token: {value: '${env:PLANTED}'}}}`,
		"headers as a list": `
exporters: {otlp_http: {endpoint: 'http://127.0.0.1:1', headers: ['Authorization: ${env:PLANTED}']}}`,
		"a password of Kafka, and no brokers": `
exporters: {kafka: {brokers: [], auth: {sasl: {username: u, password: '${env:PLANTED}', mechanism: NONE}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planted{}
			file := filepath.Join(t.TempDir(), "key")
			require.NoError(t, os.WriteFile(file, []byte(p.plant("a")), 0o600))
			const short = "shrt+key/9?"
			p["short"] = short
			kind, id, _ := strings.Cut(strings.TrimLeft(config, "\n"), ": {")
			id, _, _ = strings.Cut(id, ":")
			use := map[string]string{
				"processors": "processors: [%s], exporters: [nop]", "exporters": "exporters: [%s]", "extensions": "exporters: [nop]}}, extensions: [%s",
			}[kind]
			path := filepath.Join(t.TempDir(), "config.yaml")
			whole := config + "\nreceivers: {nop: , otlp: {protocols: {http: {endpoint: 'localhost:0'}}}}\n"
			if kind != "exporters" {
				whole += "exporters: {nop: }\n"
			}
			whole = strings.Replace(whole, "nop: , ", "", 1)
			service := "service: {pipelines: {logs: {receivers: [otlp], " + fmt.Sprintf(use, id)
			if kind == "extensions" {
				service += "]}\n"
			} else {
				service += "}}}\n"
			}
			require.NoError(t, os.WriteFile(path, []byte(whole+service), 0o600))
			outputs := map[string]string{}
			for what, line := range map[string][]string{
				"validate":     {binary, "validate", "--config=" + path},
				"print-config": {binary, "print-config", "--config=" + path},
				"run":          {binary, "--config=" + path},
				"lint":         {command, "lint", "--config", path},
			} {
				process := harness.StartProcess(t, harness.Command{Name: what, Path: line[0], Args: line[1:], Env: []string{
					"SHORT=" + short, "PLANTED=" + p.plant("a"), "PLANTED_FILE=" + file, "AWS_REGION=eu-central-1",
				}})
				code := process.Wait(t, time.Minute)
				outputs[what] = process.Output()
				if what == "run" { // the only one that reads keys in files
					assert.NotZero(t, code)
					assert.Contains(t, outputs[what], id)
				}
			}
			assert.Empty(t, p.found(outputs))
		})
	}
}
