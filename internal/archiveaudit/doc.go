// Package archiveaudit reads an archive as somebody who trusts nothing in it but the root
// key: it verifies an archive as a whole, proves single lines of it, searches it, and
// gives its lines back. docs/format/archive.md says what is found and what can't be.
//
// It reads through an [objectstore.Reader] and never writes there. What it reads may come
// from whoever can write to the bucket: an error says what is wrong where, and nothing
// takes more memory than a fixed number of objects and what a manifest says of them.
package archiveaudit
