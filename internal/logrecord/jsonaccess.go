package logrecord

import (
	"strings"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

// putAccess gives what a line of Caddy's access log says the names of the semantic
// conventions for HTTP; it takes the members that these are made of, and leaves the
// others where they are.
//
// Source: https://caddyserver.com/docs/logging#structured-logs
func (b *Batch) putAccess() {
	request, status := b.topMember("request"), b.topMember("status")
	if request < 0 || status < 0 || b.pairs[request].Kind != linepair.Object || b.pairs[status].Kind != linepair.Int {
		return
	}
	method, uri := b.member(request, "method"), b.member(request, "uri")
	if method < 0 || uri < 0 || b.pairs[method].Kind != linepair.String || b.pairs[uri].Kind != linepair.String {
		return
	}
	if name := "log.category"; !b.hasKey(name) {
		b.out.AppendString(b.own(name), "access")
	}
	b.putAs("http.request.method", method)
	if p := &b.pairs[uri]; p.Value != "" && p.Flags&flagTaken == 0 && !b.hasKey("url.path") && !b.hasKey("url.query") {
		path, query, ok := strings.Cut(keep(p, p.Value), "?")
		b.out.AppendString(b.own("url.path"), path)
		if ok {
			b.out.AppendString(b.own("url.query"), query)
		}
		p.Flags |= flagTaken
	}
	if i := b.member(request, "proto"); i >= 0 && strings.HasPrefix(b.pairs[i].Value, "HTTP/") && !b.hasKey("network.protocol.version") {
		p := &b.pairs[i]
		b.out.AppendString(b.own("network.protocol.version"), keep(p, p.Value)[len("HTTP/"):])
		p.Flags |= flagTaken
	}
	b.putAs("http.response.status_code", status)
	b.putAs("http.response.body.size", b.topMember("size"))
	b.putAs("http.request.body.size", b.topMember("bytes_read"))
	b.putAs("http.server.request.duration", b.topMember("duration"))
	client, peer := b.member(request, "client_ip"), b.member(request, "remote_ip")
	if client < 0 {
		client, peer = peer, -1
	}
	b.putAs("client.address", client)
	b.putAs("network.peer.address", peer)
	b.putAs("server.address", b.member(request, "host"))
	if headers := b.member(request, "headers"); headers >= 0 && b.pairs[headers].Kind == linepair.Object {
		// A list, nearly always of one.
		agents := b.member(headers, "User-Agent")
		if agents >= 0 && b.pairs[agents].Kind == linepair.Array && b.pairs[agents].Size() == 1 && b.pairs[agents+1].Kind == linepair.String && !b.hasKey("user_agent.original") {
			p := &b.pairs[agents+1]
			b.out.AppendString(b.own("user_agent.original"), keep(p, p.Value))
			b.pairs[agents].Flags |= flagTaken
		}
	}
}

// putAs sets the attribute to what the pair at i holds, and takes it; -1 is none.
func (b *Batch) putAs(name string, i int) {
	if i < 0 || b.pairs[i].Flags&flagTaken != 0 || b.pairs[i].Kind == linepair.Null || b.hasKey(name) {
		return
	}
	b.putJSON(b.own(name), i)
	b.pairs[i].Flags |= flagTaken
}

// topMember is the index of a member of the line, or -1.
func (b *Batch) topMember(key string) int {
	for i := 0; i < len(b.pairs); i += 1 + b.pairs[i].Size() {
		if b.pairs[i].Key == key {
			return i
		}
	}
	return -1
}
