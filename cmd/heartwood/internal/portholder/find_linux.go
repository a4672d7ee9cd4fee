package portholder

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// Find tells who listens on port, from what Linux shows in /proc. It looks at
// every process that the caller may look at, which takes some milliseconds.
func Find(port int) Holder { return find("/proc", port) }

func find(proc string, port int) Holder {
	inode, uid := "", -1
	for _, table := range []string{"tcp", "tcp6"} {
		file, err := os.Open(filepath.Join(proc, "net", table))
		if err != nil {
			continue // no IPv6, or no /proc at all
		}
		inode, uid = listener(file, port)
		_ = file.Close()
		if inode != "" {
			break
		}
	}
	if inode == "" {
		return Holder{UID: uid}
	}
	pid := owner(proc, "socket:["+inode+"]")
	return Holder{PID: pid, Command: command(proc, pid), UID: uid}
}

// listener reads a table as described in proc_net_tcp (Linux kernel
// documentation): the second column is the local address as ADDR:PORT in
// hexadecimal, the fourth the state (0A is LISTEN), the eighth the uid, the
// tenth the socket's inode.
func listener(table io.Reader, port int) (inode string, uid int) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		columns := strings.Fields(lines.Text())
		if len(columns) < 10 || columns[3] != "0A" {
			continue
		}
		_, hexPort, _ := strings.Cut(columns[1], ":")
		if n, err := strconv.ParseUint(hexPort, 16, 16); err != nil || int(n) != port {
			continue
		}
		uid, err := strconv.Atoi(columns[7])
		if err != nil {
			uid = -1
		}
		return columns[9], uid
	}
	return "", -1
}

func owner(proc, socket string) (pid int) {
	processes, err := os.ReadDir(proc)
	if err != nil {
		return 0
	}
	for _, process := range processes {
		pid, err := strconv.Atoi(process.Name())
		if err != nil {
			continue
		}
		descriptors, err := os.ReadDir(filepath.Join(proc, process.Name(), "fd"))
		if err != nil {
			continue // gone, or somebody else's
		}
		for _, descriptor := range descriptors {
			target, err := os.Readlink(filepath.Join(proc, process.Name(), "fd", descriptor.Name()))
			if err == nil && target == socket {
				return pid
			}
		}
	}
	return 0
}

// maxCommand is about what fits on a line of a terminal beside the rest.
const maxCommand = 60

func command(proc string, pid int) string {
	if pid == 0 {
		return ""
	}
	arguments, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return ""
	}
	text := strings.Map(func(r rune) rune {
		if r == 0 || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.TrimRight(string(arguments), "\x00"))
	if runes := []rune(text); len(runes) > maxCommand {
		text = string(runes[:maxCommand-1]) + "…"
	}
	return text
}
