package containerlog

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	podUID    = "2b6c9a51-4f7e-4a0c-9a52-6a3f0c1f7e11"
	staticUID = "8a1c2e3f4b5d6978a1c2e3f4b5d69780"
)

var containerID = strings.Repeat("0123456789abcdef", 4)

func TestKubernetesPath(t *testing.T) {
	f := func(path string, want PodInfo) {
		t.Helper()
		got, ok := KubernetesPath(path)
		require.True(t, ok, path)
		assert.Equal(t, want, got, path)
	}
	shop := PodInfo{Namespace: "shop", Pod: "orders-7d9f8b6c5-x2x4z", UID: podUID, Container: "app"}
	dir := "/var/log/pods/shop_orders-7d9f8b6c5-x2x4z_" + podUID + "/app/"
	f(dir+"0.log", shop)
	f("/host"+dir+"0.log", shop)
	shop.Restart = 12
	f(dir+"12.log", shop)
	shop.Rotated = true
	f(dir+"12.log.20261121-081530", shop)
	shop.Compressed = true
	f(dir+"12.log.20261121-081530.gz", shop)
	f("/var/log/pods/kube-system_kube-apiserver-node1.example.org_"+staticUID+"/kube-apiserver/3.log",
		PodInfo{Namespace: "kube-system", Pod: "kube-apiserver-node1.example.org", UID: staticUID, Container: "kube-apiserver", Restart: 3})

	link := PodInfo{Namespace: "shop", Pod: "orders-0", Container: "app-main", Restart: -1, ContainerID: containerID}
	f("/var/log/containers/orders-0_shop_app-main-"+containerID+".log", link)
	// Cut to 255 bytes with the suffix: in the id, in the container's name.
	link.ContainerID, link.Pod = "", strings.Repeat("p", 250-len("_shop_app-main-")-20+1)
	f("/var/log/containers/"+link.Pod+"_shop_app-main-"+containerID[:20]+".log", link)
	link.Container, link.Pod = "", strings.Repeat("p", 250-len("_shop_app-")-3+1)
	f("/var/log/containers/"+link.Pod+"_shop_app-mai.log", link)
}

func TestKubernetesPathRefuses(t *testing.T) {
	pod := "/var/log/pods/shop_orders_" + podUID
	for _, path := range []string{
		"", "/", "0.log", "app/0.log", "/var/log/app/0.log", pod + "/0.log", pod + "/app/x.log", pod + "/app/.log", pod + "/app/0.log.1",
		pod + "/app/0.log.2026-1121081530", pod + "/app/0.log.20261121-081530.tmp", pod + "/app/0.txt", pod + "/a_b/0.log", pod + "//0.log",
		pod + "/app/99999999999999999999.log", pod + "/app/+1.log", "/var/log/pods/shop_orders/app/0.log", "/var/log/pods/a_b_c_d/app/0.log", "/var/log/pods/__/app/0.log",
		"/var/log/pods/shop_or ders_" + podUID + "/app/0.log",
		"/var/log/containers/orders_shop_app.log", "/var/log/containers/orders_shop_app-abc.log", "/var/log/containers/x.log",
		"/var/log/containers/orders_shop_app-" + containerID, "/var/log/containers/orders_shop_-" + containerID + ".log",
	} {
		got, ok := KubernetesPath(path)
		assert.False(t, ok, "%s: %+v", path, got)
	}
}

func TestPodAttributes(t *testing.T) {
	p, ok := KubernetesPath("/var/log/pods/shop_orders_" + podUID + "/app/12.log")
	require.True(t, ok)
	assert.Equal(t, []Attribute{
		{"k8s.namespace.name", "shop"},
		{"k8s.pod.name", "orders"},
		{"k8s.pod.uid", podUID},
		{"k8s.container.name", "app"},
		{"k8s.container.restart_count", "12"},
	}, p.AppendAttributes(nil))
	p, ok = KubernetesPath("/var/log/containers/orders_shop_app-" + containerID + ".log")
	require.True(t, ok)
	assert.Equal(t, []Attribute{
		{"k8s.namespace.name", "shop"}, {"k8s.pod.name", "orders"}, {"k8s.container.name", "app"}, {"container.id", containerID},
	}, p.AppendAttributes(nil))
}

