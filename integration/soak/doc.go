// Package soak holds the whole pipeline, an agent and a gateway of the built binary with
// all inputs and all three outputs, to what it promises while servers die, disks fill,
// senders flood it and hours pass. docs/reliability.md says what is run and what came out.
//
// Each scenario is one test. HEARTWOOD_SOAK=full is its full form (make soak); without it
// a test is short enough for CI.
package soak
