//go:build unix && !linux

package harness

import "syscall"

// childAttributes puts a child into a group of its own, so that its children
// can be killed with it. Only Linux can tie its life to that of the test.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// awaitEnd says that it can't wait: these systems share no way of waiting
// without reaping. What a program that ends by itself leaves behind in its
// group isn't ended here.
func awaitEnd(int) bool { return false }