func TestDockerPath(t *testing.T) {
	f := func(path string, rotated, compressed, want bool) {
		t.Helper()
		got, ok := DockerPath(path)
		assert.Equal(t, want, ok, path)
		if want {
			assert.Equal(t, DockerInfo{containerID, rotated, compressed}, got, path)
		}
	}
	dir := "/var/lib/docker/containers/" + containerID + "/"
	f(dir+containerID+"-json.log", false, false, true)
	f(containerID+"/"+containerID+"-json.log", false, false, true)
	f(dir+containerID+"-json.log.1", true, false, true)
	f(dir+containerID+"-json.log.12.gz", true, true, true)
	for _, name := range []string{"", "-json.log", containerID + "-json.log.", containerID + "-json.log.x", containerID + "-json.log.gz", containerID + ".log", strings.Repeat("a", 64) + "-json.log"} {
		f(dir+name, false, false, false)
	}
	f("", false, false, false)
	f(containerID+"-json.log", false, false, false)
	f("/short/short-json.log", false, false, false)
	d := DockerInfo{ContainerID: containerID}
	assert.Equal(t, []Attribute{{"container.id", containerID}, {"container.runtime.name", "docker"}}, d.AppendAttributes(nil))
}

func FuzzPaths(f *testing.F) {
	f.Add("/var/log/pods/shop_orders_" + podUID + "/app/0.log")
	f.Add("/var/log/containers/orders_shop_app-" + containerID + ".log")
	f.Add("/var/lib/docker/containers/" + containerID + "/" + containerID + "-json.log.1.gz")
	f.Fuzz(func(t *testing.T, path string) {
		if p, ok := KubernetesPath(path); ok {
			for _, a := range p.AppendAttributes(nil) {
				require.NotEmpty(t, a.Value)
				if a.Key != "k8s.container.restart_count" { // 007 is 7
					require.Contains(t, path, a.Value)
				}
			}
		}
		if d, ok := DockerPath(path); ok {
			require.Contains(t, path, d.ContainerID+"/"+d.ContainerID)
		}
	})
}

func TestReadDockerConfig(t *testing.T) {
	c, err := ReadDockerConfig("testdata/docker")
	require.NoError(t, err)
	assert.Equal(t, []Attribute{
		{"container.id", containerID},
		{"container.name", "shop-orders-1"},
		{"container.image.id", "sha256:" + containerID},
		{"container.image.name", "registry.example.org:5000/shop/orders"},
		{"container.image.tags", "1.4.2"},
		{"container.runtime.name", "docker"},
		{"container.label.com.docker.compose.project", "shop"},
		{"container.label.com.docker.compose.service", "orders"},
	}, c.AppendAttributes(nil))
}

func TestReadDockerConfigErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := ReadDockerConfig(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, filepath.Join(dir, "config.v2.json"))
	for _, content := range []string{"", "{", "[]", "{}", `{"ID":"x"}`, `{"ID":5}`, strings.Repeat(" ", maxDockerConfig+1), strings.Repeat("[", 1<<20)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.v2.json"), []byte(content), 0o600))
		_, err = ReadDockerConfig(dir)
		require.ErrorIs(t, err, ErrDockerConfig, "%.20q", content)
		require.ErrorContains(t, err, filepath.Join(dir, "config.v2.json"))
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "config.v2.json")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "config.v2.json"), 0o700))
	_, err = ReadDockerConfig(dir)
	require.ErrorIs(t, err, ErrDockerConfig)
}

func TestSplitImage(t *testing.T) {
	f := func(image, name, tag, digest string) {
		t.Helper()
		n, g, d := splitImage(image)
		assert.Equal(t, []string{name, tag, digest}, []string{n, g, d}, image)
	}
	f("", "", "", "")
	f("nginx", "nginx", "", "")
	f("nginx:1.27", "nginx", "1.27", "")
	f("localhost:5000/nginx", "localhost:5000/nginx", "", "")
	f("localhost:5000/nginx:1.27@sha256:ab", "localhost:5000/nginx", "1.27", "sha256:ab")
	f("nginx@sha256:ab", "nginx", "", "sha256:ab")
	f("sha256:ab", "sha256:ab", "", "")
}
