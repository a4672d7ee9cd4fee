// Package command runs a program and hands on what it writes: stdout and stderr
// as two readers, each exit as an Exit, and starts it again as its policy says.
//
//	Start ──► running ──exit──► group told to end ──► output read to its end
//	             ▲                                             │
//	             │                                          Exited
//	             └── back-off ◄── policy: again ◄──────────────┤
//	                                                           └─► Done
//
// # Back-pressure
//
// Nothing is kept between the program and the reader but the kernel's pipe. A
// reader that does not read makes the program wait in its next write.
//
// # Processes
//
// The program leads a process group of its own. Stop sends the group SIGTERM and,
// when the grace time is over, SIGKILL. When the program itself ends, what it has
// left in its group is ended in the same way (systems other than Linux give it no
// grace time then). What has left the group (setsid) may
// go on and hold the pipes: its output is read for two seconds more, and then
// given up, which the Exit says. On Linux the program is killed when this process
// ends without a chance to stop it (PR_SET_PDEATHSIG); that does not reach what it
// has started itself. Windows has no groups and no SIGTERM: only the program is
// ended, at once.
package command
