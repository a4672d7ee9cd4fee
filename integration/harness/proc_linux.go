package harness

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Listener is a socket on which a process waits for others.
type Listener struct {
	Network string // tcp or udp
	Addr    netip.AddrPort
	Unread  int // udp: bytes that have come and haven't been read, with what the kernel adds to each datagram
	Drops   int // udp: datagrams that the kernel threw away because nobody had read them in time
}

func (l Listener) String() string { return l.Network + " " + l.Addr.String() }

// Listeners are the TCP and UDP sockets on which the process waits, as the
// kernel has them. UDP sockets that are connected to a peer aren't listed.
func (p *Process) Listeners(tb testing.TB) []Listener {
	tb.Helper()
	inodes, err := socketInodes(p.pid)
	if err != nil {
		tb.Fatalf("find the sockets of %s: %v", p.cmd.Name, err)
	}
	var listeners []Listener
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		path := fmt.Sprintf("/proc/%d/net/%s", p.pid, table)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			tb.Fatal(err)
		}
		found, err := parseSocketTable(strings.TrimSuffix(table, "6"), string(text), inodes)
		if err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		listeners = append(listeners, found...)
	}
	return listeners
}

func socketInodes(pid int) (map[string]bool, error) {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	inodes := make(map[string]bool)
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(folder, entry.Name()))
		if err != nil {
			continue // closed since
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes, nil
}

// States of sockets in /proc/net, as in the kernel's include/net/tcp_states.h.
const (
	stateListen      = "0A"
	stateUnconnected = "07"
)

// parseSocketTable reads /proc/net/tcp and its kin (proc_net_tcp.txt in the
// kernel's documentation).
func parseSocketTable(network, table string, inodes map[string]bool) ([]Listener, error) {
	var listeners []Listener
	for line := range strings.Lines(table) {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[0] == "sl" || !inodes[fields[9]] {
			continue
		}
		if state := fields[3]; network == "tcp" && state != stateListen || network == "udp" && state != stateUnconnected {
			continue
		}
		addr, err := parseKernelAddr(fields[1])
		if err != nil {
			return nil, err
		}
		l := Listener{Network: network, Addr: addr}
		if network == "udp" && len(fields) > 12 {
			_, unread, _ := strings.Cut(fields[4], ":")
			n, err := strconv.ParseInt(unread, 16, 64)
			if err != nil {
				return nil, fmt.Errorf("rx_queue: %w", err)
			}
			l.Unread = int(n)
			if l.Drops, err = strconv.Atoi(fields[12]); err != nil {
				return nil, fmt.Errorf("drops: %w", err)
			}
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// parseKernelAddr reads an address as the kernel prints it: words of 32 bits,
// each in the machine's byte order, which is little-endian on all that this is
// run on, then the port.
func parseKernelAddr(text string) (netip.AddrPort, error) {
	host, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil || !ok || len(raw)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	for i := 0; i < len(raw); i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is no address: %w", text, err)
	}
	return netip.AddrPortFrom(addr, uint16(number)), nil
}

// Memory is the process's resident memory in bytes: now, and at its highest.
func (p *Process) Memory(tb testing.TB) (now, peak int64) {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		tb.Fatal(err)
	}
	read := func(key string) int64 {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, key+":"); ok {
				kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
				if err != nil {
					tb.Fatalf("%s: %v", key, err)
				}
				return kib << 10
			}
		}
		tb.Fatalf("%s says nothing of its %s", p.cmd.Name, key)
		return 0
	}
	return read("VmRSS"), read("VmHWM")
}

// Descendants are the processes that this one has started, and that those have
// started, by their numbers.
func (p *Process) Descendants(tb testing.TB) []int {
	tb.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		tb.Fatal(err)
	}
	children := make(map[int][]int)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if _, parent, ok := readStat(pid); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	found := children[p.pid]
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found
}

// Alive says whether there's a process of this number that hasn't ended. One
// that has ended and whose parent hasn't asked for its status yet counts as
// gone.
func Alive(pid int) bool {
	state, _, ok := readStat(pid)
	return ok && state != "Z" && state != "X"
}

// readStat reads /proc/<pid>/stat (man proc_pid_stat).
func readStat(pid int) (state string, parent int, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, false
	}
	// The name, in parentheses, may hold anything, parentheses included.
	_, err = fmt.Sscan(string(text[strings.LastIndexByte(string(text), ')')+1:]), &state, &parent)
	return state, parent, err == nil
}
