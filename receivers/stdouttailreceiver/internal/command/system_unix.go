//go:build unix

package command

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const hasGroups = true

func terminateGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGTERM) }

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }

func signalName(s *os.ProcessState) string {
	status, ok := s.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() < 0 {
		return ""
	}
	if name := unix.SignalName(status.Signal()); name != "" {
		return name
	}
	return "signal " + strconv.Itoa(int(status.Signal()))
}

// systemAttributes are those of the new process, and the variables that a user's
// programs expect.
func systemAttributes(userName string) (*syscall.SysProcAttr, []string, error) {
	a := &syscall.SysProcAttr{Setpgid: true}
	setDeathSignal(a)
	if userName == "" {
		return a, nil, nil
	}
	credential, env, err := lookUp(userName)
	if err != nil {
		return nil, nil, fmt.Errorf("user %q: %w", userName, err)
	}
	if uid := os.Geteuid(); uid != 0 {
		if int(credential.Uid) == uid && (int(credential.Gid) == os.Getegid()) {
			return a, env, nil
		}
		return nil, nil, fmt.Errorf("user %q: only root can start a program as another user, and this process is user %d: leave user out, or run it as root", userName, uid)
	}
	a.Credential = credential
	return a, env, nil
}

// lookUp reads name, name:group, or numbers in place of either.
func lookUp(s string) (*syscall.Credential, []string, error) {
	name, group, hasGroup := strings.Cut(s, ":")
	c := &syscall.Credential{}
	var env []string
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			u = nil
		}
	}
	switch {
	case u != nil:
		if c.Uid, err = number(u.Uid); err != nil {
			return nil, nil, err
		}
		if c.Gid, err = number(u.Gid); err != nil {
			return nil, nil, err
		}
		ids, err := u.GroupIds()
		if err != nil {
			return nil, nil, err
		}
		for _, id := range ids {
			if n, err := number(id); err == nil {
				c.Groups = append(c.Groups, n)
			}
		}
		env = []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}
	case !hasGroup:
		return nil, nil, errors.New("there is no such user: give a name that the system knows, or numbers as uid:gid")
	default:
		if c.Uid, err = number(name); err != nil {
			return nil, nil, errors.New("there is no such user")
		}
	}
	if !hasGroup {
		return c, env, nil
	}
	if g, err := user.LookupGroup(group); err == nil {
		group = g.Gid
	}
	if c.Gid, err = number(group); err != nil {
		return nil, nil, fmt.Errorf("there is no group %q", group)
	}
	return c, env, nil
}

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}
