package corpus

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Keys under which an invalid value is no secret either.
var (
	ipv4Keys = []string{"ip", "client_ip", "clientIp", "remote_addr", "peer", "host", "net.peer.ip", "source.address"}
	ipv6Keys = []string{"ip", "client_ip", "remoteAddr", "peer", "address", "net.peer.ip"}
	macKeys  = []string{"mac", "mac_address", "macAddress", "hwaddr", "device.id"}
)

var network = map[string]detector{
	"ipv4": {
		value: unkeyed(ipv4),
		keys:  ipv4Keys,
		phrases: []string{
			"connection from %{ipv4} closed",
			"dial tcp %{ipv4}:5432: connect: connection refused",
			"X-Forwarded-For: %{ipv4}, %{ipv4}",
			"peer %{ipv4}.",
			"route %{ipv4}/16 added",
			"Failed publickey for root from %{ipv4} port %{count} ssh2",
			"upstream (%{ipv4}) timed out",
			"http://%{ipv4}:8080/healthz returned %{status}",
			"kube-dns=%{ipv4};node=%{pod}",
		},
		misses: []lookalike{
			{kind: "longer version", keys: ipv4Keys, value: func(g *Generator) string { return quad(g, 5) }},
			{kind: "prefixed version", keys: ipv4Keys, value: func(g *Generator) string { return "v" + quad(g, 4) }},
			{kind: "shorter version", keys: ipv4Keys, value: words["semver"]},
			{kind: "octet above 255", keys: ipv4Keys, value: func(g *Generator) string { return fmt.Sprintf("%d.1.2.%d", g.between(256, 999), g.between(0, 99)) }},
			{kind: "product version", phrase: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1%{small}.0.0.0 Safari/537.36"},
			{kind: "object identifier", value: func(g *Generator) string { return "1.3.6.1.4.1." + strconv.Itoa(g.between(100, 9999)) }},
		},
	},
	"ipv6": {
		value: unkeyed(ipv6),
		keys:  ipv6Keys,
		phrases: []string{
			"connection from %{ipv6} closed",
			"dial tcp [%{ipv6}]:443: i/o timeout",
			"neighbour %{ipv6} is unreachable",
			"upstream (%{ipv6}) timed out",
			"route to %{ipv6} changed",
			"http://[%{ipv6}]:8080/healthz returned %{status}",
			"listen addr=%{ipv6}, port 80",
		},
		misses: []lookalike{
			{kind: "ratio", phrase: "split 10:20:30 applied"},
			{kind: "clock", phrase: "started 12:34:56 ended 12:35:10"},
			{kind: "scope", phrase: "terminate called in std::vector<Order>::at"},
			{kind: "module path", phrase: "thread panicked at tokio::runtime::park"},
			{kind: "seven groups", keys: ipv6Keys, value: func(g *Generator) string { return hextets(g, 7) }},
			{kind: "nine groups", keys: ipv6Keys, value: func(g *Generator) string { return hextets(g, 9) }},
			{kind: "resource name", phrase: "arn:aws:iam::%{account}:role/%{noun}"},
			{kind: "fingerprint", keys: ipv6Keys, value: func(g *Generator) string { return pairs(g, 16, ":") }},
		},
	},
	"mac_address": {
		value: unkeyed(mac),
		keys:  macKeys,
		phrases: []string{
			"DHCPDISCOVER from %{mac_address} via eth0",
			"station %{mac_address} associated",
			"link/ether %{mac_address} brd",
			"port 4 learned %{mac_address}.",
			"MAC (%{mac_address}) flapping between ports",
		},
		misses: []lookalike{
			{kind: "five pairs", keys: macKeys, value: func(g *Generator) string { return pairs(g, 5, ":") }},
			{kind: "fingerprint", keys: macKeys, value: func(g *Generator) string { return pairs(g, 20, ":") }},
			{kind: "clock", phrase: "from 01:02:03 to 04:05:06"},
			{kind: "not hexadecimal", keys: macKeys, value: func(g *Generator) string { return pairs(g, 5, ":") + ":zz" }},
			{kind: "uuid", keys: macKeys, value: (*Generator).uuid},
		},
	},
}

func quad(g *Generator, parts int) string {
	numbers := make([]string, parts)
	for i := range numbers {
		numbers[i] = strconv.Itoa(g.between(0, 30))
	}
	return strings.Join(numbers, ".")
}

func ipv4(g *Generator) string {
	octet := func() int { return g.between(0, 255) }
	return pick(g,
		fmt.Sprintf("10.%d.%d.%d", octet(), octet(), octet()),
		fmt.Sprintf("192.168.%d.%d", octet(), octet()),
		fmt.Sprintf("172.%d.%d.%d", g.between(16, 31), octet(), octet()),
		fmt.Sprintf("203.0.113.%d", octet()),
		fmt.Sprintf("%d.%d.%d.%d", g.between(1, 223), octet(), octet(), octet()),
		"127.0.0.1")
}

func hextets(g *Generator, n int) string {
	groups := make([]string, n)
	for i := range groups {
		groups[i] = fmt.Sprintf("%x", g.between(0x100, 0xffff))
	}
	return strings.Join(groups, ":")
}

func ipv6(g *Generator) string {
	prefix := [2]byte{0x20, byte(g.between(1, 0x20))}
	raw := [16]byte(append(prefix[:], g.bytes(14)...))
	full := netip.AddrFrom16(raw)
	clear(raw[4 : 8+g.between(0, 7)])
	short := netip.AddrFrom16(raw)
	local := netip.AddrFrom16([16]byte(append([]byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0}, g.bytes(8)...)))
	v4 := ipv4(g)
	return pick(g, full.String(), short.String(), short.String(), strings.ToUpper(short.String()), full.StringExpanded(),
		local.String(), local.String()+"%eth0", "::1", "::ffff:"+v4)
}

func pairs(g *Generator, n int, separator string) string {
	groups := make([]string, n)
	for i := range groups {
		groups[i] = g.chars(hexDigit, 2)
	}
	return strings.Join(groups, separator)
}

func mac(g *Generator) string {
	colons := pairs(g, 6, ":")
	return pick(g, colons, colons, strings.ToUpper(colons), pairs(g, 6, "-"), strings.ToUpper(pairs(g, 6, "-")),
		cut(g.chars(hexDigit, 12), ".", []int{4, 4, 4}))
}
