package corpus

import "strings"

// quiet messages hold no secret.
var quiet = strings.Split(strings.TrimSpace(`
request completed in %{ms}
reconciled deployment %{noun} generation=%{small}
cache hit ratio 0.%{small} over %{count} lookups
order %{order} shipped, total EUR %{price}
starting %{noun} version %{semver} commit %{commit}
GC pause %{ms}, heap %{count}MB
retrying %{noun} in 2.5s (attempt %{small} of 100)
checkpoint complete: wrote %{count} buffers (1.%{small}%); sync=0.%{small} s
Deleted pod: %{pod}
Back-off restarting failed container %{noun} in pod %{pod}
Successfully pulled image "registry.example.com/%{noun}:v%{semver}" in %{ms}
span %{span} of trace %{trace} exported
user %{user} logged out
consumer group %{noun} rebalanced at %{millis}
password reset requested
unexpected token at line %{small}, column %{small}
slow query: SELECT count(*) FROM %{noun} WHERE created_at > '%{date}' took %{ms}
migration %{date}_%{noun}.sql applied
etag %{sha256} not modified
listening on :8080
connected to https://%{host}/%{noun}?page=%{small}&size=%{count}
measure#%{noun}.latency=%{ms} count#%{noun}=%{count}
event %{uuid} acknowledged at %{nanos}
Ratio 10:20:30 applied to %{noun}
Message published, offset=%{count} partition=%{small}
lease %{noun}/%{pod} renewed
arn:aws:lambda:eu-west-1:%{account}:function:%{noun} timed out after 3.00 seconds
pam_unix(sshd:session): session opened for user %{user}(uid=1000) by (uid=0)
[error] 31#31: *%{count} open() "/usr/share/nginx/html/%{noun}.ico" failed (2: No such file or directory)
Cache-Control: max-age=31536000, Content-Length: %{count}
tests passed: %{count}, failed: 0, coverage 8%{small}.1%
token bucket refilled, %{small} tokens
vehicle at 52.0116, 4.3571 heading %{small}
took 1h2m3.004s, ports 8080:80, colour #ff00aa, progress %{small}/100
panic at 0x7fffdeadbeef in frame %{small}
UPDATE %{noun} SET state = 'done', total = %{price} WHERE id = '%{uuid}'
Readiness probe failed: Get "http://%{noun}:8080/healthz": context deadline exceeded
curl -sS -X POST https://%{host}/%{noun} -d '{"id":%{order},"sku":"A-%{count}"}'
host key SHA256:%{digest} accepted
Überprüfung für %{noun} abgeschlossen – 100 % in Ordnung
注文 %{order} を受け付けました
2 of %{small} nodes ready, kubelet v%{semver}
java.lang.NullPointerException: Cannot invoke "String.length()" because "<local1>" is null
`), "\n")

// telling messages hold secrets, each labelled.
var telling = strings.Split(strings.TrimSpace(`
accepted connection from %{ipv4}:%{count}
user %{email} signed in from %{ipv4}
user %{email} changed their address
upstream %{ipv4}:8080 answered %{status}
neighbour %{ipv6} via %{mac_address}
dhcp: %{ipv4} leased to %{mac_address}
order %{order} of %{email} shipped
authenticated %{user} with Bearer %{jwt}
retrying postgres://%{user}:%{url_password}@%{host}/%{noun}
`), "\n")

func (g *Generator) message(busy bool) fragment {
	if busy && g.oneIn(3) {
		return g.expand(pick(g, telling...))
	}
	return g.expand(pick(g, quiet...))
}

// heads begin the lines of programs.
var heads = []string{
	"", "", "",
	"%{rfc3339} %{LEVEL} ",
	"%{time} - app.%{noun} - %{LEVEL} - ",
	"%{time} [main] %{LEVEL}  com.example.%{noun}.Handler - ",
	"%{time} %{LEVEL} [%{noun},%{trace},%{span}] 1 --- [nio-8080-exec-3] c.e.%{noun}.Controller : ",
	"[%{rfc3339}] %{LEVEL}: ",
	"%{rfc3339} stderr F ",
	"Jan 12 10:11:12 web-3 %{noun}[%{count}]: ",
	"<34>1 %{rfc3339} web-3 %{noun} %{count} - - ",
	"%{LEVEL}:%{noun}:",
	"level=%{level} ",
	"2026/01/12 10:11:12 %{noun}.go:%{small}: ",
	"I0112 10:11:12.123456       1 %{noun}.go:%{small}] ",
}

