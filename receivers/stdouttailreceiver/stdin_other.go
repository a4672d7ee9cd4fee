//go:build !unix

package stdouttailreceiver

import "os"

// fileReader ends a read by closing the file.
type fileReader struct{ *os.File }

func newInterruptible(file *os.File) (interruptible, error) { return fileReader{file}, nil }

func (r fileReader) interrupt() { _ = r.File.Close() }

// Close was done by interrupt.
func (fileReader) Close() error { return nil }
