// Package spool keeps records on disk until they are acknowledged: a log of segments
// with checksums, one fsync for many callers, acknowledgement record by record in any
// order. docs/format/spool.md describes the files, and what survives which damage.
//
//	Enqueue ──► pending ──write, fsync──► durable ──Reader──► (the caller) ──Ack──► gone
//	                │                        │
//	              Ticket ──── Wait ──────────┘
//
// What is durable when: Ticket.Wait returned nil. What is never seen again: a record
// whose acknowledgement's Ticket.Wait returned nil. Between the two, after a crash, a
// record is there, and one that was being acknowledged may be.
package spool
