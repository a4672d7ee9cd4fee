//go:build !unix

package stdouttailreceiver

import "os"

var passedOn []os.Signal
