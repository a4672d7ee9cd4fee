//go:build !unix

package main

import "errors"

var errLocked = errors.New("locked by another process")

// lock does nothing here; two quickstarts in one directory would disturb each other.
func lock(string) (unlock func(), err error) { return func() {}, nil }
