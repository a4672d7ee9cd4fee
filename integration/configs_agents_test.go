package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// requireOncePerUID waits until a record of each body has come, and requires that one
// which has come again has the same uid.
func requireOncePerUID(t *testing.T, sink *harness.Sink, bodies []string) {
	t.Helper()
	uids := map[string]map[string]bool{}
	ok := assert.Eventually(t, func() bool {
		clear(uids)
		for _, r := range sink.Logs() {
			if uids[r.Text()] == nil {
				uids[r.Text()] = map[string]bool{}
			}
			uids[r.Text()][r.UID()] = true
		}
		return !slices.ContainsFunc(bodies, func(body string) bool { return uids[body] == nil })
	}, time.Minute, 100*time.Millisecond)
	for _, body := range bodies {
		if !ok {
			require.Contains(t, uids, body, "lost")
		}
		assert.Len(t, uids[body], 1, "%q has come as several records", body)
		assert.NotContains(t, uids[body], "", "%q has no uid", body)
	}
}

func appendLines(t *testing.T, path string, lines ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// TestAgentKeepsWhatItAccepted: configs/agent.yaml as it is, killed while the gateway is
// away. Files, OTLP and the host's metrics come, each record under one uid; no secret is on
// its disk.
func TestAgentKeepsWhatItAccepted(t *testing.T) {
	t.Parallel()
	s, sink := newSite(t), harness.NewSink(t)
	front := s.startFront(t, sink)
	col := harness.Start(t, asItIs, harness.WithFile("configs/agent.yaml"), s.options(t,
		"HEARTWOOD_GATEWAY="+front.Addr(t, "otlp grpc"), `HEARTWOOD_LOGS={{dir "logs"}}/*.log`))
	file, otlp := filepath.Join(col.Path("logs"), "checkout.log"), "http://"+col.Addr(t, "otlp http")
	var bodies []string
	write := func(round string) {
		for i := range 50 {
			body := fmt.Sprintf("%s line %d", round, i)
			appendLines(t, file, fmt.Sprintf(`{"level":"info","msg":%q,"password":"hunter2"}`, body))
			bodies = append(bodies, body)
		}
	}
	send := func(round string) {
		for i := range 20 {
			body := fmt.Sprintf("%s record %d", round, i)
			mustPost(t, s.client(t, ""), otlp+"/v1/logs", protobuf, logRecord(t, "stock", body, nil))
			bodies = append(bodies, body)
		}
		mustPost(t, s.client(t, ""), otlp+"/v1/traces", protobuf, oneSpan(t, round+" span"))
	}
	write("first")
	send("first")
	requireOncePerUID(t, sink, bodies)
	host, err := os.Hostname()
	require.NoError(t, err)
	for _, r := range sink.Logs() {
		require.Equal(t, host, r.Resource["host.name"], "%v", r)
		require.Equal(t, host, r.Resource["service.instance.id"], "%v", r)
	}
	sink.WaitFor(t, "the host's memory", time.Minute, func() bool {
		return len(sink.DataPoints(harness.Name("system.memory.usage"), harness.Resource("host.name", host), harness.Resource("service.instance.id", host))) > 0
	})

	front.Kill()
	write("away")
	send("away")
	col.WaitMetrics(t, "the file to be read", func(m harness.Metrics) bool {
		return m.Sum("otelcol_receiver_stdout_tail_records_accepted") >= 100
	})
	requireNowhere(t, []string{"hunter2"}, col.Path("state"), "away record")
	col.Kill()
	write("dead")
	front.Start(t)
	col.Start(t)
	send("again")
	requireOncePerUID(t, sink, bodies)
	for _, name := range []string{"first span", "away span", "again span"} {
		sink.WaitFor(t, name, time.Minute, func() bool { return len(sink.Spans(harness.Name(name))) > 0 })
	}

	assert.Zero(t, col.Metrics(t).Sum("otelcol_exporter_send_failed_log_records"), "nothing was refused for good")
	col.Stop(t)
}

// TestAgentWithAWrongTokenSaysWhatItLoses: as parts/token.yaml and parts/queue.yaml say,
// what a gateway refuses for good is dropped, and counted.
func TestAgentWithAWrongTokenSaysWhatItLoses(t *testing.T) {
	t.Parallel()
	s, sink := newSite(t), harness.NewSink(t)
	front := s.startFront(t, sink)
	require.NoError(t, os.WriteFile(s.path("wrong"), []byte("wrong\n"), 0o600))
	col := harness.Start(t, asItIs, harness.WithFile("configs/agent.yaml"), s.options(t,
		"HEARTWOOD_GATEWAY="+front.Addr(t, "otlp grpc"), `HEARTWOOD_LOGS={{dir "logs"}}/*.log`, "HEARTWOOD_TOKEN_FILE="+s.path("wrong")))
	mustPost(t, s.client(t, ""), "http://"+col.Addr(t, "otlp http")+"/v1/logs", protobuf, logRecord(t, "stock", "lost", nil))
	col.WaitMetrics(t, "the record to be counted", func(m harness.Metrics) bool {
		return m.Sum("otelcol_exporter_send_failed_log_records") == 1
	})
	require.NoError(t, os.WriteFile(s.path("wrong"), []byte(s.token+"\n"), 0o600))
	require.Eventually(t, func() bool {
		mustPost(t, s.client(t, ""), "http://"+col.Addr(t, "otlp http")+"/v1/logs", protobuf, logRecord(t, "stock", "with the token", nil))
		return len(sink.Logs(harness.Body("with the token"))) > 0
	}, time.Minute, 100*time.Millisecond, "a token that is set right to count")
	assert.Empty(t, sink.Logs(harness.Body("lost")))
	col.Stop(t)
}

// apiServer is as much of a Kubernetes API server as k8s_attributes asks for: pods and
// namespaces, listed, and a watch on which nothing happens.
func apiServer(t *testing.T, pods, namespaces []any) (kubeconfig string) {
	t.Helper()
	list := func(w http.ResponseWriter, r *http.Request, kind string, items []any) {
		query := r.URL.Query()
		if query.Get("sendInitialEvents") != "" { // a client asks for a list when it is told no
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if query.Get("watch") != "" {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		version := "v1"
		if strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadataList") {
			kind, version = "PartialObjectMetadata", "meta.k8s.io/v1"
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": kind + "List", "apiVersion": version, "metadata": map[string]any{"resourceVersion": "7"}, "items": items})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/pods", func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("fieldSelector"); got != "spec.nodeName=node-1" {
			t.Errorf("pods are asked for with fieldSelector %q", got)
		}
		list(w, r, "Pod", pods)
	})
	mux.HandleFunc("GET /api/v1/namespaces/{name}", func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) })
	mux.HandleFunc("GET /api/v1/namespaces", func(w http.ResponseWriter, r *http.Request) { list(w, r, "Namespace", namespaces) })
	server := httptest.NewUnstartedServer(mux)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(kubeconfig, fmt.Appendf(nil, `
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %s}}]
users: [{name: test, user: {}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
`, server.URL), 0o600))
	return kubeconfig
}

