package viewer

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

func count() int {
	if n, err := strconv.Atoi(os.Getenv("HEARTWOOD_VIEWER_RECORDS")); err == nil {
		return n
	}
	return 100_000
}

// row is what the store's own benchmark makes of the same dice.
type row struct {
	time, arrived                            int64
	severity                                 int
	service, body, request, trace, span, uid string
	attributes, resource                     string // JSON
	words                                    string // the attributes' values
}

var (
	services = []string{"gateway", "checkout", "basket", "payments", "search", "mail"}
	paths    = []string{"/api/basket", "/api/checkout", "/api/search", "/api/users", "/login", "/static/app.js"}
	verbs    = []string{"accepted", "loaded", "stored", "sent", "computed", "checked", "completed"}
	nouns    = []string{"basket", "order", "invoice", "session", "customer", "payment", "shipment", "address", "price list", "stock"}
	start    = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
)

type traffic struct {
	*rand.Rand
	at                   time.Time
	step                 time.Duration
	n                    int
	request, trace, path string
	user                 int
}

func (g *traffic) next(b *testing.B) row {
	b.Helper()
	if g.n%5 == 0 {
		g.request = fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", g.Uint32(), g.Uint32()&0xffff, g.Uint32()&0xfff, g.Uint32()&0xfff, g.Uint64()&0xffffffffffff)
		g.trace = fmt.Sprintf("%016x%016x", g.Uint64(), g.Uint64())
		g.path = paths[g.IntN(len(paths))]
		g.user = g.IntN(50_000)
	}
	g.n++
	g.at = g.at.Add(g.step)
	status, severity := 200, 9
	switch roll := g.IntN(1000); {
	case roll < 5:
		status, severity = 503, 17
	case roll < 30:
		status, severity = 404, 13
	}
	noun := nouns[g.IntN(len(nouns))]
	body := fmt.Sprintf("%s %d %s in %d ms", noun, g.IntN(1_000_000), verbs[g.IntN(len(verbs))], g.IntN(900))
	if g.n%100_000 == 77_777 {
		body = "certificate expires soon for " + noun
	}
	values := map[string]any{
		"client.address":            "10.1." + strconv.Itoa(g.IntN(16)) + "." + strconv.Itoa(g.IntN(250)),
		"code.function.name":        verbs[g.IntN(len(verbs))],
		"http.request.method":       "GET",
		"http.response.body.size":   g.IntN(40_000),
		"http.response.status_code": status,
		"http.route":                g.path,
		"log.category":              "application",
		"measure.elapsed":           float64(g.IntN(90_000)) / 1000,
		"process.pid":               1000 + g.IntN(12),
		"request.id":                g.request,
		"thread.name":               "worker-" + strconv.Itoa(g.IntN(8)),
		"user.id":                   g.user,
	}
	which := g.IntN(12)
	attributes, err := json.Marshal(values)
	require.NoError(b, err)
	var words strings.Builder
	for _, v := range values {
		fmt.Fprint(&words, v, " ")
	}
	service := services[which%len(services)]
	return row{
		time: g.at.Add(-time.Duration(g.IntN(2000)) * time.Millisecond).UnixNano(), arrived: g.at.UnixNano(), severity: severity, service: service,
		body: body, request: g.request, trace: g.trace, span: fmt.Sprintf("%016x", g.Uint64()),
		uid:        fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", uint32(g.at.UnixMilli()>>16), uint16(g.at.UnixMilli()), g.n&0xfff, g.Uint32()&0xfff, g.Uint64()&0xffffffffffff),
		attributes: string(attributes), resource: `{"host.name":"node-` + strconv.Itoa(which) + `","service.name":"` + service + `","service.version":"1.4.2"}`,
		words: words.String(),
	}
}

const schema = `
PRAGMA journal_mode=WAL;
PRAGMA synchronous=OFF;
CREATE TABLE records (id INTEGER PRIMARY KEY, time INTEGER, arrived INTEGER, severity INTEGER, service TEXT, body TEXT,
	request TEXT, trace TEXT, span TEXT, uid TEXT, attributes TEXT, resource TEXT);
CREATE INDEX by_time ON records (time);
CREATE INDEX by_service ON records (service, severity, time);
CREATE INDEX by_request ON records (request);
CREATE INDEX by_trace ON records (trace);`

// BenchmarkSQLite has the indexes that the viewer's questions need. Its words are whole ones (FTS5, unicode61),
// where the store finds parts of words, too: FTS5's trigrams would cost more.
func BenchmarkSQLite(b *testing.B) {
	for _, words := range []bool{false, true} {
		name := "words=no"
		if words {
			name = "words=yes"
		}
		b.Run(name, func(b *testing.B) { sqlite(b, words) })
	}
}

