// Package viewerexporter keeps the latest logs, spans and metrics in a store of its own,
// bounded in bytes and age, and serves a page to look at them, with the API of openapi.yaml.
//
// What it answers for: no pipeline ever waits for it or fails by it. What the store can't take
// is left out, counted, and said on the page.
//
//	Consume ─► record.Record ─► internal/store ◄─┐
//	metrics ─────────────────► internal/metricstore ◄─┤ api ◄─ guard ◄─ confighttp
//	the Collector's own metrics ◄────────── health ◄─┘
package viewerexporter

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
