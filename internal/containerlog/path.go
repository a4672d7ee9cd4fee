package containerlog

import (
	"strconv"
	"strings"
)

// PodInfo is what the path of a container's log file in Kubernetes tells. What it
// does not tell is "" or -1.
type PodInfo struct {
	Namespace, Pod, UID string
	Container           string
	// Restart is how many times the container was started before, or -1.
	Restart     int
	ContainerID string
	// Rotated says that the file has been renamed and is not written any more,
	// Compressed that it is gzip.
	Rotated, Compressed bool
}

// maxFileName is the longest name of a file; kubelet cuts those of its links.
const maxFileName = 255

// KubernetesPath reads the path of a container's log file, whatever directory the
// node's /var/log is mounted at:
//
//	/var/log/pods/<namespace>_<pod>_<uid>/<container>/<restart>.log
//	/var/log/containers/<pod>_<namespace>_<container>-<container id>.log
//
// and with .20261121-081530 and .gz after the former when kubelet has rotated it.
// The uid is 32 hex digits for the static pods of a node, a UUID for all others.
// Links in containers whose names were cut to 255 bytes tell no container id, and
// no container where that may have been cut, too.
//
// Source: pkg/kubelet/kuberuntime of github.com/kubernetes/kubernetes (helpers.go,
// legacy.go, logs/).
func KubernetesPath(path string) (PodInfo, bool) {
	parts := strings.Split(path, "/")
	n := len(parts)
	if n >= 2 && parts[n-2] == "containers" {
		return containerLink(parts[n-1])
	}
	if n < 4 || parts[n-4] != "pods" {
		return PodInfo{}, false
	}
	p := PodInfo{Container: parts[n-2]}
	pod := strings.Split(parts[n-3], "_")
	if len(pod) != 3 || !p.readFile(parts[n-1]) {
		return PodInfo{}, false
	}
	p.Namespace, p.Pod, p.UID = pod[0], pod[1], pod[2]
	if !isLabel(p.Namespace) || !isName(p.Pod) || !isLabel(p.UID) || !isLabel(p.Container) {
		return PodInfo{}, false
	}
	return p, true
}

// readFile reads <restart>.log[.<time>][.gz].
func (p *PodInfo) readFile(name string) bool {
	number, rest, ok := strings.Cut(name, ".log")
	if !ok || number == "" || strings.Trim(number, "0123456789") != "" {
		return false
	}
	var err error
	if p.Restart, err = strconv.Atoi(number); err != nil {
		return false
	}
	if rest == "" {
		return true
	}
	p.Rotated = true
	rest, p.Compressed = strings.CutSuffix(rest, ".gz")
	const form = ".20060102-150405"
	if len(rest) != len(form) {
		return false
	}
	for i := range len(form) {
		digit := form[i] >= '0' && form[i] <= '9'
		if digit != (rest[i] >= '0' && rest[i] <= '9') || !digit && rest[i] != form[i] {
			return false
		}
	}
	return true
}

// containerLink reads <pod>_<namespace>_<container>-<id>.log.
func containerLink(name string) (PodInfo, bool) {
	whole, ok := strings.CutSuffix(name, ".log")
	parts := strings.Split(whole, "_")
	if !ok || len(parts) != 3 || !isName(parts[0]) || !isLabel(parts[1]) {
		return PodInfo{}, false
	}
	p := PodInfo{Pod: parts[0], Namespace: parts[1], Restart: -1}
	dash := strings.LastIndexByte(parts[2], '-')
	if dash < 0 {
		return p, len(name) == maxFileName
	}
	container, id := parts[2][:dash], parts[2][dash+1:]
	switch {
	case len(id) == 64 && isHex(id):
		p.ContainerID = id
	case len(name) != maxFileName:
		return PodInfo{}, false
	case len(id) < 16 || !isHex(id):
		// Too short to be surely an id: it may be the container's name itself.
		return p, true
	}
	p.Container = container
	return p, isLabel(container)
}

// isLabel: a DNS label (RFC 1123), and not so strict about the first character.
func isLabel(s string) bool { return len(s) <= 63 && !strings.Contains(s, ".") && isName(s) }

// isName: a DNS subdomain.
func isName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c-'a' > 25 && c-'0' > 9 && c-'A' > 25 && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func isHex(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 && s[i]-'a' > 5 {
			return false
		}
	}
	return true
}

// AppendAttributes appends the resource attributes of p by the semantic
// conventions. k8s.container.restart_count is a number there, and a string here.
func (p *PodInfo) AppendAttributes(dst []Attribute) []Attribute {
	for _, a := range [...]Attribute{
		{"k8s.namespace.name", p.Namespace},
		{"k8s.pod.name", p.Pod},
		{"k8s.pod.uid", p.UID},
		{"k8s.container.name", p.Container},
		{"container.id", p.ContainerID},
	} {
		if a.Value != "" {
			dst = append(dst, a)
		}
	}
	if p.Restart >= 0 {
		dst = append(dst, Attribute{"k8s.container.restart_count", strconv.Itoa(p.Restart)})
	}
	return dst
}

// DockerInfo is what the path of a file of the json-file driver tells.
type DockerInfo struct {
	ContainerID         string
	Rotated, Compressed bool
}

// DockerPath reads the path of a file of the json-file driver, whatever Docker's
// directory is:
//
//	/var/lib/docker/containers/<64 hex digits>/<the same>-json.log
//
// and with .1 and .gz after it when Docker has rotated it.
func DockerPath(path string) (DockerInfo, bool) {
	dir, name, ok := cutLast(path, '/')
	_, id, _ := cutLast(dir, '/')
	if id == "" {
		id = dir
	}
	if !ok || len(id) != 64 || !isHex(id) {
		return DockerInfo{}, false
	}
	rest, ok := strings.CutPrefix(name, id+"-json.log")
	if !ok {
		return DockerInfo{}, false
	}
	d := DockerInfo{ContainerID: id}
	if rest == "" {
		return d, true
	}
	d.Rotated = true
	rest, d.Compressed = strings.CutSuffix(rest, ".gz")
	if len(rest) < 2 || rest[0] != '.' || strings.Trim(rest[1:], "0123456789") != "" {
		return DockerInfo{}, false
	}
	return d, true
}

// AppendAttributes appends the resource attributes of d.
func (d *DockerInfo) AppendAttributes(dst []Attribute) []Attribute {
	return append(dst, Attribute{"container.id", d.ContainerID}, Attribute{"container.runtime.name", "docker"})
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