func sqlite(b *testing.B, words bool) {
	b.Helper()
	n := count()
	dir := b.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, "records.db"))
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(b.Context(), schema)
	require.NoError(b, err)
	if words {
		_, err = db.ExecContext(b.Context(), `CREATE VIRTUAL TABLE words USING fts5(body, attributes, content='', detail=none)`)
		require.NoError(b, err)
	}
	g := &traffic{Rand: rand.New(rand.NewPCG(1, 2)), at: start, step: 24 * time.Hour / time.Duration(n)}
	spent, request := time.Duration(0), ""
	for at := 0; at < n; {
		batch := make([]row, min(2048, n-at))
		for i := range batch {
			batch[i] = g.next(b)
		}
		if request == "" && at > n/3 {
			request = batch[0].request
		}
		began := time.Now()
		tx, err := db.BeginTx(b.Context(), nil)
		require.NoError(b, err)
		insert, err := tx.PrepareContext(b.Context(), `INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`)
		require.NoError(b, err)
		var index *sql.Stmt
		if words {
			index, err = tx.PrepareContext(b.Context(), `INSERT INTO words (rowid, body, attributes) VALUES (?,?,?)`)
			require.NoError(b, err)
		}
		for i := range batch {
			r := &batch[i]
			at++
			_, err := insert.ExecContext(b.Context(), at, r.time, r.arrived, r.severity, r.service, r.body, r.request, r.trace, r.span, r.uid, r.attributes, r.resource)
			require.NoError(b, err)
			if words {
				_, err = index.ExecContext(b.Context(), at, r.body, r.words)
				require.NoError(b, err)
			}
		}
		require.NoError(b, tx.Commit())
		spent += time.Since(began)
	}
	_, err = db.ExecContext(b.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`)
	require.NoError(b, err)
	info, err := os.Stat(filepath.Join(dir, "records.db"))
	require.NoError(b, err)
	b.ReportMetric(float64(n)/spent.Seconds(), "records/s")
	b.ReportMetric(float64(info.Size())/float64(n), "disk-B/record")

	from, to := start.Add(8*time.Hour).UnixNano(), start.Add(9*time.Hour).UnixNano()
	const columns = `SELECT id, time, severity, service, body, attributes, resource FROM records `
	questions := []struct {
		name, text string
		args       []any
		words      bool
	}{
		{"newest", columns + `ORDER BY time DESC, id DESC LIMIT 100`, nil, false},
		{"time-and-field", columns + `WHERE service='checkout' AND severity>=17 AND time>=? AND time<? ORDER BY time DESC, id DESC LIMIT 100`, []any{from, to}, false},
		{"field", columns + `WHERE attributes->>'$."http.route"'='/login' AND attributes->>'$."http.response.status_code"'>=500 ORDER BY time DESC, id DESC LIMIT 100`, nil, false},
		{"rare-field", columns + `WHERE attributes->>'$."user.id"'=4711 ORDER BY time DESC, id DESC LIMIT 100`, nil, false},
		{"request", columns + `WHERE request=? ORDER BY time DESC, id DESC LIMIT 100`, []any{request}, false},
		{"frequent-word", columns + `WHERE id IN (SELECT rowid FROM words WHERE words MATCH 'invoice') ORDER BY time DESC, id DESC LIMIT 100`, nil, true},
		{"rare-word", columns + `WHERE id IN (SELECT rowid FROM words WHERE words MATCH 'certificate') ORDER BY time DESC, id DESC LIMIT 100`, nil, true},
		{"volume", `SELECT time/720000000000, (severity+3)/4, count(*) FROM records GROUP BY 1, 2`, nil, false},
	}
	for _, question := range questions {
		if question.words != words {
			continue
		}
		var times []time.Duration
		found := 0
		for range 5 {
			began := time.Now()
			rows, err := db.QueryContext(b.Context(), question.text, question.args...)
			require.NoError(b, err)
			names, err := rows.Columns()
			require.NoError(b, err)
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			for found = 0; rows.Next(); found++ {
				require.NoError(b, rows.Scan(values...))
			}
			require.NoError(b, rows.Err())
			require.NoError(b, rows.Close())
			times = append(times, time.Since(began))
		}
		require.True(b, found > 0 || n < 100_000, question.name)
		slices.Sort(times)
		b.ReportMetric(float64(times[2].Microseconds())/1000, question.name+"-ms")
	}
}

// BenchmarkStore runs the store's own benchmark, which can't be imported from here, on the same records.
func BenchmarkStore(b *testing.B) {
	cmd := exec.CommandContext(b.Context(), "go", "test", "-v", "-run", "^$", "-bench", "Queries", "-benchtime", "5x", "./exporters/viewerexporter/internal/store")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "HEARTWOOD_VIEWER_RECORDS="+strconv.Itoa(count()))
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, string(out))
	_, _ = os.Stdout.Write(out)
}
