package containerlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxDockerConfig bounds what is read of a config.v2.json. A container with
// hundreds of labels, mounts and variables has some 50 KiB.
const maxDockerConfig = 4 << 20

// ErrDockerConfig is wrapped by errors of ReadDockerConfig about a file that was
// read and is no container's.
var ErrDockerConfig = errors.New("not a container's config.v2.json")

// DockerConfig is what Docker keeps of a container.
type DockerConfig struct {
	ID string
	// Name is without the slash that it begins with in the file.
	Name string
	// ImageID is sha256: and 64 hex digits.
	ImageID string
	// ImageName is the image as it was asked for, without tag and digest. ImageTag
	// and ImageDigest are "" where it had none.
	ImageName, ImageTag, ImageDigest string
	Labels                           map[string]string
}

// ReadDockerConfig reads config.v2.json in dir, the directory of a container's
// log file. Its errors name the file; a file that is not there or not readable,
// which only root may, is fs.ErrNotExist or fs.ErrPermission, one of another kind is
// ErrDockerConfig. Files beyond 4 MiB are refused.
func ReadDockerConfig(dir string) (*DockerConfig, error) {
	path := filepath.Join(dir, "config.v2.json")
	// A named pipe would be waited for.
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("read a container's description: %w", err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: it is no regular file", path, ErrDockerConfig)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a container's description: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxDockerConfig+1))
	if err != nil {
		return nil, fmt.Errorf("read a container's description: %w", err)
	}
	if len(data) > maxDockerConfig {
		return nil, fmt.Errorf("%s: %w: it is larger than %d bytes", path, ErrDockerConfig, maxDockerConfig)
	}
	c, err := parseDockerConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrDockerConfig, err)
	}
	return c, nil
}

func parseDockerConfig(data []byte) (*DockerConfig, error) {
	var file struct {
		ID, Name, Image string
		Config          struct {
			Image  string
			Labels map[string]string
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if len(file.ID) != 64 || !isHex(file.ID) {
		return nil, fmt.Errorf("ID %.80q is not 64 hex digits", file.ID)
	}
	c := &DockerConfig{
		ID: file.ID, Name: strings.TrimPrefix(file.Name, "/"),
		ImageID: file.Image, Labels: file.Config.Labels,
	}
	c.ImageName, c.ImageTag, c.ImageDigest = splitImage(file.Config.Image)
	return c, nil
}

// splitImage takes apart registry:5000/team/name:tag@sha256:digest. A name that
// is nothing but an image's id has neither.
func splitImage(s string) (name, tag, digest string) {
	name, digest, _ = strings.Cut(s, "@")
	if strings.HasPrefix(name, "sha256:") {
		return name, "", digest
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	return name, tag, digest
}

// AppendAttributes appends the resource attributes of c by the semantic
// conventions, labels in the order of their names. container.image.tags and
// container.image.repo_digests are lists there, and hold the one string here.
func (c *DockerConfig) AppendAttributes(dst []Attribute) []Attribute {
	digest := c.ImageDigest
	if digest != "" {
		digest = c.ImageName + "@" + digest
	}
	for _, a := range [...]Attribute{
		{"container.id", c.ID},
		{"container.name", c.Name},
		{"container.image.id", c.ImageID},
		{"container.image.name", c.ImageName},
		{"container.image.tags", c.ImageTag},
		{"container.image.repo_digests", digest},
		{"container.runtime.name", "docker"},
	} {
		if a.Value != "" {
			dst = append(dst, a)
		}
	}
	labels := len(dst)
	for key, value := range c.Labels {
		dst = append(dst, Attribute{"container.label." + key, value})
	}
	slices.SortFunc(dst[labels:], func(a, b Attribute) int { return strings.Compare(a.Key, b.Key) })
	return dst
}