// TestAgentOfAKubernetesNode: configs/agent-kubernetes.yaml as it is, with files as the
// kubelet names and writes them and an API server of the test's own. Killed while the
// gateway is away.
func TestAgentOfAKubernetesNode(t *testing.T) {
	t.Parallel()
	const uid = "0ac52e9c-5a57-4d45-8c3c-8b2f4b2b2f01"
	kubeconfig := apiServer(t, []any{map[string]any{
		"metadata": map[string]any{
			"name": "checkout-5d9c7b8f6d-x2x2x", "namespace": "shop", "uid": uid, "resourceVersion": "5", "creationTimestamp": "2026-11-27T08:00:00Z",
			"labels":          map[string]any{"app.kubernetes.io/name": "checkout", "app.kubernetes.io/version": "1.2.3", "pod-template-hash": "5d9c7b8f6d"},
			"ownerReferences": []any{map[string]any{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "checkout-5d9c7b8f6d", "uid": "1", "controller": true}},
		},
		"spec":   map[string]any{"nodeName": "node-1"},
		"status": map[string]any{"podIP": "127.0.0.1", "startTime": "2026-11-27T08:00:00Z", "phase": "Running"},
	}}, []any{map[string]any{"metadata": map[string]any{"name": "shop", "uid": "2", "resourceVersion": "4"}}})
	s, sink := newSite(t), harness.NewSink(t)
	front := s.startFront(t, sink)
	col := harness.Start(t, asItIs, harness.WithFile("configs/agent-kubernetes.yaml"), s.options(t,
		"HEARTWOOD_GATEWAY="+front.Addr(t, "otlp grpc"), `HEARTWOOD_LOGS={{dir "pods"}}/*/*/*.log`,
		"HEARTWOOD_K8S_AUTH=kubeConfig", "KUBECONFIG="+kubeconfig, "K8S_NODE_NAME=node-1",
		"OTEL_RESOURCE_ATTRIBUTES=host.name=node-1,k8s.node.name=node-1"))
	// Until the list of pods is there, records have only what the path says.
	sent := 0
	require.Eventually(t, func() bool {
		sent++
		mustPost(t, s.client(t, ""), "http://"+col.Addr(t, "otlp http")+"/v1/logs", protobuf, logRecord(t, "", fmt.Sprintf("asking %d", sent), nil))
		return len(sink.Logs(harness.Resource("k8s.pod.name", "checkout-5d9c7b8f6d-x2x2x"))) > 0
	}, time.Minute, 100*time.Millisecond, "the pod to be known by its address")

	file := filepath.Join(col.Path("pods"), "shop_checkout-5d9c7b8f6d-x2x2x_"+uid, "app", "0.log")
	var bodies []string
	write := func(round string) {
		for i := range 50 {
			body := fmt.Sprintf("%s %d", round, i)
			appendLines(t, file, fmt.Sprintf(`2026-11-27T08:00:00.%09dZ stdout F {"level":"info","msg":%q,"password":"hunter2"}`, i, body))
			bodies = append(bodies, body)
		}
	}
	write("first")
	requireOncePerUID(t, sink, bodies)
	front.Kill()
	write("away")
	col.WaitMetrics(t, "the file to be read", func(m harness.Metrics) bool {
		return m.Sum("otelcol_receiver_stdout_tail_records_accepted") >= 100
	})
	requireNowhere(t, []string{"hunter2"}, col.Path("state"), "away ")
	col.Kill()
	write("dead")
	front.Start(t)
	col.Start(t)
	requireOncePerUID(t, sink, bodies)
	for _, r := range sink.Logs(harness.Body("first 7")) {
		for name, want := range map[string]string{
			"service.name": "checkout", "service.version": "1.2.3", "service.instance.id": "checkout-5d9c7b8f6d-x2x2x", "host.name": "node-1",
			"k8s.namespace.name": "shop", "k8s.pod.name": "checkout-5d9c7b8f6d-x2x2x", "k8s.pod.uid": uid, "k8s.container.name": "app",
			"k8s.deployment.name": "checkout", "k8s.node.name": "node-1",
		} {
			assert.Equal(t, want, r.Resource[name], name)
		}
	}
	sink.WaitFor(t, "the node's memory", time.Minute, func() bool {
		return len(sink.DataPoints(harness.Name("system.memory.usage"), harness.Resource("host.name", "node-1"))) > 0
	})
	for _, p := range sink.DataPoints(harness.Name("system.memory.usage")) {
		require.NotContains(t, p.Resource, "k8s.pod.name", "the node's metrics are no pod's")
	}
	col.Stop(t)
}

