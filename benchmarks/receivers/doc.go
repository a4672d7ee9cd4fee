// Command receivers measures how many log lines a receiver takes, from its
// socket or file to the next component, per second of processor time: the
// logfmt receiver beside the Collector's own ways of reading the same lines.
//
//	go -C benchmarks run ./receivers
//
// Every measurement is made in a process of its own, whose processor time, the
// garbage collector's included, and highest resident memory the kernel counts.
// What sends the lines is another process and isn't counted. The contenders
// take turns, several rounds long, and the medians are shown: ratios of one run
// say something, seconds of two machines don't.
//
// The first tenth of the lines warms up and isn't counted. The consumer counts
// all records and sums up the lengths, types and numbers of all attributes, and
// compares every 256th record with its line in full, so that losing lines, or
// parsing them wrongly, ends in an error and not in a good figure.
package main
