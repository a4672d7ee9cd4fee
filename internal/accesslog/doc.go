// Package accesslog takes apart the access logs of web servers and proxies, and
// names what it finds by OpenTelemetry's semantic conventions for HTTP.
//
// README.md lists the formats and the names. The package knows nothing of the
// Collector.
package accesslog
