// Package archiver is the engine of the worm_s3 exporter: it takes encoded records, keeps
// them on disk, makes objects of them, puts these into a bucket, and keeps the signed log
// of what it put. It knows nothing of the Collector. docs/format/archive.md has the form
// of what it writes, "The state on disk" and "Life of a record" what it does.
//
//	Accept ─► queue ─► open objects ─► sealed ─► uploaded ─► manifest ─► checkpoint
//	         (spool)      │               │          │           │            │
//	                  objects/<n>.*    journal    journal     journal      journal: head
//
// Who does what: callers of Accept write to the queue; one goroutine, the pump, reads it,
// fills and seals objects and ends intervals; uploaders put sealed objects; the committer
// puts what an interval's end needs, and moves the log's head.
//
// What holds after a crash at any place:
//   - What is not in the journal was not sealed: its files are thrown away, and its records
//     are read from the queue again. What is there is not read again.
//   - Nothing is put before the journal has its key, and a put that comes again has the
//     same bytes under the same key.
//   - Leaves have their numbers when the journal has them: an object's when it is sealed, a
//     manifest's when its interval ends.
//   - The log's head moves when the checkpoint is in the bucket, and with it goes what the
//     journal had of the interval.
package archiver