// TestDaemonSetFitsItsConfiguration: deploy/kubernetes/agent.yaml sets no variable that
// nothing reads, mounts what it reads, and may do what k8s_attributes asks for. It has not
// been run.
func TestDaemonSetFitsItsConfiguration(t *testing.T) {
	t.Parallel()
	root := harness.Root(t)
	text, err := os.ReadFile(filepath.Join(root, "deploy", "kubernetes", "agent.yaml"))
	require.NoError(t, err)
	type named struct{ Name, Value, MountPath string }
	type object struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		Rules      []struct{ Resources, Verbs []string }
		Subjects   []struct{ Kind, Name string }
		RoleRef    struct{ Kind, Name string } `yaml:"roleRef"`
		Spec       struct {
			Selector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			}
			Template struct {
				Metadata struct{ Labels map[string]string }
				Spec     struct {
					ServiceAccountName string `yaml:"serviceAccountName"`
					Volumes            []named
					Containers         []struct {
						Args         []string
						Env          []named
						VolumeMounts []struct {
							Name      string
							MountPath string `yaml:"mountPath"`
						} `yaml:"volumeMounts"`
					}
				}
			}
		}
	}
	objects := map[string]object{}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	for {
		var o object
		if err := decoder.Decode(&o); err != nil {
			break
		}
		objects[o.Kind] = o
	}
	require.Len(t, objects, 4)
	account := objects["ServiceAccount"].Metadata.Name
	set := objects["DaemonSet"].Spec
	assert.Equal(t, account, set.Template.Spec.ServiceAccountName)
	assert.Equal(t, account, objects["ClusterRoleBinding"].Subjects[0].Name)
	assert.Equal(t, objects["ClusterRole"].Metadata.Name, objects["ClusterRoleBinding"].RoleRef.Name)
	assert.Equal(t, []string{"pods", "namespaces"}, objects["ClusterRole"].Rules[0].Resources)
	assert.Equal(t, []string{"get", "list", "watch"}, objects["ClusterRole"].Rules[0].Verbs)
	assert.Equal(t, set.Selector.MatchLabels, set.Template.Metadata.Labels)

	require.Len(t, set.Template.Spec.Containers, 1)
	container := set.Template.Spec.Containers[0]
	assert.Equal(t, []string{"otelcol-heartwood", "--config", "/etc/otelcol-heartwood/configs/agent-kubernetes.yaml"}, container.Args)
	read := []string{"GOMEMLIMIT", "OTEL_RESOURCE_ATTRIBUTES"}
	for _, pattern := range []string{"agent-kubernetes.yaml", "parts/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, "configs", pattern))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(`\$\{env:([A-Z0-9_]+)`).FindAllStringSubmatch(string(text), -1) {
				read = append(read, m[1])
			}
		}
	}
	env := map[string]string{}
	for _, e := range container.Env {
		env[e.Name] = e.Value
		assert.Contains(t, read, e.Name, "nothing reads it")
	}
	mounts := map[string]string{}
	for _, m := range container.VolumeMounts {
		mounts[m.Name] = m.MountPath
	}
	for _, v := range set.Template.Spec.Volumes {
		assert.Contains(t, mounts, v.Name, "a volume that is not mounted")
		delete(mounts, v.Name)
	}
	assert.Empty(t, mounts, "without a volume")
	assert.Equal(t, "/etc/otelcol-heartwood/configs", env["HEARTWOOD_CONFIGS"])
	for _, name := range []string{"HEARTWOOD_CA_FILE", "HEARTWOOD_TOKEN_FILE"} {
		assert.Equal(t, "/etc/otelcol-heartwood/secret", filepath.Dir(env[name]))
	}
}