// fields are what stands beside, in logfmt and JSON.
var fields = []struct{ key, value string }{
	{"trace_id", "%{trace}"},
	{"span_id", "%{span}"},
	{"request_id", "%{uuid}"},
	{"order", "%{order}"},
	{"version", "%{semver}"},
	{"commit", "%{commit}"},
	{"duration", "%{ms}"},
	{"status", "%{status}"},
	{"at", "%{level}"},
	{"component", "%{noun}"},
	{"pod", "%{pod}"},
	{"user", "%{user}"},
	{"ts_nanos", "%{nanos}"},
	{"total", "%{price}"},
	{"digest", "%{sha256}"},
	{"count", "%{count}"},
	{"ratio", "10:20:30"},
	{"time", "%{rfc3339}"},
}

// labelled fields are beside the secret of a Sample.
var labelledFields = []struct{ key, value string }{
	{"client", "%{ipv4}"}, {"remote", "%{ipv6}"}, {"customer", "%{email}"}, {"device", "%{mac_address}"},
}

// field is a key with its value.
type field struct {
	key   string
	value fragment
}

func (g *Generator) beside(busy bool) field {
	if busy && g.oneIn(4) {
		f := pick(g, labelledFields...)
		return field{f.key, g.expand(f.value)}
	}
	f := pick(g, fields...)
	return field{f.key, g.expand(f.value)}
}

// amid puts f among up to four other fields, f anywhere.
func (g *Generator) amid(f field, busy bool) []field {
	all := []field{f}
	taken := map[string]bool{f.key: true, "msg": true}
	others := g.between(0, 4)
	if g.oneIn(20) {
		others = 40 // a wide event
	}
	for range others {
		if other := g.beside(busy); !taken[other.key] {
			taken[other.key] = true
			all = append(all, other)
		}
	}
	g.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// client is who asked, in an access line.
func (g *Generator) client(busy bool) fragment {
	if busy {
		return g.expand(pick(g, "%{ipv4}", "%{ipv4}", "%{ipv6}"))
	}
	return g.expand(pick(g, "-", "localhost", "%{noun}-7.internal", "unix:"))
}

// access writes a line of Apache's or nginx's with target as request target or
// referrer.
func (g *Generator) access(target fragment, busy bool) fragment {
	request := join(g.expand(pick(g, "GET ", "POST ", "GET https://%{host}")), target, literal(" HTTP/1.1"))
	referrer := g.expand(pick(g, "-", "-", "https://%{host}/%{noun}"))
	common := g.oneIn(4) // the log format without referrer
	if !common && g.oneIn(4) {
		request, referrer = g.expand("GET /%{noun} HTTP/2.0"), join(g.expand("https://%{host}"), target)
	}
	line := join(g.client(busy), g.expand(pick(g, " - - [", " - %{user} [")), g.expand("%{clf}"), literal(`] "`), request,
		g.expand(`" %{status} %{count}`))
	if common {
		return line
	}
	return join(line, literal(` "`), referrer, g.expand(`" "%{agent}"`), g.expand(pick(g, "", "", ` %{small} 0.0%{small}`, ` "-" rt=0.%{small}`)))
}

// query writes a URL's path and query with f in it.
func (g *Generator) query(f field) fragment {
	pair := join(literal(f.key+"="), f.value)
	path := g.expand(pick(g, "/", "/%{noun}", "/v1/%{noun}/%{uuid}", "/api/%{noun}.php"))
	before := g.expand(pick(g, "?", "?", "?page=%{small}&", "?q=%{noun}&", "?id=%{order}&sort=desc&"))
	after := g.expand(pick(g, "", "", "&page=%{small}", "&format=json", "&limit=%{count}&t=%{millis}"))
	return join(path, before, pair, after)
}

func (g *Generator) url(f field) fragment {
	whole := join(g.expand(pick(g, "https://%{host}", "http://%{noun}:8080", "https://%{noun}.example.com:8443")), g.query(f), literal(pick(g, "", "", "", "#top")))
	before, after := "", ""
	switch g.rnd.IntN(5) {
	case 0:
		before, after = "GET ", " -> %{status} in %{ms}"
	case 1:
		before, after = `curl -sS "`, `" -o /dev/null`
	case 2:
		before, after = "fetch '", "' failed"
	case 3:
		before, after = "redirect to <", ">"
	}
	return join(g.expand(before), whole, g.expand(after))
}

// stack is what follows an exception's message.
var stacks = []string{
	"\n\tat com.example.%{noun}.Service.handle(Service.java:%{small})\n\tat java.base/java.lang.Thread.run(Thread.java:833)",
	"\n  File \"/app/%{noun}/views.py\", line %{small}, in handle\n    return self.call()",
	"\n\ngoroutine %{small} [running]:\nmain.handle(0xc000%{short})\n\t/src/%{noun}/main.go:%{small} +0x1d",
	"\n    at Object.handle (/app/%{noun}.js:%{small}:%{small})\n    at processTicksAndRejections (node:internal/process/task_queues:95:5)",
}

var exceptions = []string{
	"java.lang.IllegalStateException: ", "Traceback (most recent call last):\nValueError: ", "panic: ", "Error: ", "%{rfc3339} ERROR failed\nCaused by: java.io.IOException: ",
}
