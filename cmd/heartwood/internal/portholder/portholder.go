// Package portholder finds out which process listens on a TCP port of this
// machine.
package portholder

import "fmt"

// Holder is the process that listens on a port, as far as could be found out.
type Holder struct {
	PID     int    // 0: not found, usually because it belongs to another user
	Command string // its command line, shortened; "" with PID 0
	UID     int    // the user it belongs to; -1: not known
}

// String names the holder for a person.
func (h Holder) String() string {
	switch {
	case h.PID != 0 && h.Command != "":
		return fmt.Sprintf("process %d (%s)", h.PID, h.Command)
	case h.PID != 0:
		return fmt.Sprintf("process %d", h.PID)
	case h.UID >= 0:
		return fmt.Sprintf("a process of the user with the id %d", h.UID)
	}
	return "another process"
}
