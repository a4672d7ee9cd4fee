// Package archive is the form of an archive, apart from where it is kept and who writes
// or reads it: keys, data objects, leaf hashes and the tree over them, manifests,
// filters, checkpoints and the file of writers. docs/format/archive.md describes them.
//
// It makes no calls and has no clock. What it parses may come from a stranger: an error
// says what is wrong where, and nothing takes more memory than the input's size allows.
package archive
