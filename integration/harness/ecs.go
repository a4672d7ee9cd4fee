package harness

import (
	"errors"
	"fmt"
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecsjson"
)

// Of records whose items have the same names and kinds, so many are checked, and of more
// one in so many: a check takes some 60 µs, and there are tests with 200000 records.
const (
	ecsAlikeChecked = 500
	ecsAlikeSampled = 50
)

// maxECSProblems is how many records a test is told of that are no good ECS.
const maxECSProblems = 5

// ecsChecker says records and spans in ECS, writes them in both nestings, and checks
// that each field of what it wrote is one of the schema's, with its type. It is for one
// goroutine at a time.
type ecsChecker struct {
	mapper   *ecs.Mapper
	check    func(document []byte) error
	document []byte
	seed     maphash.Seed
	alike    map[uint64]int // by names and kinds
	checked  int
	problems []string // the first of them
	wrong    int
}

func newECSChecker() *ecsChecker {
	return &ecsChecker{
		mapper: ecs.NewMapper(ecs.Options{}), check: checkECSDocument,
		seed: maphash.MakeSeed(), alike: map[uint64]int{},
	}
}

// checkECSDocument checks a document against the schema and by the rules of the ECS
// logging specification.
func checkECSDocument(document []byte) error {
	wrong := []error{ecscheck.Document(document)}
	for _, breach := range ecscheck.Logging(document) {
		wrong = append(wrong, breach)
	}
	return errors.Join(wrong...)
}

func (c *ecsChecker) logs(logs plog.Logs) {
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			c.mapper.Begin(rl.Resource(), sl.Scope())
			for _, r := range sl.LogRecords().All() {
				c.items(c.mapper.Log(r), r.Attributes())
			}
		}
	}
}

func (c *ecsChecker) spans(traces ptrace.Traces) {
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			c.mapper.Begin(rs.Resource(), ss.Scope())
			for _, s := range ss.Spans().All() {
				c.items(c.mapper.Span(s), s.Attributes())
			}
		}
	}
}

func (c *ecsChecker) items(items []ecs.Item, of pcommon.Map) {
	if !c.isDue(items) {
		return
	}
	c.checked++
	for _, nesting := range []ecsjson.Nesting{ecsjson.Nested, ecsjson.Dotted} {
		c.document = ecsjson.AppendDocument(c.document[:0], items, nesting)
		err := c.check(c.document)
		if err == nil {
			continue
		}
		if c.wrong++; len(c.problems) < maxECSProblems {
			c.problems = append(c.problems, fmt.Sprintf("%v\n  in %s\n  of %v", err, c.document, Attributes(of.AsRaw())))
		}
	}
}

func (c *ecsChecker) isDue(items []ecs.Item) bool {
	var names maphash.Hash
	names.SetSeed(c.seed)
	for i := range items {
		_, _ = names.WriteString(items[i].Name)
		_ = names.WriteByte(byte(items[i].Kind))
	}
	shape := names.Sum64()
	c.alike[shape]++
	n := c.alike[shape]
	return n <= ecsAlikeChecked || n%ecsAlikeSampled == 0
}
