// Ratios runs the side-by-side measurements of docs/performance.md with short settings,
// and prints all ratios as one JSON document: what was run, ours, upstream's, the ratio,
// the aim, and whether it is met.
//
//	make bench-json
//
// Short runs on a busy machine differ from the figures of docs/performance.md, which are
// medians of longer ones.
package main
