// Package pdataslab builds log records, maps and values of pdata out of slabs.
//
// pdata allocates each value of each attribute by itself, fifteen and more for a
// record, which costs as much as reading the line. Slabs give many records' values,
// attributes and the records themselves out of few allocations. What pdata's own
// functions do with them is what they do with memory of their own: a record's
// attributes have no capacity that is also another's, so that what is appended goes
// elsewhere, and no two values share memory.
//
// pdata offers no way to do so, hence the mirrors of its unexported types in layout.go,
// which are compared with the real ones when the program starts; where they differ,
// and in tests, pdata's functions build what is to be built. docs/adr/002 has what
// that brings.
package pdataslab
