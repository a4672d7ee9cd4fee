// Package logfmtreceiver takes logfmt lines over tcp, udp, unix sockets and http,
// with or without syslog headers, and Heroku's Logplex drains, and makes
// OpenTelemetry log records of them.
//
// What it answers for: http says success only when the next consumer accepted;
// tcp and unix stop reading while it does not; udp counts what had to be dropped.
// Every record read is accepted, refused to a sender that was told so, a repeat, or
// dropped for one of the reasons of a closed list, and counted as that.
package logfmtreceiver

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
