// Package configlint reads a collector configuration and says where secrets would be
// kept or sent before they are redacted, where records that a sender was told are safe
// can be lost, and where a component looks for names that another has changed.
//
// Load gives a Config, merged and expanded as the Collector does it, Check a Report.
// Check reads no file, no environment and no clock. The rules are one table, Rules;
// docs/lint.md has a section for each.
//
// # How redaction is followed
//
// Pipelines are the nodes of a graph, connectors its edges:
//
//	otlp ─► logs: request_id, event_fold ─► forward ─► logs/clean: redact ─► otlp_http
//	                                    └─► measure ─► metrics:            ─► prometheus
//
// A pipeline is raw when a receiver feeds it, or a connector that is an exporter of a
// raw pipeline without redact. In a raw pipeline, what stands before redact sees records
// as they came: in the picture the journal of event_fold, measure, and prometheus.
package configlint
