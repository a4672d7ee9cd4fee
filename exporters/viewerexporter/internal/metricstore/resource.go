package metricstore

import (
	"slices"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheusremotewrite"
	"github.com/prometheus/prometheus/prompb"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// promoted are the attributes of a resource that are labels of its series, too, as with Prometheus'
// promote_resource_attributes: with them a series and the lines of the same service or pod are found together.
var promoted = []string{
	"service.name", "service.instance.id", "service.namespace", "host.name", "k8s.pod.name", "k8s.namespace.name",
	"k8s.node.name", "k8s.container.name", "deployment.environment.name",
}

// ofResource says which labels are a resource's, of whatever form.
var ofResource = func() map[string]bool {
	out := map[string]bool{"job": true, "instance": true}
	for _, name := range promoted {
		out[labelOf(name)] = true
	}
	return out
}()

func labelOf(attribute string) string { return strings.ReplaceAll(attribute, ".", "_") }

// promotedLabels are a resource's.
func promotedLabels(resource pcommon.Resource) (out []prompb.Label) {
	for _, name := range promoted {
		if v, ok := resource.Attributes().Get(name); ok && v.AsString() != "" {
			out = append(out, prompb.Label{Name: labelOf(name), Value: v.AsString()})
		}
	}
	return out
}

// translate gives the series of metrics. Resources are translated one by one, since of a series nobody can tell
// any more whose it was.
func translate(metrics pmetric.Metrics) (out []*prompb.TimeSeries, err error) {
	all := metrics.ResourceMetrics()
	for i := range all.Len() {
		one := metrics
		if all.Len() > 1 {
			one = pmetric.NewMetrics()
			all.At(i).CopyTo(one.ResourceMetrics().AppendEmpty())
		}
		series, problem := prometheusremotewrite.FromMetrics(one, translation)
		if err == nil {
			err = problem
		}
		promote := promotedLabels(all.At(i).Resource())
		for _, ts := range series {
			addLabels(ts, promote)
			out = append(out, ts)
		}
	}
	return out, err
}

// addLabels adds those that a series does not have by itself.
func addLabels(ts *prompb.TimeSeries, more []prompb.Label) {
	ts.Labels = slices.Clip(ts.Labels) // series of one point share what they have in common
	for _, label := range more {
		if !slices.ContainsFunc(ts.Labels, func(l prompb.Label) bool { return l.Name == label.Name }) {
			ts.Labels = append(ts.Labels, label)
		}
	}
}
