// Package spool measures internal/spool beside exporterhelper's persistent queue on
// file_storage, both with fsync.
package spool
