// Package folding measures event_fold beside upstream's groupbytrace processor, which
// holds the spans of a trace until it is over, in memory.
package folding
