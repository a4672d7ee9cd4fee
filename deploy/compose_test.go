// Package deploy_test holds the files of deploy/ together: nothing here can start
// containers, so that what can be told by reading is told by reading.
package deploy_test

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type service struct {
	Image string `yaml:"image"`
	Build struct {
		Context    string `yaml:"context"`
		Dockerfile string `yaml:"dockerfile"`
	} `yaml:"build"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	DependsOn   yaml.Node         `yaml:"depends_on"`
}

// mounts are the service's paths, by the path in its container.
func (s service) mounts() map[string]string {
	found := map[string]string{}
	for _, v := range s.Volumes {
		parts := strings.Split(v, ":")
		found[parts[1]] = parts[0]
	}
	return found
}

type composition struct {
	Services map[string]service `yaml:"services"`
	Volumes  map[string]any     `yaml:"volumes"`
}

func read(t *testing.T, file string, into any) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), file)
	return string(text)
}

func readCompose(t *testing.T) composition {
	t.Helper()
	var c composition
	read(t, "compose.yaml", &c)
	require.NotEmpty(t, c.Services)
	return c
}

var pinned = regexp.MustCompile(`^[a-z0-9/.-]+:v?\d+\.\d+\.\d+(-[a-z0-9.-]+)?$`)

func TestImagesArePinned(t *testing.T) {
	for name, s := range readCompose(t).Services {
		assert.Regexp(t, pinned, s.Image, name)
		if s.Build.Context == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.Build.Context, s.Build.Dockerfile))
		require.NoError(t, err)
		bases := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, bases)
		for i, base := range bases {
			if base[1] == "scratch" && i == len(bases)-1 {
				continue // nothing at all has no version
			}
			assert.Regexp(t, pinned, base[1], s.Build.Dockerfile)
		}
	}
}

func TestComposeIsWhole(t *testing.T) {
	c := readCompose(t)
	volumes := map[string]bool{}
	for name, s := range c.Services {
		for inside, outside := range s.mounts() {
			assert.True(t, path.IsAbs(inside), "%s: %s", name, inside)
			if strings.HasPrefix(outside, ".") || strings.HasPrefix(outside, "/") {
				_, err := os.Stat(outside)
				require.NoError(t, err, name)
				continue
			}
			assert.Contains(t, c.Volumes, outside, name)
			volumes[outside] = true
		}
		for _, p := range s.Ports {
			assert.True(t, strings.HasPrefix(p, "127.0.0.1:"), "%s listens beyond this machine: %s", name, p)
		}
		var others []string
		if s.DependsOn.Kind == yaml.MappingNode {
			for i := 0; i < len(s.DependsOn.Content); i += 2 {
				others = append(others, s.DependsOn.Content[i].Value)
			}
		} else {
			require.NoError(t, s.DependsOn.Decode(&others))
		}
		for _, other := range others {
			assert.Contains(t, c.Services, other, name)
		}
	}
	assert.Len(t, volumes, len(c.Volumes), "volumes that somebody has")
}

// What the collector's service sets is what its configuration reads, and the
// configuration that it starts with is there.
func TestCollectorIsConfigured(t *testing.T) {
	s := readCompose(t).Services["otelcol"]
	var content any
	config := read(t, "otelcol/heartwood.yaml", &content)
	for name := range s.Environment {
		assert.Contains(t, config, "${env:"+name+":-", "the configuration does not read it")
	}
	i := slices.Index(s.Command, "--config")
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, "./otelcol/heartwood.yaml", s.mounts()[s.Command[i+1]])
	assert.Equal(t, "http://loki:3100/otlp", s.Environment["HEARTWOOD_LOKI_ENDPOINT"])
}

// Prometheus fetches what the services listen on, and has the rules that are tested.
func TestPrometheusFindsEverything(t *testing.T) {
	c := readCompose(t)
	var config struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			Job     string `yaml:"job_name"`
			KeepJob bool   `yaml:"honor_labels"` //nolint:misspell // Prometheus's name
			Targets []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	read(t, "prometheus/prometheus.yaml", &config)
	assert.Equal(t, []string{"rules/*.yaml"}, config.RuleFiles)
	prometheus := c.Services["prometheus"]
	assert.Equal(t, "./prometheus/rules", prometheus.mounts()["/etc/prometheus/rules"])
	assert.Equal(t, "./prometheus/prometheus.yaml", prometheus.mounts()["/etc/prometheus/prometheus.yaml"])
	assert.Contains(t, prometheus.Command, "--config.file=/etc/prometheus/prometheus.yaml")
	assert.Contains(t, prometheus.Command, "--enable-feature=exemplar-storage")

	listens := map[string]bool{"otelcol:8888": true} // the default of HEARTWOOD_TELEMETRY_PORT
	for name, s := range c.Services {
		for _, value := range s.Environment {
			if port, ok := strings.CutPrefix(value, "0.0.0.0:"); ok {
				listens[name+":"+port] = true
			}
		}
		for _, argument := range s.Command {
			if _, port, ok := strings.Cut(argument, "-listen=0.0.0.0:"); ok {
				listens[name+":"+port] = true
			}
		}
	}
	jobs := map[string]bool{}
	for _, s := range config.ScrapeConfigs {
		jobs[s.Job] = s.KeepJob
		for _, of := range s.Targets {
			for _, target := range of.Targets {
				assert.True(t, listens[target], "nothing listens at %s", target)
			}
		}
	}
	assert.Equal(t, map[string]bool{"heartwood": true, "otelcol-heartwood": false, "shop": false}, jobs)
}

// Grafana finds its sources and dashboards, and links lead to a dashboard that is there,
// with variables that it has.
func TestGrafanaIsProvisioned(t *testing.T) {
	c := readCompose(t)
	var sources struct {
		Sources []struct {
			UID, Type, URL string
			Data           struct {
				Exemplars []struct{ Name, URL string } `yaml:"exemplarTraceIdDestinations"`
				Derived   []struct {
					Name, URL string
					Type      string `yaml:"matcherType"`
					Regex     string `yaml:"matcherRegex"`
				} `yaml:"derivedFields"`
			} `yaml:"jsonData"`
		} `yaml:"datasources"`
	}
	read(t, "grafana/provisioning/datasources/heartwood.yaml", &sources)
	kinds, links := map[string]bool{}, map[string]string{}
	for _, s := range sources.Sources {
		kinds[s.Type] = true
		at, err := url.Parse(s.URL)
		require.NoError(t, err)
		assert.Contains(t, c.Services, at.Hostname(), s.UID)
		for _, e := range s.Data.Exemplars {
			links[s.Type+" "+e.Name] = e.URL
		}
		for _, d := range s.Data.Derived {
			assert.Equal(t, "label", d.Type)
			links[s.Type+" "+d.Regex] = d.URL
		}
	}
	assert.Equal(t, map[string]bool{"prometheus": true, "loki": true}, kinds)
	const to = "/d/heartwood-request/request?var-"
	assert.Equal(t, map[string]string{
		"prometheus trace_id": to + "trace=$${__value.raw}&$${__url_time_range}",
		"loki trace_id":       to + "trace=$${__value.raw}&$${__url_time_range}",
		"loki request_id":     to + "request=$${__value.raw}&$${__url_time_range}",
	}, links)
	var request struct {
		UID        string
		Templating struct{ List []struct{ Name string } }
	}
	read(t, "grafana/dashboards/heartwood-request.json", &request) // JSON is YAML
	assert.Equal(t, "heartwood-request", request.UID)
	var names []string
	for _, v := range request.Templating.List {
		names = append(names, v.Name)
	}
	assert.Subset(t, names, []string{"trace", "request"})

	var providers struct {
		Providers []struct {
			Options struct{ Path string }
		}
	}
	read(t, "grafana/provisioning/dashboards/heartwood.yaml", &providers)
	require.Len(t, providers.Providers, 1)
	mounts := c.Services["grafana"].mounts()
	assert.Equal(t, "./grafana/dashboards", mounts[providers.Providers[0].Options.Path])
	assert.Equal(t, "./grafana/provisioning", mounts["/etc/grafana/provisioning"])
}

// The labels of lines in Loki that metrics have, too; service.name is one by itself.
func TestLokiHasTheLabelsOfMetrics(t *testing.T) {
	var config struct {
		Limits struct {
			Structured bool `yaml:"allow_structured_metadata"`
			OTLP       struct {
				Resource struct {
					Attributes []struct {
						Action     string
						Attributes []string
					} `yaml:"attributes_config"`
				} `yaml:"resource_attributes"`
			} `yaml:"otlp_config"`
		} `yaml:"limits_config"`
	}
	read(t, "loki/loki.yaml", &config)
	assert.True(t, config.Limits.Structured)
	require.Len(t, config.Limits.OTLP.Resource.Attributes, 1)
	assert.Equal(t, "index_label", config.Limits.OTLP.Resource.Attributes[0].Action)
	assert.Equal(t, []string{"host.name", "service.instance.id", "k8s.pod.name"}, config.Limits.OTLP.Resource.Attributes[0].Attributes)
}
