// Package measureconnector makes metrics of what logs say, and lets the logs go on.
//
// What it answers for: nil is returned after the next consumer of logs has returned nil,
// and a record is counted then, once. Records are not changed, and none is dropped. What
// it has counted is in memory: cumulative series begin anew after a restart, delta series
// lose what was not sent on.
package measureconnector

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
