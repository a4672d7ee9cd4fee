// Command receivers measures how many log lines a receiver takes, from its
// socket or file to the next component, per second of processor time: Heartwood's
// receivers beside the Collector's own ways of reading the same lines.
//
//	go -C benchmarks run ./receivers
//	go -C benchmarks run ./receivers -workload json -count 7
//
// The workloads are
//
//   - logfmt: logfmt lines over TCP, and from a file for file_log
//   - plain: text without any layout, from a file
//   - json: JSON objects, from a file
//   - cri: the same objects as containerd writes them, in a pod's file
//   - docker: the same as Docker's json-file driver writes them
//   - idle: 2,000 files that nobody writes to, watched for 20 seconds
//
// all of them but the last by default. Of a workload in files, all contenders read
// the same file, from its beginning, and keep no checkpoints.
//
// Every measurement is made in a process of its own, whose processor time, the
// garbage collector's included, and highest resident memory the kernel counts.
// What sends the lines is another process and isn't counted. The contenders
// take turns, several rounds long, and the medians are shown: ratios of one run
// say something, seconds of two machines don't.
//
// The first tenth of the lines warms up and isn't counted, and neither is the last
// twentieth, behind which some receivers wait for more. The consumer counts
// all records and sums up the lengths, types and numbers of all attributes, and
// compares every 256th record with its line in full, so that losing lines, or
// parsing them wrongly, ends in an error and not in a good figure.
package main
