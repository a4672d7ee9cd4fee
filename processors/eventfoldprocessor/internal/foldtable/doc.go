// Package foldtable holds the events that are open, and remembers those that have
// ended: which event a record belongs to, when an event ends, which record is a
// repeat. It knows nothing of what records mean; they are bytes here.
//
//	          Place, Insert                    Take            Done
//	record ──────────────► open event ──────► ready ──────► delivering ──────► gone
//	                           │ end: by a part, a limit, Tick, EndOldest, EndAll
//	                           ▼
//	                       remembered, for RepeatWindow from the end on
//
// An event's parts are one slice of bytes, so that a million open events are a
// million pointers to the garbage collector and not a hundred million.
//
// A Table is one shard: it is for one goroutine at a time, and the caller's lock
// guards it. Times are nanoseconds of a clock that does not go back.
package foldtable
