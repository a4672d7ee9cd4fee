//go:build unix

package stdouttailreceiver

import (
	"os"

	"golang.org/x/sys/unix"
)

// passedOn are the signals that mean nothing to the collector itself. SIGHUP is not
// one of them: the collector loads its configuration again.
var passedOn = []os.Signal{unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH}
