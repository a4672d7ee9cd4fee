//go:build !unix

package child

import (
	"os"
	"os/signal"
)

// Notify gives the signals that are the program's.
func Notify(to chan<- os.Signal) { signal.Notify(to, os.Interrupt) }

// Forward does nothing: the console has told the program as well as us.
func (*Child) Forward(os.Signal) {}

func status(state *os.ProcessState) int { return state.ExitCode() }

func endOfTerminal(error) bool { return false }
