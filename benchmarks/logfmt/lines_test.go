package logfmt

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// input is a set of lines that a benchmark goes through again and again.
type input struct {
	name  string
	lines []string
	pairs int // that a reader finds in all lines together, duplicates counted once
	all   int // the same, each duplicate counted
}

// routerLine is 301 bytes and 14 pairs, as Heroku's router writes them.
const routerLine = `at=info method=GET path="/orders/26/items?page=2&sort=asc" host=shop-frontend.example.herokuapp.com ` +
	`request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 fwd="204.204.204.204" dyno=web.1 connect=1ms service=18ms ` +
	`status=200 bytes=18734 tls_version=tls1.3 protocol=https tls_cipher=ECDHE-RSA-AES128-GCM-SHA256`

const shortLine = `level=info msg=hi n=5`

const quotedLine = `ts=2026-11-21T08:33:12.659Z level=error msg="could not reserve 3 of 5 items for the order, the shelf is empty and the supplier has not answered within the deadline" ` +
	`error="purchase: ask supplier 17: Post https://supplier.example.com/v1/offers: context deadline exceeded (Client.Timeout exceeded while awaiting headers)" ` +
	`caller=order/reserve.go:118 user="Jane \"JD\" Doe" note="first line\nsecond line\ttabbed" tags="express fragile gift"`

// inputs are made once, from fixed seeds.
func inputs() []input {
	return []input{
		{name: "router", lines: []string{routerLine}, pairs: 14, all: 14},
		routerLines(512),
		{name: "short", lines: []string{shortLine}, pairs: 3, all: 3},
		{name: "quoted", lines: []string{quotedLine}, pairs: 8, all: 8},
		mixedLines(512),
		hostileLine(),
	}
}

// routerLines are n different lines of the router, whose values differ in
// content and length: a branch predictor learns one line by heart in no time.
func routerLines(n int) input {
	r := rand.New(rand.NewPCG(1, 2))
	in := input{name: "router_varied"}
	for range n {
		in.lines = append(in.lines, fmt.Sprintf(`at=%s method=%s path="%s" host=%s request_id=%s fwd="%s" dyno=web.%d connect=%dms service=%dms `+
			`status=%s bytes=%d tls_version=tls1.3 protocol=https tls_cipher=%s`,
			pick(r, "info", "info", "info", "error"), pick(r, "GET", "GET", "POST", "DELETE", "HEAD"), path(r),
			pick(r, "shop-frontend.example.herokuapp.com", "api.example.com", "purchasing.internal.example.com"), uuid(r), addresses(r),
			1+r.IntN(30), r.IntN(12), r.IntN(1<<r.IntN(15)), pick(r, "200", "200", "204", "301", "404", "503"), r.IntN(1<<r.IntN(20)),
			pick(r, "ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256")))
		in.pairs += 14
		in.all += 14
	}
	return in
}

// mixedLines are n lines of an application: other keys, other orders, tags,
// measurements, quoted texts with and without escapes.
func mixedLines(n int) input {
	r := rand.New(rand.NewPCG(3, 4))
	in := input{name: "mixed"}
	parts := []func() string{
		func() string { return "request_id=" + uuid(r) },
		func() string { return fmt.Sprintf("measure.elapsed=%d", r.IntN(1<<r.IntN(16))) },
		func() string { return fmt.Sprintf("measure#db.query=%d.%dms", r.IntN(100), 1+r.IntN(9)) },
		func() string { return fmt.Sprintf("amount=%d.%d%d", r.IntN(1000), r.IntN(10), 1+r.IntN(9)) },
		func() string { return "user=" + pick(r, "jane", "john", "ana", "mohammed") + "@example.com" },
		func() string { return fmt.Sprintf("user_id=%d", r.IntN(1<<r.IntN(31))) },
		func() string { return pick(r, "cached", "retry", "dry_run") },
		func() string { return "exists=" + pick(r, "true", "false") },
		func() string {
			return `msg="` + pick(r, "order confirmed", "reserving items", "no offer from the supplier, asking the next one") + `"`
		},
		func() string {
			return `error="` + pick(r, `unknown sku \"A-17\"`, "timeout", "connection reset by peer") + `"`
		},
		func() string { return "fn=" + pick(r, "create", "verify", "reserve_items") },
		func() string {
			return fmt.Sprintf("caller=%s.go:%d", pick(r, "order", "stock", "mail/send"), r.IntN(900))
		},
		func() string { return `path=` + path(r) },
		func() string { return "peer=" + addresses(r) },
		func() string { return fmt.Sprintf("attempt=%d", r.IntN(4)) },
	}
	for range n {
		words := []string{
			fmt.Sprintf("ts=2026-11-%02dT%02d:%02d:%02d.%03dZ", 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000)),
			"level=" + pick(r, "debug", "info", "info", "warn", "error"), "app=" + pick(r, "ordering", "purchasing", "inventory"),
		}
		order := r.Perm(len(parts))[:3+r.IntN(9)]
		for _, i := range order {
			words = append(words, parts[i]())
		}
		in.lines = append(in.lines, strings.Join(words, " "))
		in.pairs += len(words)
		in.all += len(words)
	}
	return in
}

// hostileLine has 1500 different keys, each twice.
func hostileLine() input {
	in := input{name: "hostile", pairs: 1500, all: 3000}
	var b strings.Builder
	for range 2 {
		for i := range in.pairs {
			fmt.Fprintf(&b, "%x=%d ", i+0xa00, i)
		}
	}
	in.lines = []string{strings.TrimRight(b.String(), " ")}
	return in
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>48&0x3fff, b&(1<<48-1))
}

func path(r *rand.Rand) string {
	p := "/" + pick(r, "orders", "items", "carts/current", "")
	if r.IntN(2) == 0 {
		p += fmt.Sprintf("/%d", r.IntN(1<<r.IntN(24)))
	}
	if r.IntN(3) == 0 {
		p += "/" + pick(r, "edit", "confirmations", "log")
	}
	return p
}

func addresses(r *rand.Rand) string {
	s := fmt.Sprintf("%d.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256))
	if r.IntN(4) == 0 {
		s += "," + addresses(r)
	}
	return s
}
